"""What a verdict advises."""

from equimodal import methods
from equimodal.diagnosis.advice import advice
from equimodal.diagnosis.rules import UNDER_TRAINED, WELL_TRAINED
from equimodal.diagnosis.text import lines

VERDICT = {
    "state": UNDER_TRAINED,
    "sure": 1.0,
    "modalities": {"image": {"word": WELL_TRAINED}, "sound": {"word": UNDER_TRAINED}},
    "cost": {"ahead": {}, "best_alone": None},
}


def test_every_method_that_is_advised_comes_with_all_of_its_controls(monkeypatch):
    entry = methods.Entry("amss", "amss:AMSS", "", controls=("amss-fixed", "dus-uniform"))
    monkeypatch.setitem(methods._REGISTRY, "amss", entry)
    controls = {tip["method"]: tip["controls"] for tip in advice(VERDICT)}
    assert controls["amss"] == ["amss-fixed", "dus-uniform"]
    assert controls["joint+unimodal"] == controls["ensemble"] == []


def test_the_text_names_the_controls_below_the_method():
    cost = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}, "ahead": {}}
    modalities = {m: {"word": None, "probe": {"fused": None}} for m in VERDICT["modalities"]}
    content = {
        "source": {"data": "x", "row": "joint", "samples": [9], "split": "test", "readout": "r"},
        "verdict": VERDICT | {"modalities": modalities, "cost": cost},
        "advice": [{"method": "amss", "reason": "why", "controls": ["a", "b"]}],
        "measures": {}, "missing": [], "notes": [],
    }  # fmt: skip
    shown = lines(content)
    assert shown[shown.index("  amss: why") + 1] == "    to be held against a, b"
