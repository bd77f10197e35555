"""A diagnosis in words."""

from equimodal.diagnosis.advice import advice
from equimodal.diagnosis.rules import UNDER_TRAINED
from equimodal.diagnosis.sentences import headline, word_told
from equimodal.diagnosis.text import lines, recording_lines


def estimate(value, low=None, high=None):
    return {"value": value, "low": value if low is None else low, "high": high or value}


NOTHING = estimate(-0.0001, -0.0004, 0.0003)
PROBE = {"fused": estimate(0.5), "alone": estimate(0.5), "untrained": None, "lost": NOTHING}
JUDGED = {"word": UNDER_TRAINED, "sure": 0.9, "probe": PROBE, "chance": 0.1}
JUDGED["told"] = word_told(JUDGED)
UNIMODAL = {"accuracy": estimate(0.7), "difference": NOTHING}
COST = {
    "accuracy": estimate(0.7, 0.6, 0.8),
    "ahead": {"joint+unimodal": UNIMODAL},
    "best_alone": None,
}
VERDICT = {"state": UNDER_TRAINED, "sure": 0.9, "modalities": {"sound": JUDGED}, "cost": COST}
VERDICT["headline"] = headline(VERDICT)
CONTENT = {
    "source": {"data": "x", "row": "joint", "samples": [9], "split": "test", "readout": "r"},
    "verdict": VERDICT,
    "advice": advice(VERDICT),
    "measures": {"shapley": {"accuracy": {"sound": estimate(-0.0001)}}},
    "missing": [],
    "settling": [],
    "notes": [],
}


def test_estimates_stand_with_their_intervals():
    told = "\n".join(lines(CONTENT))
    assert "accuracy 70.0 [60.0, 80.0] %" in told
    assert "verdict: under-trained: sound (not sure, 90 %)" in told


def test_nothing_lost_and_nothing_gained_are_zero_without_a_sign():
    told = "\n".join(lines(CONTENT))
    assert "lost 0.0 [0.0, 0.0] points" in told
    assert "joint+unimodal: 70.0 %, 0.0 [0.0, 0.0] points" in told
    assert "joint+unimodal: 0.0 [0.0, 0.0] points measured here: " in told
    assert "points): sound 0.0" in told
    assert "-0.0" not in told


def test_a_course_of_nothing_is_zero_without_a_sign():
    course = {"sound": {"first": -0.0, "last": None, "mean": 0.0}}
    content = {
        "source": {"data": "x", "updates": 9, "modalities": ["sound"]},
        "measures": {"training": {"conflict": course}},
    }
    assert "cosine of fused and own gradient (below 0: conflict): sound 0 to -" in "\n".join(
        recording_lines(content)
    )
