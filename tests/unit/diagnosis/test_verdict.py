"""The state of the model, and how sure it is."""

from zlib import crc32

import pytest
import torch

from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import UNIMODAL, UNTRAINED
from equimodal.diagnosis.columns import Columns
from equimodal.diagnosis.evidence import Case, Evidence
from equimodal.diagnosis.rules import (
    BALANCED,
    BEHIND,
    LEARNED_NOTHING,
    NO_VERDICT,
    SEEDS,
    UNDER_TRAINED,
    WELL_TRAINED,
)
from equimodal.diagnosis.verdict import verdict

COUNT = 4000
LABELS = torch.arange(COUNT) % 4
SOURCE = {"kind": "run", "data": "x", "row": "joint", "split": "test"}


def right(share, seed, name):
    """Classes that are the label's with this probability, drawn anew for every name."""
    draw = torch.Generator().manual_seed(crc32(f"{seed}/{name}".encode()))
    hit = torch.rand(COUNT, generator=draw) < share
    return torch.where(hit, LABELS, (LABELS + 1) % 4)


def judged(accuracy, probes, seed, name, labels=LABELS):
    said = right(accuracy, seed, name)
    probed = {m: right(share, seed, f"{name}/{m}") for m, share in probes.items()}
    return Judged(torch.eye(4)[said], labels, probed=probed)


def found(models, seeds=(0,), names=("image", "sound")):
    """The verdict on joint of models by name: (accuracy, probes by modality)."""
    evidence = tuple(
        Evidence(s, {name: judged(*given, s, name) for name, given in models.items()})
        for s in seeds
    )
    case = Case(SOURCE, names, "joint", evidence)
    return verdict(case, Columns(case))


def models(joint=0.9, image=0.85, sound=0.80, **more):
    return {
        "joint": (joint, {"image": image, "sound": sound}),
        "alone:image": (0.85, {"image": 0.86}),
        "alone:sound": (0.80, {"sound": 0.81}),
        UNTRAINED: (0.25, {"image": 0.4, "sound": 0.4}),
        **more,
    }


def test_encoders_as_good_as_alone_and_no_better_alternative_are_balanced():
    got = found(models(**{UNIMODAL: (0.9, {}), "ensemble": (0.88, {})}))
    assert got["state"] == BALANCED
    assert {v["word"] for v in got["modalities"].values()} == {WELL_TRAINED}
    assert got["headline"].startswith("balanced: nothing to mend (")


@pytest.mark.parametrize("rival", [UNIMODAL, "ensemble"])
def test_an_alternative_above_joint_by_the_interval_is_no_balance(rival):
    """`nothing that balancing could mend`, with joint+unimodal +8.0 [+6.4, +9.7] above it."""
    got = found(models(joint=0.85, **{rival: (0.93, {})}))
    assert got["state"] == BEHIND
    assert got["cost"]["ahead"][rival]["difference"]["low"] > 0
    assert "nothing to mend" not in got["headline"]


def test_an_alternative_that_is_not_shown_to_lead_leaves_less_than_all_certainty():
    close = found(models(image=0.88, sound=0.83, **{UNIMODAL: (0.905, {})}))
    far = found(models(image=0.88, sound=0.83, **{UNIMODAL: (0.7, {})}))
    assert close["state"] == far["state"] == BALANCED
    assert close["sure"] < far["sure"]


def test_the_headline_is_as_sure_as_the_least_sure_word_that_it_names():
    """`under-trained: doppler, azimuth, elevation (sure, 100 %)` above `not sure, 87 %`."""
    got = found(models(image=0.822, sound=0.50))
    words = got["modalities"]
    assert [v["word"] for v in words.values()] == [UNDER_TRAINED] * 2
    assert words["image"]["sure"] < words["sound"]["sure"]
    assert got["sure"] == words["image"]["sure"]
    assert got["headline"].startswith("under-trained: image, sound (not sure")


def test_a_word_that_is_not_likely_enough_is_not_said():
    got = found(models(image=0.83, sound=0.50))
    image = got["modalities"]["image"]
    assert (image["word"], image["sure"], image["wants"]) == (NO_VERDICT, None, SEEDS)
    assert "it leans to under-trained (69 %), and 90 % are asked for" in image["told"]
    assert got["headline"].startswith("under-trained: sound (sure")


def test_a_model_that_is_not_above_the_majority_class_learned_nothing():
    """Tweets: accuracy 62.2, majority 62.0, and `balanced: nothing to mend (sure, 100 %)`."""
    got = found(models(joint=0.25))
    assert got["state"] == LEARNED_NOTHING
    assert got["headline"].startswith("learned nothing: ")
    assert "above naming the most frequent class" in got["headline"]


def test_a_modality_without_a_word_leaves_the_model_without_a_verdict():
    floor = {UNTRAINED: (0.25, {"image": 0.4, "sound": 0.85})}
    got = found(models(**floor))
    assert (got["state"], got["sure"]) == (NO_VERDICT, None)
    assert got["headline"] == "no verdict: nothing can be said of sound"
    assert got["modalities"]["sound"]["why"] in got["modalities"]["sound"]["told"]


def test_an_under_trained_modality_is_named_whatever_is_open_of_others():
    floor = {UNTRAINED: (0.25, {"image": 0.9, "sound": 0.4})}
    got = found(models(sound=0.5, **floor))
    assert (got["state"], got["modalities"]["image"]["word"]) == (UNDER_TRAINED, NO_VERDICT)


def test_chance_is_the_share_of_the_most_frequent_class():
    assert found(models())["modalities"]["image"]["chance"] == 0.25


def test_what_was_kept_is_the_share_of_what_training_alone_adds():
    got = found(models(sound=0.605))["modalities"]["sound"]
    assert got["kept"] == pytest.approx((0.605 - 0.4) / (0.81 - 0.4), abs=0.06)
    floor = {UNTRAINED: (0.25, {"image": 0.4, "sound": 0.81})}
    assert found(models(**floor))["modalities"]["sound"]["kept"] is None
