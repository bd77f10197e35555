"""keypad with classes of 9 to 1: of the keys 5 to 9 every ninth press is kept. For verdicts.py."""

from dataclasses import replace

import numpy as np

from equimodal.data.arrays import Arrays, Split
from equimodal.data.sets.keypad import FACTS as FACTS
from equimodal.data.sets.keypad import keypad

RATIO, FIRST_RARE = 9, 5


def lopsided(
    *,
    seed: int,
    snr: float = 10.0,
    distractors: int = 2,
    third: bool = False,
    touch_noise: float = 0.3,
) -> Arrays:
    """`keypad` with its settings, but for the presses that are left out."""
    whole = keypad(
        seed=seed, snr=snr, distractors=distractors, third=third, touch_noise=touch_noise
    )
    settings: dict[str, object] = {
        "snr": snr, "distractors": distractors, "third": third, "touch_noise": touch_noise,
    }  # fmt: skip
    parts = {name: _thinned(getattr(whole, name)) for name in ("train", "validation", "test")}
    return replace(whole, **parts, settings=settings)


def _thinned(split: Split) -> Split:
    """Every ninth source of each rare class, with all that was rendered of it."""
    assert split.groups is not None
    kept = split.labels < FIRST_RARE
    for key in range(FIRST_RARE, 10):
        sources = np.unique(split.groups[split.labels == key])
        kept |= (split.labels == key) & np.isin(split.groups, sources[::RATIO])
    return split.rows(kept)
