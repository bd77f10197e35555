"""What is tried of a row before its final runs: the same number of trials for every row.

First three learning rates at the main setting's default. Then two more trials at the best of the
three: a row with a main setting gets two other values of it, any other row two more rates, half
and double the best. The best mean validation score over the trial seeds is chosen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from equimodal import methods
from equimodal.methods import Range

TRIALS, TRIAL_SEEDS, FINAL_SEEDS = 5, (100, 101), (0, 1, 2, 3, 4)
EXTRA_RATES = (0.5, 2.0)


@dataclass(frozen=True)
class Trial:
    """A learning rate, and where it is no default a value of the row's main setting."""

    lr: float | None
    setting: str | None = None
    value: float | None = None

    @property
    def settings(self) -> dict[str, float]:
        """What is set beside the rate."""
        return {} if self.setting is None or self.value is None else {self.setting: self.value}

    @property
    def tag(self) -> str:
        """It as the name of a folder: ``lr-0.03-tau-0.1``."""
        return f"lr-{self.lr:g}" + "".join(f"-{k}-{v:.6g}" for k, v in self.settings.items())

    def plain(self) -> dict[str, Any]:
        """It as results.json has it."""
        return {"lr": self.lr, **self.settings}


def first_trials(rates: Sequence[float]) -> list[Trial]:
    """Three rates, all else at its default."""
    return [Trial(rate) for rate in rates]


def further_trials(row: str, best: Trial) -> list[Trial]:
    """Two more at the best rate, see above."""
    assert best.lr is not None
    main = methods.entry(row).main if methods.known(row) else None
    if main is None:
        return [Trial(best.lr * factor) for factor in EXTRA_RATES]
    default = methods.settings(row)[main.setting]
    return [Trial(best.lr, main.setting, value) for value in other_values(main, default)]


def other_values(main: Range, default: object) -> tuple[float, float]:
    """Half way, on a log scale, from the default to either end of the registry's range; its thirds
    where the default is none within it."""
    low, high = main.low, main.high
    if isinstance(default, int | float) and low < default < high:
        return _rounded(math.sqrt(low * default)), _rounded(math.sqrt(default * high))
    third = (high / low) ** (1 / 3)
    return _rounded(low * third), _rounded(low * third**2)


def chosen(scores: Mapping[Trial, Sequence[float | None]]) -> Trial:
    """The trial with the best mean score over its seeds, the first of equals; a run without a
    score counts as 0."""
    return max(scores, key=lambda trial: fmean(score or 0.0 for score in scores[trial]))


def _rounded(value: float) -> float:
    """Three digits, so that a page can show what was run."""
    return float(f"{value:.3g}")
