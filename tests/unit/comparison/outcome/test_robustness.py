import pytest
import torch

from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.outcome.summary import summarise
from equimodal.measures.robustness import KINDS
from equimodal.numerics.intervals import Units
from equimodal.training.robustness.passes import Stressed
from unit.comparison.outcome.test_summary import run

LEVELS = (0.0, 0.5, 1.0)
LABELS = torch.arange(20) % 2


def said(*right):
    """Classes at each level, (L, N), right for so many of the first samples."""
    return torch.stack([torch.where(torch.arange(20) < n, LABELS, 1 - LABELS) for n in right])


CURVES = {"joint": said(16, 12, 4), "amss": said(18, 16, 14)}


def judged(row, *, modalities="a", classes=None):
    own = CURVES[row] if classes is None else classes
    found = {kind: dict.fromkeys(modalities, own) for kind in KINDS}
    return Judged(torch.eye(2)[own[0]], LABELS, stressed=Stressed(LEVELS, found))


def summary(read, rows=("joint", "amss"), **options):
    runs = [run(row, seed, 0.5) for row in rows for seed in (0, 1)]
    for one in runs:
        one["test"] |= {"score": 0.5, "modality_score": {}, "probe_score": {}}
    found = summarise(rows, runs, lambda one: read(one["method"]), modalities="ab", **options)
    return {row: own.get("robustness") for row, own in found["summary"].items()}


def test_relative_and_effective_robustness_of_every_row():
    found = summary(judged)
    joint, row = (found[name]["curves"]["noised"]["a"] for name in ("joint", "amss"))
    assert found["amss"]["levels"] == [0.0, 0.5, 1.0]
    assert [one["mean"] for one in row["scores"]] == [0.9, 0.8, 0.7]
    # By trapezoids: .9 / 4 + .8 / 2 + .7 / 4, and .8 / 4 + .6 / 2 + .2 / 4.
    assert row["relative"]["mean"] == pytest.approx(0.8)
    assert joint["relative"]["mean"] == pytest.approx(0.55)
    assert row["relative_difference_to_joint"]["mean"] == pytest.approx(0.25)
    # Joint from the same clean .9 would be at .9, .7, .3: 0, .1 and .4 below.
    assert row["effective"]["mean"] == pytest.approx(0.1 / 2 + 0.4 / 4)
    assert joint["effective"] is None and joint["relative_difference_to_joint"] is None


def test_the_interval_is_that_of_the_areas_of_the_samples():
    row = summary(judged)["amss"]["curves"]["dropped"]["a"]
    weights = torch.tensor([0.25 - 1, 0.5, 0.25]).double()
    ours, theirs = ((CURVES[name] == LABELS).double() for name in ("amss", "joint"))
    area = weights @ (ours - theirs)
    expected = Units([torch.arange(20)] * 2).interval([area, area]).plain()
    for key in ("mean", "low", "high"):
        assert row["effective"][key] == pytest.approx(expected[key])
    assert row["effective"]["n"] == 2 and row["effective"]["units"] == 20


def test_a_row_without_the_modality_has_a_level_curve():
    row = summary(judged)["amss"]["curves"]["shuffled"]["b"]
    assert [one["mean"] for one in row["scores"]] == [0.9] * 3
    assert row["relative"]["mean"] == pytest.approx(0.9)


def test_runs_that_kept_nothing_have_no_curves():
    def read(row):
        return judged(row) if row == "joint" else Judged(torch.eye(2)[LABELS], LABELS)

    found = summary(read)
    assert found["amss"] is None and found["joint"] is not None
    assert summary(lambda row: None) == {"joint": None, "amss": None}
    without = summary(lambda row: judged(row), rows=("amss",))["amss"]["curves"]["noised"]["a"]
    assert without["relative"]["mean"] == pytest.approx(0.8) and without["effective"] is None


def test_a_score_that_is_no_mean_over_samples_has_its_own_value_and_an_interval():
    found = summary(judged, main="macro_f1")["amss"]["curves"]["noised"]["a"]
    # Of 20 samples in two equal classes n right ones, evenly: macro F1 is n / 20.
    assert [one["mean"] for one in found["scores"]] == pytest.approx([0.9, 0.8, 0.7])
    assert found["relative"]["mean"] == pytest.approx(0.8)
    assert found["effective"]["mean"] == pytest.approx(0.15)
    assert found["effective"]["low"] < 0.15 < found["effective"]["high"]
