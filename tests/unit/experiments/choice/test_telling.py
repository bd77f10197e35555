"""What a choice prints."""

from equimodal.experiments.choice.telling import outcome

FOUND = {"validation": 0.905, "test": {"mean": 0.9, "sd": 0.012}}
CHOICE = {
    "verdict": "balanced",
    "trials": [{}],
    "fresh": {"seeds": [1, 2], "rows": {"joint": FOUND}},
    "pick": {
        "name": "amss",
        "command": "equimodal train",
        "difference": {"mean": -0.0004, "low": -0.013, "high": 0.0002},
    },
    "notes": [],
    "budget": {"spent": 30.0, "seconds": 60.0},
}


def test_rows_stand_with_mean_and_sd():
    assert "  joint  validation 90.5  test 90.0 ± 1.2" in list(outcome(CHOICE))
    one = FOUND | {"test": {"mean": 0.9, "sd": None}}
    fresh = {"seeds": [1], "rows": {"joint": one}}
    assert "  joint  validation 90.5  test 90.0" in list(outcome(CHOICE | {"fresh": fresh}))


def test_the_verdict_is_told_by_its_headline():
    assert next(outcome(CHOICE)) == "verdict: balanced"
    told = CHOICE | {"headline": "under-trained: sound (sure, 99 %)"}
    assert next(outcome(told)) == "verdict: under-trained: sound (sure, 99 %)"


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    told = "\n".join(outcome(CHOICE))
    assert "joint+unimodal: 0.0 [-1.3, 0.0] points" in told
    assert "-0.0" not in told
