"""Two comparisons side by side."""

from __future__ import annotations

import json

import pytest

from equimodal.errors import BalanceError
from equimodal.report import beside, write_page
from unit.report.synthetic import write_folder


@pytest.fixture
def other(tmp_path, build_results):
    """The same data with other epochs, without one row and with another."""
    results = build_results(rows=("joint", "dus", "mine"), epochs=20)
    results["environment"]["torch"] = "2.6.0"
    return write_folder(tmp_path / "longer", results)


def cells(table, row):
    return next(line for line in table.lines if line[0] == row)


def test_rows_of_both_stand_side_by_side_with_score_and_difference_to_joint(folder, results, other):
    found = beside(folder, results, other)
    assert found.names == ("keypad", "longer")
    assert found.rows.headings == (
        "row",
        "accuracy %, keypad",
        "vs joint, keypad",
        "accuracy %, longer",
        "vs joint, longer",
        "keypad minus longer",
    )
    _, score, to_joint, same, to_same, apart = cells(found.rows, "dus")
    assert score.startswith("94.") or score.startswith("95.")
    assert to_joint.startswith("+")
    assert (score, to_joint, apart) == (same, to_same, "0.0")  # the same draw in both
    assert cells(found.rows, "amss")[3:] == ("-", "-", "-")
    assert cells(found.rows, "mine")[1:3] == ("-", "-")


def test_the_settings_that_differ_are_named(folder, results, other):
    lines = beside(folder, results, other).settings.lines
    assert lines == [("epochs", "12", "20"), ("torch", "2.13.0", "2.6.0")]


def test_folders_of_one_name_are_told_apart_by_the_ones_above(folder, results, tmp_path):
    again = write_folder(tmp_path / "again" / "keypad", results)
    assert beside(folder, results, again).names[1] == "again/keypad"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "avdigits"}, "the name of its data differ, avdigits there and keypad here"),
        ({"classes": ["a", "b"]}, "the classes of its data differ"),
        ({"score": "macro_f1"}, "held against each other by macro F1, here by accuracy"),
        ({"sizes": {"train": 1}}, "the sizes of its data differ, train 1 there"),
    ],
)
def test_other_data_and_another_score_are_refused(folder, results, other, change, told):
    content = json.loads((other / "results.json").read_text())
    content["data"] |= change
    (other / "results.json").write_text(json.dumps(content))
    with pytest.raises(BalanceError, match=told):
        beside(folder, results, other)
    with pytest.raises(BalanceError, match="cannot stand beside"):
        write_page(folder, other)
    assert not (folder / "report.html").exists()


def test_the_page_shows_both(folder, other):
    source = write_page(folder, other).read_text(encoding="utf-8")
    assert "Beside longer" in source and "Settings that differ" in source
    assert "Beside" not in write_page(folder).read_text(encoding="utf-8")
