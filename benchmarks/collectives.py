"""What each method exchanges with the other ranks: counted, not read.

    python benchmarks/collectives.py            # writes the table of docs/scale.md

Every registered method trains a small model as rank 0 of two, whose other rank is not there: the
functions of parts/distributed run as they are, and what they hand to PyTorch is counted. A sum
comes back as it was given, as from ranks that have no rows. The training is repeated with more
classes, wider features, larger encoders, a larger batch and more rows: what the bytes grow with is
what they grew with.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from marked import replaced
from step_setups import Setup, random_rows
from step_trainers import EPOCHS, Balanced
from torch import Tensor, nn

from equimodal import methods
from equimodal.models import FusionModel
from equimodal.parts import distributed

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
BY = "benchmarks/collectives.py"
SUM, BROADCAST = "sum", "broadcast"


@dataclass(frozen=True)
class Shape:
    """Two modalities of six numbers, and how large all else is."""

    classes: int = 5
    features: int = 8
    hidden: int = 7
    batch: int = 8
    rows: int = 32


LARGER = {
    "classes": Shape(classes=6), "features": Shape(features=12), "encoders": Shape(hidden=11),
    "batch": Shape(batch=4), "rows": Shape(rows=48),
}  # fmt: skip
"""What is made larger, one at a time; of the batch it is smaller."""


@dataclass(frozen=True, order=True)
class Exchanged:
    """Bytes that a rank hands over, in how many collectives."""

    bytes: int = 0
    calls: int = 0

    def __add__(self, other: "Exchanged") -> "Exchanged":
        return Exchanged(self.bytes + other.bytes, self.calls + other.calls)

    def __sub__(self, other: "Exchanged") -> "Exchanged":
        """What is more; never less than nothing."""
        return Exchanged(max(0, self.bytes - other.bytes), max(0, self.calls - other.calls))


@dataclass(frozen=True)
class Counts:
    """The most at any place of a training, and all broadcasts before a first step."""

    begin: Exchanged
    step: Exchanged
    epoch: Exchanged
    """The end of one epoch and the beginning of the next."""


Found = dict[tuple[Counts, tuple[str, str]], list[str]]


class Collectives:
    """Stands in for torch.distributed in parts/distributed."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """As rank 0 of two."""
        stand_in = SimpleNamespace(
            is_available=lambda: True, is_initialized=lambda: True,
            get_rank=lambda: 0, get_world_size=lambda: 2,
            all_reduce=lambda values: self._note(SUM, values),
            broadcast=lambda values, src: self._note(BROADCAST, values),
        )  # fmt: skip
        with mock.patch.object(distributed, "dist", stand_in):
            yield

    def taken(self, *kinds: str) -> Exchanged:
        """What was exchanged since the last call, of these kinds."""
        return Exchanged(
            sum(self._bytes.pop(kind, 0) for kind in kinds),
            sum(self._calls.pop(kind, 0) for kind in kinds),
        )

    def _note(self, kind: str, values: Tensor) -> None:
        self._calls[kind] += 1
        self._bytes[kind] += values.numel() * values.element_size()


def counted(name: str, shape: Shape = Shape(), epochs: int = EPOCHS) -> Counts:
    """What a method exchanges in a training of a few steps an epoch."""
    collectives, begin = Collectives(), Exchanged()
    firsts, steps, between = [], [Exchanged()], []
    with collectives.counting():
        trainer = Balanced(_setup(shape), torch.device("cpu"), name)
        for _ in range(epochs):
            batches = trainer.balancer.batches(trainer.setup.train, batch_size=shape.batch)
            for place, batch in enumerate(batches):
                if place == 0:
                    between.append(collectives.taken(SUM, BROADCAST))
                trainer.step(batch)
                begin = max(begin, collectives.taken(BROADCAST))
                (steps if place else firsts).append(collectives.taken(SUM))
            trainer.balancer.epoch_end()
    between.append(collectives.taken(SUM, BROADCAST))
    step = max(steps)
    # What only the first step of an epoch exchanges belongs to the epoch.
    more = [one + first - step for one, first in zip(between, [*firsts, step], strict=True)]
    return Counts(begin, step, max(more))


def _setup(shape: Shape) -> Setup:
    train, held = (random_rows({"a": (6,), "b": (6,)}, n, shape.classes) for n in (shape.rows, 16))

    def build(fusion: str) -> FusionModel:
        torch.manual_seed(0)
        encoders = {
            m: nn.Sequential(
                nn.Linear(6, shape.hidden), nn.ReLU(), nn.Linear(shape.hidden, shape.features)
            )
            for m in train.inputs
        }
        widths = dict.fromkeys(encoders, shape.features)
        return FusionModel(encoders, widths=widths, classes=shape.classes, fusion=fusion)

    return Setup("counted", build, train, held, shape.batch, steps=1)


def grows(name: str, base: Counts) -> tuple[str, str]:
    """What the bytes of a step and those between epochs grow with."""
    others = {what: counted(name, shape) for what, shape in LARGER.items()}
    step = (what for what, other in others.items() if other.step.bytes != base.step.bytes)
    epoch = (what for what, other in others.items() if other.epoch.bytes != base.epoch.bytes)
    return ", ".join(step), ", ".join(epoch)


def rows(names: Iterable[str]) -> Found:
    """Methods by what they exchange and what that grows with."""
    found: Found = {}
    for name in names:
        base = counted(name)
        found.setdefault((base, grows(name, base)), []).append(name)
    return found


def table(found: Found) -> Iterator[str]:
    """Those that exchange the same in one line, the least in a step first."""
    yield "| method | a step | grows with | between epochs | grows with | before the first step |"
    yield "|---|---:|---|---:|---|---:|"
    order = sorted(found, key=lambda key: (key[0].step, key[0].epoch, key[0].begin))
    for counts, (step, epoch) in order:
        places = told(counts)
        cells = [places[0], step, places[1], epoch, places[2]]
        names = ", ".join(f"`{n}`" for n in found[counts, (step, epoch)])
        yield f"| {names} | {' | '.join(cells)} |"


def told(counts: Counts) -> tuple[str, ...]:
    """Of a step, between epochs, and before the first step."""
    places = (counts.step, counts.epoch, counts.begin)
    return tuple(f"{one.bytes:,} B in {one.calls}" if one.calls else "-" for one in places)


def main() -> None:
    """Write the table."""
    text = PAGE.read_text(encoding="utf-8")
    lines = table(rows(methods.names()))
    PAGE.write_text(replaced(text, BY, "\n".join(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
