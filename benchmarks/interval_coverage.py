"""How often the one interval holds the truth: docs/results/interval-coverage.md.

    python benchmarks/interval_coverage.py               # a quarter of an hour; writes the table

Rows and reference are right on a sample by chance, whose odds follow the sample's difficulty, the
row's training on this seed, and the difference of the two rows; so the truth is the mean over all
samples and trainings, known from two million draws (of the macro F1 by quadrature over the effect
of a training). Test sets are the same in every seed (shared), halves of one pool (overlapping) or
all others (disjoint).
"""

import argparse
import math
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from marked import write_named
from torch import Tensor

from equimodal.measures.deletion import macro_f1
from equimodal.numerics.blocks import blocks, pseudo_values
from equimodal.numerics.intervals import Units

PAGE = Path(__file__).parent.parent / "docs" / "results" / "interval-coverage.md"
SEEDS, SIZES = (2, 3, 5, 10), (50, 500, 5000)
SETS = ("shared", "overlapping", "disjoint")
EFFECTS = {"none": 0.0, "some": 0.4}
"""Standard deviation over seeds of the difference of log odds."""
DIFFERENCE, LEVEL, DIFFICULTY, OWN = 0.3, 1.0, 1.2, 0.8
"""Mean difference of log odds; their level; spread by sample, and by sample and row."""
CLASSES, NODES = 4, 24


def test_sets(kind: str, seeds: int, size: int, draw: torch.Generator) -> list[Tensor]:
    """Numbers of the samples of every seed, (size,) each."""
    if kind == "shared":
        return [torch.arange(size)] * seeds
    if kind == "disjoint":
        return [torch.arange(size) + s * size for s in range(seeds)]
    return [torch.randperm(2 * size, generator=draw)[:size] for _ in range(seeds)]


class World:
    """Rows, samples and trainings drawn by one generator."""

    def __init__(self, effect: float, draw: torch.Generator) -> None:
        self.effect, self.draw = effect, draw

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.draw, dtype=torch.float64)

    def pool(self, count: int) -> Tensor:
        """Log odds of row and reference on every sample. -> (2, count)"""
        common = LEVEL + DIFFICULTY * self.normal(count)
        own = OWN * self.normal(2, count)
        return common + own + torch.tensor([[DIFFERENCE], [0.0]], dtype=torch.float64)

    def hits(self, odds: Tensor) -> Tensor:
        """Whether row and reference are right in a training of each seed. (2, n, N) -> the same"""
        chance = (odds + self.effect * self.normal(2, odds.shape[1], 1) / math.sqrt(2)).sigmoid()
        drawn = torch.rand(chance.shape, generator=self.draw, dtype=torch.float64)
        return (drawn < chance).double()


@cache
def truth(effect: float) -> float:
    """Mean difference over all samples and trainings."""
    world = World(effect, torch.Generator().manual_seed(99))
    odds = world.pool(2_000_000) + effect * world.normal(2, 2_000_000) / math.sqrt(2)
    chance = odds.sigmoid()
    return float((chance[0] - chance[1]).mean())


def covered(seeds: int, size: int, kind: str, effect: float, rounds: int) -> float:
    """Share of rounds in which the interval holds the truth."""
    draw = torch.Generator().manual_seed(seeds * 1_000_003 + size)
    world, true, held = World(effect, draw), truth(effect), 0
    for _ in range(rounds):
        numbers = test_sets(kind, seeds, size, draw)
        odds = world.pool(1 + max(int(own.max()) for own in numbers))
        row, reference = world.hits(odds[:, torch.stack(numbers)])
        found = Units(numbers).interval(list(row - reference))
        held += abs(found.mean - true) <= (found.half or 0.0)
    return held / rounds


def macro_f1_of(world: World, odds: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of row and reference: right as `World.hits`, otherwise the next class. 2 x (N, C)"""
    said = torch.where(world.hits(odds[:, None])[:, 0].bool(), labels, (labels + 1) % CLASSES)
    row, reference = torch.eye(CLASSES)[said]
    return row, reference


@cache
def true_macro_f1(effect: float) -> float:
    """Mean difference over trainings: by Gauss-Hermite quadrature, on a very large sample."""
    world = World(effect, torch.Generator().manual_seed(98))
    odds, labels = world.pool(400_000), classes_of(400_000, world.draw)
    nodes, weights = (torch.from_numpy(x) for x in np.polynomial.hermite_e.hermegauss(NODES))
    shifts = nodes * effect / math.sqrt(2)
    own = [torch.stack([expected_macro_f1(z + shift, labels) for shift in shifts]) for z in odds]
    return float(((own[0] - own[1]) * weights).sum() / weights.sum())


def expected_macro_f1(odds: Tensor, labels: Tensor) -> Tensor:
    """Macro F1 on endless samples like these; wrong ones are said as the next class. (N,), (N,)"""
    chance = odds.sigmoid()
    right = torch.zeros(CLASSES, dtype=torch.float64).index_add_(0, labels, chance.double())
    wrong = torch.bincount(labels, minlength=CLASSES) - right
    return (2 * right / (2 * right + wrong + wrong.roll(1))).mean()


def classes_of(count: int, draw: torch.Generator) -> Tensor:
    """Labels, half of them of the first class. -> (count,)"""
    return torch.randint(2 * CLASSES - 2, (count,), generator=draw).sub(CLASSES - 2).clamp_min(0)


def covered_macro_f1(seeds: int, size: int, kind: str, effect: float, rounds: int) -> float:
    """The same for the macro F1, by pseudo-values."""
    draw = torch.Generator().manual_seed(seeds * 1_000_003 + size)
    world, true, held = World(effect, draw), true_macro_f1(effect), 0
    for _ in range(rounds):
        numbers = test_sets(kind, seeds, size, draw)
        count = 1 + max(int(own.max()) for own in numbers)
        odds, labels = world.pool(count), classes_of(count, draw)
        dealt = blocks(numbers, [labels[own] for own in numbers])
        values, units = [], []
        for own, block in zip(numbers, dealt, strict=True):
            pseudo = [
                pseudo_values("macro_f1", partial(macro_f1, logits, labels[own]), block)
                for logits in macro_f1_of(world, odds[:, own], labels[own])
            ]
            values.append(pseudo[0][0] - pseudo[1][0])
            units.append(pseudo[0][1])
        found = Units(units).interval(values)
        held += abs(found.mean - true) <= (found.half or 0.0)
    return held / rounds


def rows(rounds: int) -> Iterator[str]:
    """The table: a line for each kind of test set, size and effect of seeds."""
    columns = ("measure", "test sets", "samples", "effect of seeds", *(f"n = {n}" for n in SEEDS))
    yield f"| {' | '.join(columns)} |"
    yield f"|---|---|---:|---|{'---:|' * len(SEEDS)}"
    for kind in SETS:
        for size in SIZES:
            for name, effect in EFFECTS.items():
                cells = (covered(n, size, kind, effect, rounds) for n in SEEDS)
                told = " | ".join(f"{100 * share:.1f}" for share in cells)
                yield f"| accuracy | {kind} | {size:,} | {name} | {told} |"
    for kind in SETS:
        for name, effect in EFFECTS.items():
            cells = (covered_macro_f1(n, 500, kind, effect, rounds // 4) for n in SEEDS)
            told = " | ".join(f"{100 * share:.1f}" for share in cells)
            yield f"| macro F1 | {kind} | 500 | {name} | {told} |"


def main() -> None:
    """Simulate, print, and put the table between its markers on the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4000)
    options = parser.parse_args()
    found = []
    for row in rows(options.rounds):
        print(row, flush=True)
        found.append(row)
    write_named(PAGE, "coverage", found)


if __name__ == "__main__":
    main()
