"""The page: one file, offline, escaped, readable without a mouse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from equimodal.data.target import SCORES_BY_TASK
from equimodal.errors import BalanceError
from equimodal.report import conclusions, write_page
from equimodal.report.page.page import Found, page
from equimodal.report.page.page_tables import controls_table
from equimodal.report.page.sections import accuracy, every_row
from equimodal.report.read.rows import ordered_rows
from equimodal.report.read.standing import shown_first
from unit.report.synthetic import section_text, with_controls

HOSTILE = "</script><img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "link", "input"}


class Outline(HTMLParser):
    """Elements with their attributes, and the text outside scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def outline(folder):
    return Outline(write_page(folder).read_text(encoding="utf-8"))


def test_the_page_lies_beside_the_results_and_nothing_else_is_left(folder):
    before = {path.name for path in folder.iterdir()}
    assert write_page(folder) == folder / "report.html"
    assert {path.name for path in folder.iterdir()} == before | {"report.html"}


def test_the_same_folder_gives_the_same_page(folder):
    first = write_page(folder).read_bytes()
    assert write_page(str(folder)).read_bytes() == first


def test_nothing_is_asked_from_anywhere(outline):
    for _, attributes in outline.elements:
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
    policy = next(m["content"] for m in outline.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")


def test_every_chart_has_its_lines_its_axes_and_its_numbers(outline):
    strips = [a for a in outline.all("div") if a.get("class") == "strips"]
    curves = [a for a in outline.all("div") if a.get("class") == "curves"]
    assert len(strips) > 5 and len(curves) > 15
    assert all(place["role"] == "img" and place["aria-label"] for place in curves)
    titles = [a for a in outline.all("details") if a.get("class") == "numbers"]
    assert len(titles) == len(strips) + len(curves)


def test_charts_show_the_baselines_and_the_best_and_tick_just_these(outline, results):
    ticked = {a["value"] for a in outline.all("input") if "checked" in a}
    every = {
        a["value"] for a in outline.all("input") if a.get("type") == "checkbox" and "value" in a
    }
    assert len(every) == len(ordered_rows(results))
    assert len(ticked) == len(shown_first(results)) < len(every)
    parts = [a for _, a in outline.elements if "data-row" in a]
    assert all(("hidden" in a) == (a["data-row"] not in ticked) for a in parts)


def test_headings_descend_without_a_gap(outline):
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_table_headings_have_a_scope(outline):
    scopes = [cell["scope"] for cell in outline.all("th")]
    assert {"col", "colgroup", "row", "rowgroup"} == set(scopes)


def test_identifiers_are_unique_and_references_resolve(outline):
    names = [a["id"] for _, a in outline.elements if "id" in a]
    assert len(names) == len(set(names))
    for _, attributes in outline.elements:
        assert attributes.get("aria-labelledby", names[0]) in names
        assert attributes.get("href", f"#{names[0]}").removeprefix("#") in names


def test_conclusions_rows_and_the_note_on_the_data_are_there(outline, results):
    words = " ".join("".join(outline.words).split()).replace("\N{MINUS SIGN}", "-")
    for sentence in conclusions(results):
        assert sentence in words
    for row in ordered_rows(results):
        assert row in words
    assert "Pairs of image and sound are made" in words


def test_text_from_results_cannot_become_markup(build_results):
    results = build_results(name=HOSTILE, modalities=("<s>a</s>", "b"), rows=("joint", HOSTILE))
    results["runs"][0]["message"] = HOSTILE
    results["data"]["note"] = HOSTILE
    results["environment"][HOSTILE] = HOSTILE
    outline = Outline(page(results, Found(notes=[HOSTILE])))
    assert not outline.all("img")
    assert not outline.all("s")
    assert len(outline.all("script")) == 2


def test_missing_records_give_a_note_not_a_crash(folder, results):
    for run in results["runs"]:
        place = folder / str(run["folder"]) / "records.json"
        if run["method"] == "dus" and place.exists():
            place.unlink()
    words = "".join(Outline(write_page(folder).read_text(encoding="utf-8")).words)
    assert "What is missing" in words
    assert "dus seed 1: no records.json" in words


def test_results_without_any_run_folder_still_make_a_page(tmp_path, results):
    (tmp_path / "results.json").write_text(json.dumps(results))
    outline = Outline(write_page(tmp_path).read_text(encoding="utf-8"))
    assert "Over the epochs" not in "".join(outline.words)
    assert sum(a.get("class") == "strips" for a in outline.all("div")) == 6


@pytest.mark.parametrize("modalities", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("seeds", [(0,), (0, 1), (0, 1, 2)])
def test_any_number_of_modalities_and_seeds(build_results, modalities, seeds):
    results = build_results(modalities=modalities, seeds=seeds)
    outline = Outline(page(results, Found()))
    assert sum(a.get("class") == "meter" for a in outline.all("div")) == len(modalities)


def test_failed_and_diverged_rows_are_shown(results):
    for run in results["runs"]:
        if run["method"] == "dus":
            run |= {"status": "diverged", "test": None, "validation": None, "message": "loss NaN"}
    results["summary"]["dus"] = {"n": 0, "note": "diverged in 3 of 3", "accuracy": None}
    words = "".join(Outline(page(results, Found())).words)
    assert "diverged in 3 of 3" in words
    assert "loss NaN" in words


def test_values_that_are_not_finite_are_not_drawn(results):
    results["summary"]["dus"]["accuracy"] = {"mean": float("nan"), "sd": float("inf")}
    results["summary"]["dus"]["difference_to_joint"] = {"mean": 0.1, "low": float("nan")}
    assert not re.search("nan|NaN|inf[^o]", section_text(accuracy(results, ["dus"])))


def test_a_damaged_results_file_leaves_the_old_page(folder):
    path = write_page(folder)
    before = path.read_bytes()
    (folder / "results.json").write_text("{")
    with pytest.raises(BalanceError, match="not complete JSON"):
        write_page(folder)
    assert path.read_bytes() == before


def test_a_page_is_made_without_loading_torch(folder):
    code = f"import sys; from equimodal import report; report.write_page({str(folder)!r})"
    check = "; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code + check], check=False).returncode == 0


def test_a_method_with_several_controls_brings_a_table_of_all_of_them(results):
    assert not controls_table(results).lines
    shown = Outline(
        section_text(every_row(with_controls(results, "dus", "relearn-fixed", "amss-x"), {}))
    )
    lines = "\n".join(word for word in map(str.strip, shown.words) if word)
    assert "\ndus\ndus-uniform\n" in lines
    assert "\ndus\nrelearn-fixed\n+" in lines
    assert "\namss\namss-fixed\n" in lines
    assert "controls that were not trained: amss-x (of dus)" in lines
    assert "Against every control" in page(results, Found())


def test_the_epoch_of_convergence_is_a_column_of_both_tables(results):
    shown = page(results, Found())
    assert shown.count("loss&lt;0.1") == 2
    assert "<td>8 (2 of 3)</td>" in shown.replace(' class=""', "")
    for run in results["runs"]:
        run.pop("converged_epoch", None)
    for entry in results["summary"].values():
        del entry["converged_epoch"]
    assert page(results, Found()).count("loss&lt;0.1") == 1


@pytest.mark.parametrize("task", list(SCORES_BY_TASK))
def test_every_column_has_its_heading(results, task):
    """Three further scores had one heading, and what followed stood under another's."""
    results["data"] |= {"task": task, "score": SCORES_BY_TASK[task][0]}
    for entry in results["summary"].values():
        entry |= {"steps": 192, "passes": 12.0}
        entry |= {name: {"mean": 0.5, "sd": 0.1} for name in SCORES_BY_TASK[task]}
    shown = Outline(section_text(every_row(results, {})))
    headings = [a for a in shown.all("th") if "data-sorts" in a]
    content = every_row(results, {}).content
    assert {int(a["data-sorts"]) for a in headings} == set(range(len(content["columns"]) + 1))
