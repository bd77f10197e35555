"""Mean of AMSS+'s mask at its default cap, on the gradients of keypad's model while it trains.

    python benchmarks/mask_mean.py
    python benchmarks/mask_mean.py --epochs 0,20 --fractions 0.1,0.9 --cap 100

Without a cap every unit's mask has the mean 1. The cap cuts the weights of units that are seldom
drawn. The model is trained jointly as `equimodal compare` does (without its schedule); at the end
of the given epochs the mask is drawn many times for the gradient of each of several batches.
Columns: the mean of E[mask] over the units, the same weighted by their Fisher information (the
share of the squared gradient that is there in the mean), and the mean over units without the cap,
as a check of the number of draws: its error is that of the largest weights.
"""

import argparse
import inspect
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from equimodal import Balancer, LinearSplit, data, methods
from equimodal.data import MultimodalDataset
from equimodal.data.defaults import TRAINING_DEFAULTS
from equimodal.models import FusionModel, build_model
from equimodal.numerics.sampling import arrival_masks, drawn_counts, unit_probabilities
from equimodal.parts.unit_table import UnitTable

SETTINGS = inspect.signature(methods.load("amss+")).parameters
DEFAULTS = TRAINING_DEFAULTS["keypad"]


def batches(rows: MultimodalDataset, draw: torch.Generator) -> Iterator[tuple[dict, Tensor]]:
    """One shuffled epoch."""
    order = torch.randperm(len(rows), generator=draw)
    return (rows.take(indices) for indices in order.split(int(DEFAULTS["batch_size"])))


def importances(
    model: FusionModel, table: UnitTable, rows: MultimodalDataset, count: int
) -> list[Tensor]:
    """Fisher information of every unit by one batch each. -> count x (L, W)"""
    found = []
    for _, (inputs, target) in zip(
        range(count), batches(rows, torch.Generator().manual_seed(1)), strict=False
    ):
        model.zero_grad()
        F.cross_entropy(model(inputs).logits, target).backward()
        found.append(table.importance().double())
    model.zero_grad()
    return found


def mean_mask(
    importance: Tensor, sizes: Tensor, fraction: float, cap: float, draws: int
) -> tuple[Tensor, Tensor]:
    """E[mask] of every unit with the cap and without. (L, W) -> (L, W), (L, W)"""
    smoothing = SETTINGS["smoothing"].default
    probabilities = unit_probabilities(importance, sizes, smoothing)
    counts = drawn_counts(sizes, torch.full((len(sizes),), fraction, dtype=torch.float64), 2)
    draw = torch.Generator().manual_seed(0)
    capped, free = torch.zeros_like(importance), torch.zeros_like(importance)
    for _ in range(draws):
        times = torch.empty_like(importance).exponential_(generator=draw)
        masks = arrival_masks(probabilities, counts, times, unbiased=True)
        capped += masks.clamp_max(cap)
        free += masks
    return capped / draws, free / draws


def report(
    model: FusionModel, table: UnitTable, rows: MultimodalDataset, options: argparse.Namespace
) -> Iterator[list[str]]:
    """Cells of modality, fraction and means, by modality and fraction."""
    found = importances(model, table, rows, options.batches)
    valid = torch.arange(table.width) < table.sizes[:, None]
    for fraction in map(float, options.fractions.split(",")):
        means = [mean_mask(f, table.sizes, fraction, options.cap, options.draws) for f in found]
        for k, name in enumerate(model.encoders):
            mine = valid & (table.modality == k)[:, None]
            units = torch.stack([c[mine].mean() for c, _ in means]).mean()
            weighted = [
                (c * f)[mine].sum() / f[mine].sum() for f, (c, _) in zip(found, means, strict=True)
            ]
            free = torch.stack([u[mine].mean() for _, u in means]).mean()
            fisher = torch.stack(weighted).mean()
            yield [name, f"{fraction:g}", f"{units:.2f}", f"{fisher:.2f}", f"{free:.2f}"]


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", default="1,5,10", help="measured after each of these")
    parser.add_argument("--fractions", default="0.1,0.5")
    parser.add_argument("--cap", type=float, default=SETTINGS["cap"].default)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = data.load("keypad", seed=0)
    model = build_model(source.modalities, len(source.classes), seed=0)
    encoders = {m: f"encoders.{m}" for m in model.encoders}
    modalities = Balancer(model, methods.create("joint"), encoders, LinearSplit("head")).modalities
    table = UnitTable({m: modalities.units(m) for m in modalities.names})
    optimizer = torch.optim.SGD(
        model.parameters(), lr=float(DEFAULTS["lr"]), momentum=0.9, weight_decay=1e-4
    )
    moments = [int(e) for e in options.epochs.split(",")]
    draw = torch.Generator().manual_seed(0)
    print("| epochs | modality | r | mean over units | weighted by Fisher | no cap |")
    print("|---|---|---|---|---|---|")
    for epoch in range(max(moments) + 1):
        if epoch in moments:
            for cells in report(model, table, source.train, options):
                print(f"| {epoch} | {' | '.join(cells)} |", flush=True)
        if epoch == max(moments):
            return
        for inputs, target in batches(source.train, draw):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs).logits, target).backward()
            optimizer.step()


if __name__ == "__main__":
    main()
