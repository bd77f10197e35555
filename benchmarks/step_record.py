"""What `step_cost.py` and `dispatch.py` measured, line by line in a file, and the bounds on it."""

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from equimodal.numerics.intervals import HALF, quantile

FILE = Path(__file__).parents[1] / "docs/results/data/step-cost.jsonl"
WITHIN, LEAST_ROUNDS = 0.02, 8
BOUNDS = {
    "ogm": 1.03, "ogm-ge": 1.06, "agm": 1.03, "pmr": 1.05, "mmpareto": 1.75, "opm": 1.05,
    "modality-dropout": 1.05, "mmcosine": 1.03, "gblend": 1.05, "lfm": 1.05, "mla": 1.1,
    "reconboost": 1.1,
}  # fmt: skip
"""What a step may cost on the ResNet-18 pair."""
SLACK = {"keypad": 3.0}
"""How many times a bound's excess over 1 is allowed: a method weighs more on a small model."""
OPERATIONS = {"amss": 1.35, "ogm": 1.15}


def bound(setup: str, label: str) -> float | None:
    """What a step may cost at most, of joint training; None where nothing is asked."""
    asked = BOUNDS.get(label)
    return None if asked is None else 1 + SLACK.get(setup, 1.0) * (asked - 1)


class Record:
    """What was measured by (set-up, label).

    Args:
        path: the file, which is read where it exists.
        where: machine and versions; another's file is refused. None: it is only read.
    """

    def __init__(self, path: Path, where: dict[str, Any] | None = None) -> None:
        self.path = path
        self.ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.between: dict[tuple[str, str], float] = {}
        self.operations: dict[str, float] = {}
        if where is not None and not path.exists():
            self._append(where)
        first, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        self.where: dict[str, Any] = first
        if where is not None and {**first, "date": where["date"]} != where:
            raise SystemExit(f"{path} is of {first}, and this is {where}: write another --file.")
        for line in lines:
            self._take(line)

    def add(self, line: dict[str, Any]) -> None:
        """Keep a line: ``ratios`` of one round or ``between`` of a set-up, or ``operations``."""
        self._append(line)
        self._take(line)

    def mean(self, setup: str, label: str) -> tuple[float, float]:
        """Mean ratio over rounds, and half its 95 % t-interval."""
        found = self.ratios[setup, label]
        if len(found) < 2:
            return (found or [float("nan")])[0], float("inf")
        error = statistics.stdev(found) / len(found) ** 0.5
        return statistics.fmean(found), quantile(HALF, len(found) - 1) * error

    def settled(self, setup: str, label: str) -> bool:
        """Whether the interval is narrow enough."""
        rounds = len(self.ratios[setup, label])
        return rounds >= LEAST_ROUNDS and self.mean(setup, label)[1] <= WITHIN

    def _take(self, line: dict[str, Any]) -> None:
        for label, ratio in line.get("ratios", {}).items():
            self.ratios[line["setup"], label].append(ratio)
        for label, share in line.get("between", {}).items():
            self.between[line["setup"], label] = share
        self.operations.update(line.get("operations", {}))

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
