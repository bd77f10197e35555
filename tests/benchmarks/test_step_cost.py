"""What a step costs: rows against joint training of their own model; their cards tell."""

import importlib
import json

import pytest

from equimodal import methods
from equimodal.methods.entries import ENTRIES
from places import ROOT

WHERE = {"machine": "one core", "date": "today"}


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")  # where they find each other
    return importlib.import_module


def test_the_page_is_that_of_the_file(load):
    pages = load("step_pages")
    assert pages.PAGE.read_text(encoding="utf-8") == pages.written(), (
        "run python benchmarks/step_pages.py"
    )


def test_every_row_with_a_bound_is_measured_on_both_models(load):
    recorded = load("step_record")
    record = recorded.Record(recorded.FILE)
    for setup in ("keypad", "resnet18-pair"):
        missing = [n for n in recorded.BOUNDS if not record.ratios[setup, n]]
        assert not missing, f"run python benchmarks/step_cost.py --methods {','.join(missing)}"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_its_card_leads_to_its_rows(entry):
    card = (ROOT / entry.card).read_text(encoding="utf-8")
    assert f"(../results/step-cost.md#{entry.family})" in card


def test_cases_of_a_round_share_their_joint_training_and_those_with_a_bound_come_first(load):
    cost, bounds = load("step_cost"), load("step_record").BOUNDS
    groups = list(cost.groups(cost.cases("keypad", None)))
    assert {c.method for g in groups for c in g} == set(methods.names())
    assert all(len({c.fusion for c in g}) == 1 and len(g) <= cost.TOGETHER for g in groups)
    bounded = [all(c.label in bounds for c in g) for g in groups]
    assert bounded == sorted(bounded, reverse=True)
    assert {c.label for g, b in zip(groups, bounded, strict=True) if b for c in g} == set(bounds)


def test_a_file_is_continued_by_its_own_machine_alone(load, tmp_path):
    record_of, path = load("step_record").Record, tmp_path / "rounds.jsonl"
    first = record_of(path, WHERE)
    for ratio in (1.0, 1.1):
        first.add({"setup": "keypad", "ratios": {"ogm": ratio}})
    again = record_of(path, {**WHERE, "date": "tomorrow"})
    assert again.ratios["keypad", "ogm"] == [1.0, 1.1]
    assert len(path.read_text().splitlines()) == 3
    assert json.loads(path.read_text().splitlines()[0]) == WHERE
    with pytest.raises(SystemExit, match="another --file"):
        record_of(path, {**WHERE, "machine": "two cores"})


def test_a_row_is_settled_by_a_narrow_interval_of_enough_rounds(load, tmp_path):
    record = load("step_record").Record(tmp_path / "rounds.jsonl", WHERE)
    ratios = [1.01, 1.03, 1.01, 1.03, 1.01, 1.03, 1.01, 1.03]
    for k, ratio in enumerate(ratios):
        assert not record.settled("keypad", "ogm")
        wide = ratio if k % 2 else ratio + 0.2
        record.add({"setup": "keypad", "ratios": {"ogm": ratio, "agm": wide}})
    # The mean of 1.01 and 1.03; 2.3646 is Student's t of seven degrees.
    assert record.mean("keypad", "ogm") == pytest.approx((1.02, 2.3646 * 0.01 / 7**0.5), rel=1e-4)
    assert record.settled("keypad", "ogm")
    assert not record.settled("keypad", "agm")


def test_a_ratio_is_held_against_its_bound_which_is_wider_on_the_small_model(load, tmp_path):
    pages = load("step_pages")
    record = load("step_record").Record(tmp_path / "rounds.jsonl", WHERE)
    for _ in range(8):
        for setup in ("keypad", "resnet18-pair"):
            record.add({"setup": setup, "ratios": {"ogm": 1.05, "amss": 1.05}})
    assert pages.told(record, "keypad", "ogm") == "1.050 ± 0.000, within 1.09"
    assert pages.told(record, "resnet18-pair", "ogm") == "1.050 ± 0.000, **above 1.03**"
    assert pages.told(record, "resnet18-pair", "amss") == "1.050 ± 0.000"
