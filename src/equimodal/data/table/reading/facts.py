"""What was found in each file of a column, made less where a column has many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from equimodal.data.table.items.digits import joined

Facts = Sequence[Mapping[str, Any]]


def merged(facts: Facts) -> list[Mapping[str, Any]]:
    """The facts of many texts as those of one: words counted, the greatest lengths."""
    counts: dict[str, Counter[str]] = {"words": Counter(), "apart": Counter()}
    for fact in facts:
        for name, found in counts.items():
            found.update(fact[name])
    lengths = ("length", "signs", "bytes")
    longest = {name: max((f[name] for f in facts), default=0) for name in lengths}
    return [{name: dict(found) for name, found in counts.items()} | longest]


def ranged(facts: Facts, more: Facts) -> list[Mapping[str, Any]]:
    """The facts of arrays with those of more, and one range of all at the first of them."""
    apart = [fact["ranges"] for fact in (*facts[:1], *more) if fact.get("ranges")]
    names = dict.fromkeys(name for ranges in apart for name in ranges)
    ranges = {n: joined([found[n] for found in apart if n in found]) for n in names}
    shapes = [{"shapes": fact["shapes"]} for fact in (*facts[:1], *more)]
    return [{**shapes[0], "ranges": ranges}, *facts[1:], *shapes[1:]]
