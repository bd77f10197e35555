"""What is trained and compared; `execution` says where and how that is done.

Values are checked here once, whoever gives them; what only the data or the machine can tell (rows,
settings, the batch size, the device) is checked by the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from equimodal.balancing.requirements.objectives import OBJECTIVES
from equimodal.balancing.windows import EXPANDED, STEPS
from equimodal.checks import (
    is_number,
    is_whole,
    require,
    require_choice,
    require_list,
    require_path,
    require_text,
)
from equimodal.errors import BalanceError, did_you_mean, quoted
from equimodal.methods.entry import FIELD
from equimodal.training.schedules import COSINE, check_schedule

MOST, MOST_SEEDS, LAST_SEED, HIGHEST_RATE = 1_000_000, 10_000, 2**63 - 1, 1e30
"""Epochs, jobs or samples of a step; seeds; the last of them; a learning rate."""


@dataclass(frozen=True)
class Experiment:
    """All that decides the numbers of a comparison, a run, a choice or a diagnosis.

    Args:
        data: name of a data set, or path of a table.
        methods: rows, or "field" for every one; None: the default rows.
        seeds: how many, or which.
        epochs: passes over the training data; None: the data set's, as for the next two.
        lr: learning rate, or several to search through.
        batch_size: samples of a step.
        optimizer: its name.
        schedule: learning rate over the training.
        steps: steps of a method that lists the rows of an epoch, one of `STEPS`.
        objective: loss under a method that brings none, one of `OBJECTIVES`.
        encoders: encoder of each modality that has not the default one.
        fusion: how features become logits.
        device: ``cpu``, ``cuda``, ``cuda:<index>``, or ``cuda:all`` for a run on every card at a
            time, each of which is one on ``cuda``.
        settings: of methods, the data and the optimiser, by ``<owner>.<name>``.

    Raises:
        BalanceError: a value that no data and no machine could honour.
    """

    data: str = "keypad"
    methods: tuple[str, ...] | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int | None = None
    lr: tuple[float, ...] | None = None
    batch_size: int | None = None
    optimizer: str = "sgd"
    schedule: str = COSINE
    steps: str = EXPANDED
    objective: str = "fused"
    encoders: Mapping[str, str] = field(default_factory=dict)
    fusion: str = "concat"
    device: str = "cpu"
    settings: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("optimizer", "fusion", "device"):
            require_text(name, getattr(self, name))
        given: object = self.methods
        if isinstance(given, str) and given == FIELD:
            object.__setattr__(self, "methods", (FIELD,))
        if self.methods is not None:
            require_list("methods", self.methods, "rows, such as ['joint', 'ensemble']")
            for row in self.methods:
                require_text("A row of methods", row)
        for name in ("encoders", "settings"):
            _check_mapping(name, getattr(self, name))
        if self.epochs is not None:
            check_count("epochs", self.epochs)
        check_objective(self.objective)
        check_schedule(self.schedule)
        require_choice("steps", self.steps, STEPS)
        found = {
            "data": require_path("data", self.data),
            "methods": None if self.methods is None else tuple(self.methods),
            "seeds": seed_list(self.seeds),
            "lr": None if self.lr is None else rate_list(self.lr),
            "encoders": {} if self.encoders is None else dict(self.encoders),
            "settings": {} if self.settings is None else dict(self.settings),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)


def seed_list(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds 0 to n - 1 for a number n; several as they are."""
    if not isinstance(seeds, int):
        require_list("seeds", seeds, "them, or how many")
    if (seeds if isinstance(seeds, int) else len(seeds)) > MOST_SEEDS:
        raise BalanceError(f"There are more than {MOST_SEEDS:,} seeds; write fewer.")
    found = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    sound = all(is_whole(seed) and 0 <= seed <= LAST_SEED for seed in found)
    if not found or not sound or isinstance(seeds, bool):
        shown = seeds if isinstance(seeds, int) else found
        raise BalanceError(
            f"Seeds must be how many (3) or which (0, 1, 7), from 0 to {LAST_SEED}; found "
            f"{quoted(shown)}."
        )
    if len(set(found)) < len(found):
        raise BalanceError(f"A seed is given twice in {found}; write each once.")
    return tuple(found)


def check_count(name: str, value: int, *, least: int = 1) -> None:
    """Raise `BalanceError` unless it is a whole number from ``least`` to `MOST`."""
    if not is_whole(value) or not least <= value <= MOST:
        raise BalanceError(
            f"The {name} must be a whole number from {least} to {MOST:,}; found {quoted(value)}."
        )


def batch_size_of(given: int | None, default: int, samples: int) -> int:
    """A batch size from 2 to the number of training samples, or the default, at most that number.

    A batch of one sample says nothing about a class or a modality against another.
    """
    size = min(default, samples) if given is None else given
    check_count("batch size", size, least=2)
    if size > samples:
        raise BalanceError(
            f"The batch size {size} is more than there are: {samples} training samples; write at "
            "most that many."
        )
    return size


def rate_list(given: float | Sequence[float]) -> tuple[float, ...]:
    """Learning rates, one or several to search through."""
    several = isinstance(given, Sequence) and not isinstance(given, bytes)
    rates: list[Any] = list(given) if several else [given]  # type: ignore[arg-type]
    if not rates or not all(is_number(r) and 0 < r <= HIGHEST_RATE for r in rates):
        raise BalanceError(
            f"Learning rates must be numbers above 0, to {HIGHEST_RATE:g}; found {quoted(given)}."
        )
    if len(set(rates)) < len(rates):
        raise BalanceError(f"A learning rate is given twice in {rates}; write each once.")
    return tuple(map(float, rates))


def _check_mapping(name: str, given: object) -> None:
    """Raise `BalanceError` unless it is nothing, or a mapping by names."""
    holds = isinstance(given, Mapping) and all(isinstance(key, str) for key in given)
    require(given is None or holds, f"{name} must be a mapping by names", given)


def check_objective(objective: str) -> None:
    """Raise `BalanceError` unless it is one of `OBJECTIVES`."""
    if not isinstance(objective, str) or objective not in OBJECTIVES:
        near = did_you_mean(str(objective), OBJECTIVES)
        raise BalanceError(
            f"The objective must be one of {', '.join(OBJECTIVES)}, found {quoted(objective)}; "
            f"results of two objectives never share a comparison.{near}"
        )
