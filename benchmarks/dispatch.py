"""How many operations PyTorch dispatches in a step, as a ratio to plain joint training.

    python benchmarks/dispatch.py                          # every method
    python benchmarks/dispatch.py --methods amss --list 20 # and what it adds most of
    python benchmarks/dispatch.py --record                 # also to docs/results/step-cost.md

Counted by a dispatch mode over one update of the pair of ResNet-18 of step_cost.py (forward,
backward, method, and an optimizer that groups its parameters as on a GPU): exact, and the same on
every machine. On a GPU each is a launch, or the time to ask for one, so that this is what a method
costs there. `reads` counts the numbers that a step reads of tensors, for each of which a GPU would
have to finish first; the range of labels, which is read on the CPU alone, is left out.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from step_pages import write_page
from step_record import FILE, Record
from step_setups import Setup, random_rows, resnet_pair
from step_trainers import Balanced, Plain
from torch.utils._python_dispatch import TorchDispatchMode

from equimodal import methods
from equimodal.models.fusions import CONCAT

WARM_UP = 10
"""Steps before the one that is counted: the first few are watched more closely."""
READ = "aten._local_scalar_dense.default"
OF_LABELS = "aten.aminmax.default"
"""Followed by two reads: the least and the largest label."""


class Dispatched(TorchDispatchMode):
    """Counts operations by name."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.counts[str(operation)] += 1
        return operation(*args, **(kwargs or {}))


class Row(NamedTuple):
    """What a method dispatches in a step."""

    method: str
    ratio: float
    reads: int
    added: Counter[str]
    """Operations more than plain joint training."""


def setup() -> Setup:
    """The pair of ResNet-18 on small inputs: the number of operations does not depend on sizes."""
    shapes = {"sound": (1, 32, 32), "image": (3, 32, 32)}
    return Setup(
        "resnet18-pair", resnet_pair, random_rows(shapes, 32), random_rows(shapes, 4),
        batch_size=2, steps=1,
    )  # fmt: skip


def dispatched(trainer: Plain) -> Counter[str]:
    """The operations of one step, of as many updates as a batch is used for."""
    for group in trainer.optimizer.param_groups:
        group["foreach"] = True
    for _ in range(WARM_UP):
        trainer.step()
    with Dispatched() as mode:
        for _ in range(trainer.updates):
            trainer.step()
    return mode.counts


def rows(names: Sequence[str]) -> Iterator[Row]:
    """A row a method."""
    given, device = setup(), torch.device("cpu")
    plain: dict[str, Counter[str]] = {}
    for name in names:
        fusion = methods.entry(name).fusion or CONCAT
        if fusion not in plain:
            plain[fusion] = dispatched(Plain(given, device, fusion=fusion))
        loop = Balanced(given, device, name)
        loop.lead()
        counts, joint = dispatched(loop), plain[fusion]
        reads = counts[READ] - 2 * counts[OF_LABELS]
        yield Row(name, counts.total() / joint.total(), reads, counts - joint)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", help="comma-separated (all)")
    parser.add_argument("--list", type=int, default=0, help="operations to list of each")
    parser.add_argument("--record", action="store_true", help="write the ratios to the page")
    arguments = parser.parse_args()
    names = arguments.methods.split(",") if arguments.methods else list(methods.names())
    print("| method | operations / plain joint | reads |")
    print("|---|---|---|")
    record = Record(FILE) if arguments.record else None
    for row in rows(names):
        print(f"| {row.method} | {row.ratio:.3f} | {row.reads} |", flush=True)
        for name, count in row.added.most_common(arguments.list):
            print(f"|   {name} | +{count} | |")
        if record:
            record.add({"operations": {row.method: round(row.ratio, 3)}})
    if record:
        write_page()


if __name__ == "__main__":
    main()
