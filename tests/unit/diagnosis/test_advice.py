"""What a verdict advises."""

from dataclasses import replace

from equimodal import methods
from equimodal.diagnosis.advice import advice, fitting_any
from equimodal.diagnosis.rules import BALANCED, BEHIND, UNDER_TRAINED, WEAK, WELL_TRAINED
from equimodal.diagnosis.text import lines
from equimodal.methods.entry import AHEAD, STARVED

VERDICT = {
    "state": UNDER_TRAINED,
    "sure": 1.0,
    "modalities": {"image": {"word": WELL_TRAINED}, "sound": {"word": UNDER_TRAINED}},
    "cost": {"ahead": {}, "best_alone": None},
}


def test_every_method_that_is_advised_comes_with_all_of_its_controls(monkeypatch):
    entry = replace(methods.entry("amss"), controls=("amss-fixed", "dus-uniform"))
    monkeypatch.setitem(methods._REGISTRY, "amss", entry)
    controls = {tip["method"]: tip["controls"] for tip in advice(VERDICT)}
    assert controls["amss"] == ["amss-fixed", "dus-uniform"]
    assert controls["joint+unimodal"] == controls["ensemble"] == []


def test_a_method_without_a_meaning_for_the_task_is_not_advised():
    every = {tip["method"] for tip in advice(VERDICT)}
    numbers = {tip["method"] for tip in advice({**VERDICT, "task": "regression"})}
    assert {"amss", "joint+unimodal", "ensemble"} <= numbers < every
    assert {"pmr", "agm"} & every and not {"pmr", "agm"} & numbers
    assert "amss" in fitting_any({}) and "amss" in fitting_any({"task": "multi-label"})
    assert len(fitting_any({"task": "multi-label"})) < len(fitting_any({}))


def test_the_text_names_the_controls_below_the_method():
    cost = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}, "ahead": {}}
    modalities = {m: {"told": "x", "probe": {"fused": None}} for m in VERDICT["modalities"]}
    content = {
        "source": {"data": "x", "row": "joint", "samples": [9], "split": "test", "readout": "r"},
        "verdict": VERDICT | {"headline": "h", "modalities": modalities, "cost": cost},
        "advice": [{"method": "amss", "reason": "why", "controls": ["a", "b"]}],
        "measures": {}, "missing": [], "settling": [], "notes": [],
    }  # fmt: skip
    shown = lines(content)
    assert shown[shown.index("  amss: why") + 1] == "    to be held against a, b"


def test_methods_are_advised_in_the_order_of_their_cases_each_with_the_modalities_named():
    tips = [(tip["method"], tip["reason"]) for tip in advice(VERDICT)]
    first = ["joint+unimodal", "dus", "amss", "relearn", "ensemble"]
    assert [row for row, _ in tips if row in first] == first
    fitting = [row for case in (STARVED, AHEAD) for row, _ in methods.fitting(case)]
    assert [row for row, _ in tips] == [*dict.fromkeys(fitting), "ensemble"]
    reasons = dict(tips)
    assert reasons["dus"] == (
        "not tried here: draws larger batches for the modality that scores lower, here sound, on "
        "losses of its own"
    )
    assert reasons["amss"] == (
        "not tried here: updates fewer units of the encoder that is ahead, here image, so that the "
        "fused loss leaves something for sound"
    )


def test_what_needs_a_modality_that_is_ahead_is_not_advised_where_none_is():
    starved = VERDICT | {"modalities": {m: {"word": UNDER_TRAINED} for m in ("image", "sound")}}
    tips = {tip["method"]: tip["reason"] for tip in advice(starved)}
    assert list(tips) == [*(row for row, _ in methods.fitting(STARVED)), "ensemble"]
    assert not {"amss", "relearn"} & set(tips)
    assert "here image and sound, on" in tips["dus"]


def test_a_fusion_that_is_behind_is_advised_the_ensemble_first_with_what_it_scored():
    difference = {"value": 0.05, "low": 0.01, "high": 0.08}
    measured = {"ahead": {"ensemble": {"difference": difference}}, "best_alone": None}
    tips = advice(VERDICT | {"state": BEHIND, "cost": measured})
    assert [tip["method"] for tip in tips] == ["ensemble", "joint+unimodal"]
    assert tips[0]["reason"].startswith("+5.0 [+1.0, +8.0] points measured here: the encoders are")
    assert tips[1]["reason"].startswith("not tried here: ")


def difference(value, half=0.01):
    return {"difference": {"value": value, "low": value - half, "high": value + half}}


def test_what_was_measured_in_the_folder_comes_first_by_its_difference():
    ahead = {"amss": difference(-0.02), "dus": difference(0.01), "joint+unimodal": difference(0.04)}
    tips = advice(VERDICT | {"cost": {"ahead": ahead, "best_alone": None}})
    assert [tip["method"] for tip in tips[:3]] == ["joint+unimodal", "dus", "amss"]
    assert not set(ahead) & {tip["method"] for tip in tips[3:]}
    assert [tip["reason"].split(" points")[0] for tip in tips[:3]] == [
        "+4.0 [+3.0, +5.0]", "+1.0 [0.0, +2.0]", "-2.0 [-3.0, -1.0]",
    ]  # fmt: skip


def test_a_row_that_is_shown_to_be_better_is_named_whatever_the_state():
    ahead = {"relearn": difference(0.04), "dus": difference(0.005)}
    found = {"state": BALANCED, "cost": {"ahead": ahead, "best_alone": None}}
    assert [tip["method"] for tip in advice(VERDICT | found)] == ["relearn"]


def test_no_modality_is_advised_to_be_left_out_unless_a_measured_row_shows_it():
    """Both modalities of a data set were advised to be left out."""
    weak = {m: {"word": WEAK} for m in ("image", "sound")}
    told = " ".join(t["reason"] for t in advice(VERDICT | {"state": BALANCED, "modalities": weak}))
    assert "leave" not in told and "look at its data and its encoder" in told
