"""What a user sees of a choice: its stages while it runs, and its outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from equimodal.comparison.scores import WORDS
from equimodal.comparison.words import mean_and_sd, percent, points
from equimodal.data.target import ACCURACY
from equimodal.experiments.choice.time_budget import TimeBudget, spoken
from equimodal.storage.console import Console


class Teller:
    """Says on the error stream which stage begins and what was found, with the time.

    Args:
        shown: whether anything is said.
        budget: the time.
    """

    def __init__(self, *, shown: bool, budget: TimeBudget) -> None:
        self._budget = budget
        self._console = Console(stderr=True, highlight=False, quiet=not shown)

    def stage(self, sentence: str) -> None:
        """A stage begins."""
        gone, total = round(self._budget.spent), round(self._budget.seconds)
        self._say(f"[{_clock(gone)} of {_clock(total)}] {sentence}")

    def line(self, sentence: str) -> None:
        """Something was found."""
        self._say(f"  {sentence}")

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False, emoji=False, soft_wrap=True)


def outcome(choice: Mapping[str, Any]) -> Iterator[str]:
    """The lines that `equimodal choose` prints."""
    pick, fresh = choice["pick"], choice["fresh"]
    yield f"verdict: {choice.get('headline') or choice['verdict']}"
    yield f"searched: {len(choice['trials'])} trials on validation samples of one seed"
    yield f"on {len(fresh['seeds'])} fresh seeds, {WORDS[fresh.get('score', ACCURACY)]} in percent:"
    width = max(len(row) for row in fresh["rows"])
    for row, found in fresh["rows"].items():
        test = mean_and_sd(found["test"]["mean"], found["test"]["sd"])
        yield f"  {row:{width}}  validation {percent(found['validation'])}  test {test}"
    yield f"pick: {pick['name']}, best on validation of the fresh seeds"
    if difference := pick["difference"]:
        told = points(difference["mean"], difference["low"], difference["high"])
        yield f"  test, paired difference to joint+unimodal: {told} points"
    yield from (f"note: {note}" for note in choice["notes"])
    yield f"train it again: {pick['command']}"
    yield f"took {spoken(choice['budget']['spent'])} of {spoken(choice['budget']['seconds'])}"


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
