"""What `equimodal methods` and `equimodal data` print, for everything that is registered."""

import re
from dataclasses import replace

import pytest

from equimodal import data, methods
from equimodal.cli import catalogue
from equimodal.cli.main import main
from equimodal.comparison.rows import known_rows
from equimodal.methods import facts as facts_of
from places import ROOT


def test_methods_lists_every_method_under_its_family(capsys):
    assert main(["methods"]) == 0

    said = capsys.readouterr().out
    families = dict.fromkeys(methods.entry(name).family for name in methods.names())
    for family in families:
        (section,) = re.findall(rf"^{family}:\n((?:  .*\n)+)", said, re.MULTILINE)
        listed = re.findall(r"^  (\S+)", section, re.MULTILINE)
        assert listed == [n for n in methods.names() if methods.entry(n).family == family]


def test_methods_lists_facts_in_eighty_columns_and_explains_their_words(capsys):
    main(["methods"])

    said = capsys.readouterr().out
    assert all(len(line) <= 80 for line in said.splitlines())
    flat = " ".join(said.split())
    for entry in map(methods.entry, methods.names()):
        facts = f"costs: {facts_of.told_cost(entry)}; needs: {facts_of.told_needs(entry)}; "
        facts += f"takes: {facts_of.told_targets(entry)}; {facts_of.told_origin(entry)}"
        assert (facts in flat) or entry.is_control
        assert not entry.is_control or f"{entry.summary} (control" in flat
    assert all(f"{cost} {meaning}" in flat for cost, meaning in methods.COSTS.items())


@pytest.mark.parametrize("name", methods.names())
def test_a_method_says_its_idea_its_facts_and_what_other_codes_do(name, capsys):
    main(["methods", name])

    said = capsys.readouterr().out
    assert all(len(line) <= 80 for line in said.splitlines()[1:])
    entry, flat = methods.entry(name), " ".join(said.split())
    told = [entry.released, entry.port, facts_of.told_targets(entry)]
    told += [methods.NEEDS[need] for need in entry.needs]
    told += [methods.COSTS[cost] for cost in entry.cost]
    assert all(" ".join(text.split()) in flat for text in told)
    if entry.main:
        assert f"`choose` searches {entry.main.low:g} to {entry.main.high:g}." in flat


def test_the_combination_that_is_shown_can_be_made(capsys):
    main(["methods"])

    (shown,) = re.findall(r"such as (\S+)\.", capsys.readouterr().out)
    assert methods.create(shown)


def test_the_other_rows_are_those_that_compare_takes():
    named = [row.replace("MODALITY", "sound") for row, _ in catalogue._OTHER_ROWS]

    assert set(named) == set(known_rows(["alone:sound"])) - set(methods.names())


def test_data_lists_every_data_set(capsys):
    assert main(["data"]) == 0

    said = capsys.readouterr().out
    assert all(f"\n{name}  " in f"\n{said}" for name in data.names())
    assert "equimodal data check my.csv" in said


@pytest.mark.parametrize("name", methods.names())
def test_a_method_shows_its_settings_as_they_are_written(name, capsys):
    assert main(["methods", name]) == 0

    said = capsys.readouterr().out
    assert said.startswith(f"{name}: {methods.entry(name).summary}\n")
    assert all(f"  {setting}=" in said for setting in methods.settings(name))


def test_a_method_names_all_of_its_controls(monkeypatch, capsys):
    entry = replace(methods.entry("dus"), controls=("dus-uniform", "amss-fixed", "relearn-fixed"))
    monkeypatch.setitem(methods._REGISTRY, "dus", entry)
    main(["methods", "dus"])

    said = " ".join(capsys.readouterr().out.split())
    expected = "dus-uniform, the row without its own idea; also amss-fixed and relearn-fixed"
    assert f"control {expected} " in said


@pytest.mark.parametrize("name", methods.names())
def test_every_setting_of_a_method_is_explained(name):
    explained = catalogue.setting_docs(methods.load(name))

    own = methods.settings(name).keys() - methods.window_settings(name).keys()
    assert own <= set(explained)


@pytest.mark.parametrize("name", [n for n in methods.names() if not n.startswith("joint")])
def test_a_method_names_its_paper_and_a_card_that_exists(name, capsys):
    main(["methods", name])

    said = capsys.readouterr().out
    papers = r"(arxiv\.org/abs/|doi\.org/|openreview\.net/forum|ieeexplore\.ieee\.org/document)"
    place = papers if methods.entry(name).origin == "paper" else r"(github\.com|arxiv\.org)/"
    assert re.search(rf"^paper .*(\n  .*)*https://{place}", said, re.MULTILINE)
    (card,) = re.findall(r"^card +(.*)$", said, re.MULTILINE)
    assert (ROOT / card).is_file()


@pytest.mark.parametrize("name", data.names())
def test_a_data_set_shows_files_origin_licence_and_settings(name, capsys):
    assert main(["data", name]) == 0

    said = capsys.readouterr().out
    assert all(f"\n{fact} " in said for fact in ("files", "origin", "licence"))
    assert all(f"  {setting}=" in said for setting in data.describe(name).settings)
