"""Validation splits for data sets that publish none."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from equimodal.data.converters.table import Row
from equimodal.data.settings import number, whole
from equimodal.numerics.random import data_generator


def with_validation(name: str, rows: Sequence[Row], share: object, seed: object) -> list[Row]:
    """The rows with a part of the training split as validation; test is never touched.

    Each class gives ``share`` of its training samples, at least one, drawn from ``seed``. Whole
    groups move, so a class may give a little more; no class gives all it has.

    Args:
        name: the data set, for an error.
        rows: the samples, split into train and test.
        share: part of the training samples, above 0 to 0.5.
        seed: seed of the draw.

    Raises:
        DataError: the share or the seed is wrong.
    """
    part = number(f"{name}.validation", share, low=0.001, high=0.5)
    rng = data_generator(
        whole(f"{name}.seed", seed, low=0, high=2**32 - 1), f"validation of {name}"
    )
    groups = _groups(rows)
    total = Counter(row.label for row in rows if row.split == "train")
    moved: Counter[str] = Counter()
    chosen: set[int] = set()
    for index in rng.permutation(len(groups)):
        members = groups[index]
        labels = Counter(rows[i].label for i in members)
        wanted = all(moved[label] < part * total[label] for label in labels)
        if wanted and all(moved[label] + n < total[label] for label, n in labels.items()):
            moved += labels
            chosen.update(members)
    return [replace(row, split="validation") if i in chosen else row for i, row in enumerate(rows)]


def drawn(share: float, seed: int, groups: str = "") -> str:
    """The sentence on a validation split, which may keep ``groups`` whole."""
    kept = f" in whole {groups}" if groups else ""
    return f"Validation is {share:.0%} of train{kept}, drawn from seed {seed}."


def with_honest_groups(rows: Sequence[Row]) -> list[Row]:
    """The rows as they are where no group is in two splits, otherwise without groups.

    A manifest with a group in two splits is refused when it is read; a published split stands.
    """
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row.group].add(row.split)
    if all(len(found) == 1 for found in splits.values()):
        return list(rows)
    return [replace(row, group="") for row in rows]


def _groups(rows: Sequence[Row]) -> list[list[int]]:
    """The training rows of each group, and each row without a group by itself."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.split == "train":
            groups[row.group or f"row {index}"].append(index)
    return list(groups.values())
