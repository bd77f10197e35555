"""What trials of an earlier version saw, each as it was: none of it can be said again."""

import numpy as np
import pytest

from equimodal.comparison.outcome.summary import summarise
from equimodal.diagnosis.advice import advice
from equimodal.numerics.enough import ENOUGH_SEEDS
from equimodal.report.read.findings import against_joint
from unit.diagnosis.test_verdict import found, models
from unit.report.synthetic import make_results

UNTRAINED = "untrained"


def told(verdict):
    """All that a verdict says, and what fits."""
    words = [f"{m}: {v['told']}" for m, v in verdict["modalities"].items()]
    return "\n".join([verdict["headline"], *words, *(tip["reason"] for tip in advice(verdict))])


def test_an_encoder_far_below_its_own_in_the_model_is_no_reference():
    """1: `text: weak by itself (sure, 100 %)`, lost -14.5, "or leave it out"; the truth: 76 %.

    The model itself, whatever its loaders: tests/examples/test_diagnosis_example.py.
    """
    given = models(sound=0.53)
    given["alone:sound"] = (0.38, {"sound": 0.385})
    verdict = found(given, seeds=(0, 1, 2))
    assert verdict["modalities"]["sound"]["word"] == "no verdict"
    assert verdict["state"] == "no verdict"
    assert "weak by itself" not in told(verdict) and "out" not in told(verdict).split()


def test_a_reference_below_the_untrained_encoder_is_not_well_trained_nor_balanced():
    """2: alone 53.5 below untrained 55.0, `well trained (sure, 100 %)`, nothing to mend, with
    joint+unimodal +8.0 two lines above; and advice to leave out both modalities."""
    given = models(joint=0.55, sound=0.54, **{"joint+unimodal": (0.63, {})})
    given["alone:sound"] = (0.53, {"sound": 0.535})
    given[UNTRAINED] = (0.25, {"image": 0.4, "sound": 0.55})
    verdict = found(given)
    assert verdict["modalities"]["sound"]["word"] == "no verdict"
    assert "nothing to mend" not in told(verdict) and "out" not in told(verdict).split()
    assert "joint+unimodal" in [tip["method"] for tip in advice(verdict)]


def test_two_seeds_that_happen_to_agree_show_nothing_of_a_method():
    """3: `above joint with the whole 95 % interval above zero: +3.9 [+3.9, +3.9]`, two seeds."""
    results = make_results(seeds=(0, 1))
    difference = results["summary"]["joint+unimodal"]["difference_to_joint"]
    difference.update(mean=0.039, low=0.039, high=0.039, n=2)
    said = against_joint(results)
    assert f"takes {ENOUGH_SEEDS}" in said and "above zero" not in said


def test_two_seeds_with_the_same_difference_have_the_width_of_their_samples(tmp_path):
    """3: from 152 test samples, whose noise the two seeds share."""
    rng = np.random.default_rng(0)
    rows = {"joint": 0.70, "joint+unimodal": 0.74}
    right = {row: rng.random(152) < share for row, share in rows.items()}
    runs, judged = [], {}
    for row, hit in right.items():
        for seed in (0, 1):
            test = dict.fromkeys(("accuracy", "macro_f1", "mean_average_precision"), hit.mean())
            more = {"modality_accuracy": {}, "probe_accuracy": {}}
            runs.append({
                "method": row, "seed": seed, "lr": 0.1, "status": "finished", "acted": True,
                "message": None, "test": {**test, **more}, "validation": {"accuracy": 0.5},
                "seconds": 1.0, "step_seconds": 0.1,
            })  # fmt: skip
            judged[row, seed] = seen(hit)
    summary = summarise(list(rows), runs, lambda run: judged[run["method"], run["seed"]])["summary"]
    gap = summary["joint+unimodal"]["difference_to_joint"]
    assert gap["n"] == 2 and gap["high"] - gap["low"] > 0.1


def seen(hit):
    """Predictions of two classes that are right where ``hit``."""
    import torch

    from equimodal.comparison.outcome.judged import Judged

    labels = torch.arange(len(hit)) % 2
    said = torch.where(torch.from_numpy(hit), labels, 1 - labels)
    return Judged(torch.eye(2)[said], labels)


@pytest.mark.parametrize("sound", [0.45, 0.75, 0.77])
def test_a_headline_is_never_surer_than_a_word_that_it_names(sound):
    """4: `under-trained: doppler, azimuth, elevation (sure, 100 %)`, elevation not sure, 85 %."""
    verdict = found(models(image=0.80, sound=sound))
    named = [v for m, v in verdict["modalities"].items() if m in verdict["headline"]]
    assert verdict["sure"] <= min(v["sure"] for v in named)


def test_what_fits_begins_with_what_was_measured_and_none_is_left_out_unmeasured():
    """5: "What fits" ignored what was measured in the same folder.

    Of the other two, `--deep` is held in test_folder.py, the budget of `choose` in
    tests/unit/experiments/choice/test_choice.py.
    """
    rivals = {"ensemble": (0.93, {}), "joint+unimodal": (0.97, {}), "amss": (0.7, {})}
    verdict = found(models(sound=0.5, **rivals))
    tips = advice(verdict)
    ahead = verdict["cost"]["ahead"]
    tried = [tip["method"] for tip in tips if tip["method"] in ahead]
    assert tried[:2] == ["joint+unimodal", "ensemble"]
    assert [tip["method"] for tip in tips][: len(tried)] == tried
    assert tried == sorted(tried, key=lambda row: -ahead[row]["difference"]["value"])
    for tip in tips:
        assert ("points measured here" in tip["reason"]) == (tip["method"] in ahead)
        assert "leave out" not in tip["reason"] and "leave it out" not in tip["reason"]
