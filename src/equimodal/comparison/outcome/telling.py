"""What intervals rest on, in sentences that table, page and diagnosis share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equimodal.comparison.words import percent
from equimodal.numerics.enough import ENOUGH_GROUPS, ENOUGH_SEEDS

Json = Mapping[str, Any]
ONE_TRAINING = "one seed: intervals speak of this training alone"


def _units_told(judged: Json) -> str:
    """The units of the intervals: "497 groups of 1,988 test samples are the units ..."."""
    seeds = judged["seeds"]
    if not seeds:
        return ""
    first, split = seeds[0], judged["split"]
    samples = f"{first['samples']:,} {split} samples"
    if judged["unit"] == "group":
        return (
            f"intervals take the {first['units']:,} groups of the {samples} of a seed as units, as "
            "samples of one group are alike"
        )
    known = [seed["groups"] for seed in seeds if seed.get("groups") is not None]
    if known and min(known) < first["samples"]:
        fewest = min(known)
        here = "this 1 group" if fewest == 1 else f"these {fewest} groups"
        return (
            f"for {here}: intervals take the {samples} as units, as fewer than {ENOUGH_GROUPS} "
            "groups cannot stand for others"
        )
    return f"intervals take each of the {samples} of a seed as a unit"


def certainty(judged: Json) -> list[str]:
    """What the intervals of a verdict or a table rest on, sentence by sentence."""
    seeds = len(judged["seeds"])
    if seeds >= ENOUGH_SEEDS or not seeds:
        few = ""
    elif seeds == 1:
        few = ONE_TRAINING
    else:
        few = f"{seeds} seeds: a sentence on training in general takes {ENOUGH_SEEDS}"
    return list(filter(None, [few, _units_told(judged)]))


def smallest_told(differences: Mapping[str, Json | None]) -> str:
    """The smallest difference that a table could have shown, by its narrowest and widest interval.

    Args:
        differences: of each row that is held against another, as results.json has them.
    """
    ends = {
        row: (found["low"], found["high"], found.get("n") or 0)
        for row, found in differences.items()
        if found and found.get("low") is not None and found.get("high") is not None
    }
    halves = {row: (high - low) / 2 for row, (low, high, _) in ends.items() if high > low}
    seeds = max((n for _, _, n in ends.values()), default=0)
    if not halves:
        return ""
    if seeds < ENOUGH_SEEDS:
        have = "one seed" if seeds == 1 else f"{seeds} seeds"
        return (
            f"{have} can show no difference of methods, whatever its size: that takes "
            f"{ENOUGH_SEEDS}"
        )
    least, most = min(halves, key=halves.__getitem__), max(halves, key=halves.__getitem__)
    told = f"{percent(halves[least])} points ({least})"
    if least != most:
        told += f" to {percent(halves[most])} ({most})"
    return f"the smallest difference that this table could have shown: {told}"
