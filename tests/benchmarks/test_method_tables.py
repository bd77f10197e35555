"""README and the index of cards say what the registry says."""

import importlib.util
import sys
from dataclasses import replace

import pytest

from equimodal.methods.entries import ENTRIES
from places import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))  # where they find each other
SPEC = importlib.util.spec_from_file_location("method_tables", ROOT / "benchmarks/method_tables.py")
tables = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tables)


@pytest.mark.parametrize("page", tables.PAGES)
def test_a_pages_table_is_the_registrys(page):
    assert (ROOT / page).read_text(encoding="utf-8") == tables.written(page), (
        "run python benchmarks/method_tables.py"
    )


@pytest.mark.parametrize("page", tables.PAGES)
def test_a_sentence_that_changes_and_a_method_that_is_added_are_noticed(page, monkeypatch):
    before = tables.written(page)
    changed = replace(ENTRIES[-1], summary="another sentence")
    for entries in ((*ENTRIES[:-1], changed), (*ENTRIES, replace(changed, name="newcomer"))):
        monkeypatch.setattr(tables, "ENTRIES", entries)
        assert tables.written(page) != before


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_row_has_a_card_that_names_it(entry):
    assert f"`{entry.name}`" in (ROOT / entry.card).read_text(encoding="utf-8")
