"""Whether the policy of dus-rl learns: the rows it gives to a slow modality over 3,000 iterations.

    python benchmarks/dus_rl_learning.py --seeds 5 --out dus_rl_learning.json

The task is synthetic. Every modality shows the same 10 classes as Gaussian vectors around 10 random
centres; the fast one at scale 1, the slow one at 0.3, so that gradient descent learns it more
slowly although it holds as much. The task was chosen by training with equal counts alone: the fast
modality is learned within a third of the run, the slow one still improves at its end.

The losses use ``reduction="nominal"``: a larger batch is a larger step, so the counts decide how
fast a modality learns. With ``reduction="mean"`` (the default of DUS) more rows only lower the
noise of the gradient; the row "mean" shows what a policy does where the counts hardly matter, the
row "alike" what it does where both modalities are slow. In odd seeds the order of the modalities is
reversed. A table on the screen, every figure in --out, a chart in --chart.
"""

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from svg_chart import write_lines
from torch import Tensor, nn

from equimodal import Balancer, LinearSplit, methods
from equimodal.data import MultimodalDataset
from equimodal.models import FusionModel
from equimodal.numerics.seeding import named_seed

ITERATIONS, BATCH, RATE, BLOCK = 3000, 64, 0.01, 100
ROWS, CLASSES, SIZE, SPREAD, WIDTH = 1920, 10, 32, 0.5, 32
PAIR = {"fast": 1.0, "slow": 0.3}
CHART = Path(__file__).parent.parent / "docs" / "methods" / "dus_rl_share.svg"


@dataclass(frozen=True)
class Row:
    """One row of the table: a method and the scale of every modality."""

    name: str
    method: str
    scales: Mapping[str, float] = field(default_factory=lambda: PAIR)
    reduction: str = "nominal"


TABLE = (
    Row("dus-uniform", "dus-uniform"),
    Row("dus", "dus"),
    Row("dus-rl", "dus-rl"),
    Row("dus-rl, mean", "dus-rl", reduction="mean"),
    Row("dus-rl, alike", "dus-rl", {"other": 0.3, "slow": 0.3}),
    Row("dus-rl, three", "dus-rl", {"fast": 1.0, "middle": 0.5, "slow": 0.3}),
)


def task(scales: Mapping[str, float], seed: int) -> MultimodalDataset:
    """Gaussian vectors around a centre per class and modality, times the modality's scale."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (ROWS,), generator=draw)
    inputs = {}
    for m, scale in scales.items():
        centres = torch.randn(CLASSES, SIZE, generator=draw)
        centres *= SIZE**0.5 / centres.norm(dim=1, keepdim=True)
        inputs[m] = scale * (centres[labels] + SPREAD * torch.randn(ROWS, SIZE, generator=draw))
    return MultimodalDataset(inputs, labels)


def model(modalities: Sequence[str], seed: int) -> FusionModel:
    """A linear layer with ReLU per modality, concatenation, a linear head."""
    encoders = {}
    for m in modalities:
        with named_seed(seed, m):
            encoders[m] = nn.Sequential(nn.Linear(SIZE, WIDTH), nn.ReLU())
    with named_seed(seed, "head"):
        return FusionModel(encoders, widths=dict.fromkeys(encoders, WIDTH), classes=CLASSES)


def train(row: Row, seed: int) -> list[dict[str, Any]]:
    """One training; the decisions that the method recorded."""
    scales = dict(reversed(row.scales.items())) if seed % 2 else dict(row.scales)
    rows, net = task(scales, seed), model(list(scales), seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    method = methods.create(row.method, reduction=row.reduction)
    encoders = {m: f"encoders.{m}" for m in scales}
    balancer = Balancer(net, method, encoders, LinearSplit("head"), seed=seed)
    for _ in range(ITERATIONS * BATCH // ROWS):
        for inputs, targets in balancer.batches(rows, batch_size=BATCH):
            loss = balancer.loss(net(inputs), targets)
            loss.backward()
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()
    return balancer.decisions.drain()


def result(row: Row, seed: int) -> dict[str, Any]:
    """The slow modality's share of the rows and mean score, in blocks of 100 iterations."""
    started = time.perf_counter()
    records = train(row, seed)
    counts = [r["values"] for r in records if r["name"] == "count"]
    shares = torch.tensor([c["slow"] / sum(c.values()) for c in counts]).view(-1, BLOCK).mean(1)
    running = [r["values"]["slow"] for r in records if r["name"] == "score"]
    return {
        "row": row.name, "seed": seed, "share": shares.tolist(),
        "score": _blocks(torch.tensor(running, dtype=torch.float64)).tolist(),
        "share_last_1000": float(shares[-1000 // BLOCK :].mean()),
        "seconds": time.perf_counter() - started,
    }  # fmt: skip


def _blocks(running: Tensor) -> Tensor:
    """Means over blocks from the running mean of all iterations. (T,) -> (T / BLOCK,)"""
    sums = running[BLOCK - 1 :: BLOCK] * torch.arange(BLOCK, len(running) + 1, BLOCK)
    return torch.diff(sums, prepend=torch.zeros(1)) / BLOCK


def line(name: str, results: Sequence[Mapping[str, Any]]) -> str:
    """A row of the table in Markdown: the share by seed, and when the slow modality is learned."""
    shares = [r["share_last_1000"] for r in results]
    learned = fmean(_first(r["score"], 0.8) for r in results)
    when = f"{learned:,.0f}" if learned < float("inf") else "later"
    return f"| {' | '.join([name, *(f'{s:.2f}' for s in shares), f'{fmean(shares):.2f}', when])} |"


def _first(scores: Sequence[float], level: float) -> float:
    """The iteration by whose end the mean score of a block reaches ``level``."""
    reached = [BLOCK * (k + 1) for k, s in enumerate(scores) if s >= level]
    return reached[0] if reached else float("inf")


def draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The share over time: dus-rl by seed, dus and dus-uniform in the mean."""
    by_row = {row.name: [r["share"] for r in results if r["row"] == row.name] for row in TABLE}
    seeds = [r["seed"] for r in results if r["row"] == "dus-rl"]
    lines = {f"dus-rl, seed {s}": v for s, v in zip(seeds, by_row["dus-rl"], strict=True)}
    for name in ("dus", "dus-uniform"):
        lines[f"{name}, mean"] = [fmean(block) for block in zip(*by_row[name], strict=True)]
    write_lines(
        path, lines, title="Share of the rows that the slow modality gets",
        x=f"iteration (means over {BLOCK})", y="share", first=BLOCK, step=BLOCK,
    )  # fmt: skip


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write every figure as JSON")
    parser.add_argument("--chart", type=Path, default=CHART, metavar="FILE", help="an SVG file")
    return parser.parse_args()


def main() -> None:
    """Train, print, write."""
    chosen = options()
    torch.set_num_threads(1)
    seeds = range(chosen.seeds)
    print(f"torch {torch.__version__}, Python {platform.python_version()}, one thread\n")
    print(f"| row | {' | '.join(f'seed {s}' for s in seeds)} | mean | score 0.8 by iteration |")
    print("|---" * (chosen.seeds + 3) + "|")
    results: list[dict[str, Any]] = []
    for row in TABLE:
        mine = [result(row, seed) for seed in seeds]
        print(line(row.name, mine), flush=True)
        results += mine
    print(f"\n{sum(r['seconds'] for r in results):.0f} s")
    draw(results, chosen.chart)
    if chosen.out:
        chosen.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
