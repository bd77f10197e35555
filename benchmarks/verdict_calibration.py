"""How often a word of a verdict is right that is said to be so sure: docs/results/calibration.md.

    python benchmarks/verdict_calibration.py             # half an hour; writes the table

Trainings are drawn whose probes are right on a sample by chance, whose odds follow the sample's
difficulty, the encoder's training, and the seed. The true losses are spread around the thresholds
of the verdict. Every verdict rests on three seeds (or one); right is the word that fifty other
seeds of the same case give, on samples of their own.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from marked import write_named
from torch import Tensor

from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import UNTRAINED, alone_row
from equimodal.diagnosis.columns import Columns
from equimodal.diagnosis.evidence import LONGER, Case, Evidence, longer_row
from equimodal.diagnosis.rules import NO_VERDICT, SAID_FROM, SURE_FROM
from equimodal.diagnosis.verdict import verdict

PAGE = Path(__file__).parent.parent / "docs" / "results" / "calibration.md"
CLASSES, OTHERS = 10, 50
DIFFICULTY, OWN, BY_SEED = 1.2, 0.8, 0.12
"""Spread of the log odds by sample, by sample and encoder, and of an encoder's trainings."""
BINS = (SAID_FROM, SURE_FROM, 1.0)
NAMES = ("strong", "other")


class World(NamedTuple):
    """One kind of training: mean accuracies of the probes by modality, and the size of a test set.

    ``shared``: every seed has the same test samples.
    """

    fused: dict[str, float]
    alone: dict[str, float]
    untrained: dict[str, float]
    samples: int
    shared: bool


def drawn(draw: torch.Generator) -> World:
    """A world around the thresholds: losses of -3 to 12 points, what is told from 0 to 80."""

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=draw))

    alone = {"strong": between(0.7, 0.95), "other": between(0.1, 0.9)}
    fused = {m: min(0.97, max(0.1, a - between(-0.03, 0.12))) for m, a in alone.items()}
    floor = {m: max(0.1, a - between(0.02, 0.4)) for m, a in alone.items()}
    sizes, kinds = (60, 200, 500, 2000), (True, False)
    return World(fused, alone, floor, sizes[int(between(0, 4))], kinds[int(between(0, 2))])


def hits(accuracy: float, odds: Tensor, shift: float, draw: torch.Generator) -> Tensor:
    """Whether an encoder's probe is right on samples of these odds. (N,) -> (N,)"""
    spread = (DIFFICULTY**2 + OWN**2) ** 0.5
    level = spread_logit(accuracy, spread)
    return torch.rand(len(odds), generator=draw) < (odds + level + shift).sigmoid()


def spread_logit(accuracy: float, spread: float) -> float:
    """The mean log odds at which chances that spread so have this mean (MacKay's estimate)."""
    share = torch.tensor(accuracy, dtype=torch.float64)
    return float(torch.logit(share)) * (1 + torch.pi * spread**2 / 8) ** 0.5


def case_of(world: World, seeds: int, draw: torch.Generator) -> Case:
    """The evidence of so many seeds: the model and its references, the longer ones too."""
    n = world.samples
    pool = {}
    found = []
    for seed in range(seeds):
        if not pool or not world.shared:
            pool = {
                "labels": torch.randint(CLASSES, (n,), generator=draw),
                "hard": DIFFICULTY * torch.randn(n, generator=draw),
            }
            for kind in ("fused", "alone", "untrained"):
                for m in NAMES:
                    pool[f"{kind}/{m}"] = OWN * torch.randn(n, generator=draw)

        def said(kind: str, m: str, accuracy: float, pool: dict[str, Tensor] = pool) -> Tensor:
            shift = BY_SEED * float(torch.randn((), generator=draw))
            right = hits(accuracy, pool["hard"] + pool[f"{kind}/{m}"], shift, draw)
            return torch.where(right, pool["labels"], (pool["labels"] + 1) % CLASSES)

        found.append(Evidence(seed, _models(world, said, pool["labels"])))
    source = {"kind": "run", "data": "x", "row": "joint", "split": "test"}
    return Case(source, NAMES, "joint", tuple(found))


def _models(world: World, said, labels: Tensor) -> dict[str, Judged]:  # noqa: ANN001
    def judged(probed: dict[str, Tensor]) -> Judged:
        logits = torch.eye(CLASSES)[probed["strong" if "strong" in probed else "other"]]
        return Judged(logits, labels, probed=probed, fitted=0.8)

    models = {"joint": judged({m: said("fused", m, world.fused[m]) for m in NAMES})}
    models[UNTRAINED] = judged({m: said("untrained", m, world.untrained[m]) for m in NAMES})
    for m in NAMES:
        for row in (alone_row(m), *(longer_row(m, times) for times in LONGER)):
            models[row] = judged({m: said("alone", m, world.alone[m])})
    return models


def words(case: Case) -> dict[str, tuple[str, float | None]]:
    """The word of each modality and of the model, and how sure it is."""
    found = verdict(case, Columns(case))
    each = {m: (v["word"], v["sure"]) for m, v in found["modalities"].items()}
    return {**each, "the model": (found["state"], found["sure"])}


def table(worlds: int) -> Iterator[str]:
    """A line for each span of certainty."""
    columns = "said to be sure | seeds | words | right, percent | models | right, percent"
    yield f"| {columns} |"
    yield "|---|---:|---:|---:|---:|---:|"
    draw = torch.Generator().manual_seed(7)
    counts: dict[tuple[int, int, str], list[bool]] = defaultdict(list)
    open_: dict[int, list[bool]] = defaultdict(list)
    for _ in range(worlds):
        world = drawn(draw)
        truth = words(case_of(world._replace(shared=False), OTHERS, draw))
        for seeds in (1, 3):
            for name, (word, sure) in words(case_of(world, seeds, draw)).items():
                open_[seeds].append(sure is None)
                if sure is None or truth[name][0] == NO_VERDICT:
                    continue
                span = sum(sure >= edge for edge in BINS[1:-1])
                kind = "model" if name == "the model" else "word"
                counts[span, seeds, kind].append(word == truth[name][0])
    for span in range(len(BINS) - 1):
        told = f"{100 * BINS[span]:.0f} to {100 * BINS[span + 1]:.0f} %"
        for seeds in (1, 3):
            cells = []
            for kind in ("word", "model"):
                found = counts[span, seeds, kind]
                share = f"{100 * sum(found) / len(found):.1f}" if found else "-"
                cells += [f"{len(found):,}", share]
            yield f"| {told} | {seeds} | {' | '.join(cells)} |"
    for seeds in (1, 3):
        share = sum(open_[seeds]) / len(open_[seeds])
        yield f"| no verdict | {seeds} | {100 * share:.0f} % of all | - | - | - |"


def main() -> None:
    """Simulate, print, and put the table between its markers on the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2000)
    options = parser.parse_args()
    found = list(table(options.worlds))
    print("\n".join(found))
    write_named(PAGE, "calibration", found)


if __name__ == "__main__":
    main()
