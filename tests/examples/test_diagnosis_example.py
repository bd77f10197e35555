"""A model of one's own, trained by AdamW on accumulated batches, gets the one true verdict."""

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "diagnose_cnn_gru.py"


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture(scope="module")
def found(example):
    return {loaded: example["diagnosed"](loaded=loaded) for loaded in (16, 32, 128)}


def test_the_verdict_is_the_true_one_whatever_the_batch_size_of_the_loaders(found):
    """Three verdicts for one model: `weak by itself (sure, 100 %)`, `under-trained (sure, 100 %)`,
    `not sure, 90 %`; the loaders' batch size and a default optimizer decided."""
    for one in found.values():
        words = {m: v["word"] for m, v in one["verdict"]["modalities"].items()}
        assert words == {"sound": "well trained", "text": "under-trained"}
        assert one["verdict"]["state"] == "under-trained"
        assert one["verdict"]["modalities"]["text"]["probe"]["lost"]["low"] > 0.03


def test_the_budget_of_the_training_is_taken_over_and_printed(found):
    for one in found.values():
        budget = one["source"]["budget"]
        assert budget["batch_size"] == 32 and budget["updates"] == 200
        assert budget["optimizer"] == "AdamW (lr 0.003)"
        assert budget["seeds"] == [0, 1, 2]
        assert budget["told"] in one["text"]
