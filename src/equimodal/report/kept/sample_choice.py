"""Which test samples a page shows: a few of every kind, the same ones whenever it is made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST = 36

Flags = NDArray[np.bool_]


def chosen_samples(
    labels: NDArray[np.int64], right: Sequence[Flags], most: int = MOST
) -> list[int]:
    """Indices of at most ``most`` samples, in their order.

    Samples fall into groups by who is right about them, and are taken from the groups in turn,
    the rarest first; within a group, from the classes in turn, each in the samples' order. Every
    group begins with the class at which the one before stops, so that all classes are seen.

    Args:
        labels: class of every sample, (N,).
        right: for each predictor that counts (a modality trained alone, the fused model), whether
            it is right, (N,).
        most: how many samples.
    """
    groups: dict[tuple[bool, ...], list[int]] = defaultdict(list)
    for index in range(len(labels)):
        groups[tuple(bool(flags[index]) for flags in right)].append(index)
    ordered = sorted(groups.values(), key=lambda members: (len(members), members[0]))
    each = -(-most // max(1, len(ordered)))
    queues = [_by_class(members, labels, each * turn) for turn, members in enumerate(ordered)]
    return sorted(_in_turn(queues, most))


def _by_class(members: list[int], labels: NDArray[np.int64], first: int) -> list[int]:
    """The members, one of each class in turn, from class ``first`` on (modulo their number)."""
    classes = int(labels.max()) + 1
    seen: dict[int, int] = defaultdict(int)
    order: dict[int, tuple[int, int]] = {}
    for index in members:
        label = int(labels[index])
        order[index] = (seen[label], (label - first) % classes)
        seen[label] += 1
    return sorted(members, key=lambda index: order[index])


def _in_turn(queues: Sequence[Sequence[int]], most: int) -> list[int]:
    longest = max((len(queue) for queue in queues), default=0)
    taken = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return taken[:most]
