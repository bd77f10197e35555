"""The judgement of the benchmark of verdicts, and the data that it makes harder."""

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
_SPEC = importlib.util.spec_from_file_location("verdicts", BENCHMARKS / "verdicts.py")
verdicts = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(verdicts)

WORDS = {"image": "well trained", "sound": "under-trained"}


def given(state, sound, *, sure=0.99, state_sure=0.99):
    image = {"word": "well trained", "sure": 0.99}
    words = {"image": image, "sound": {"word": sound, "sure": sure}}
    return {"state": state, "sure": state_sure, "words": words}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (given("under-trained", "under-trained"), "right"),
        (given("no verdict", "no verdict", sure=None, state_sure=None), "open"),
        (given("learned nothing", "under-trained"), "open"),
        (given("balanced: nothing to mend", "well trained"), "wrong"),
        (given("balanced: nothing to mend", "well trained", sure=0.8, state_sure=0.8), "unsure"),
        (given("no verdict", "weak by itself", sure=0.96, state_sure=None), "wrong"),
        (given("fusion behind", "under-trained"), "wrong"),
    ],
)
def test_an_outcome_is_right_open_unsure_or_confidently_wrong(found, expected):
    assert verdicts.judged(found, WORDS) == expected


def test_a_third_modality_that_is_noise_is_weak_and_the_rare_classes_are_a_ninth():
    case, data, epochs = verdicts.varied(verdicts.CASES["a modality starved"], "third-noise")
    assert case.words["touch"] == "weak by itself" and case.settings["third"]
    assert (data, epochs) == ("keypad", verdicts.EPOCHS)
    import lopsided

    whole = lopsided.lopsided(seed=1000)
    for split in (whole.train, whole.validation, whole.test):
        counts = np.bincount(split.labels, minlength=10)
        assert 7 < counts[:5].sum() / counts[5:].sum() < 10


def test_what_a_set_was_told_is_kept_as_a_line_and_not_trained_again(tmp_path, monkeypatch):
    kept = tmp_path / "kept" / "verdicts.jsonl"
    options = argparse.Namespace(out=str(tmp_path), outcomes=str(kept))
    found = given("under-trained", "under-trained")
    found["modalities"] = found.pop("words")
    for word in found["modalities"].values():
        word |= {"why": "", "probe": {"lost": {"value": 0.1}}}
    trained = []
    monkeypatch.setattr(verdicts, "trained", lambda *given: trained.append(given[2]))
    monkeypatch.setattr(verdicts, "diagnose_folder", lambda *_, **__: {"verdict": found})
    made = [verdicts.outcome("balanced", "plain", number, options) for number in (1, 0, 1)]
    assert trained == [range(3, 6), range(3)]
    assert made[0] == made[2] and made[0]["words"]["sound"]["lost"] == {"value": 0.1}
    assert verdicts.known("balanced", "plain", options) == [made[1], made[0]]
    assert verdicts.known("balanced", "few-epochs", options) == []
