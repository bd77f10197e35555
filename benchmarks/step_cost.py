"""What a step of every method costs, as a ratio to plain joint training of the same model.

    python benchmarks/step_cost.py                       # keypad, then the ResNet-18 pair: hours
    python benchmarks/step_cost.py --methods ogm,agm --rounds 100
    python benchmarks/step_cost.py --device cuda --setups resnet18-pair-224,transformer-pair \\
        --precision bf16 --file gpu.jsonl                # the set-ups for a GPU

A round runs a few iterations of some methods in turn, each with its own copy of the model, between
iterations of plain joint training with the same fusion and without the library, and divides by
these. On the CPU it is processor time, in one thread. An iteration fetches its batch, runs forward,
backward, the method and SGD with momentum; of a method that uses a batch for several updates all of
them count. Rounds go on until the 95 % t-interval of the mean ratio over rounds is within 0.02, or
`--rounds` or `--minutes` are over; methods with a bound come first. What comes between two epochs
is timed apart, once, as a share of an epoch of joint training on these data.

Every round is written to `--file`, so that a repeat continues. The table of this repository's file
is docs/results/step-cost.md, written by `step_pages.py`.
"""

import argparse
import datetime
import gc
import os
import platform
import random
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from step_pages import told, write_page
from step_record import BOUNDS, FILE, Record
from step_setups import SETUPS, Setup
from step_trainers import EPOCH, Balanced, Plain

from equimodal import methods
from equimodal.models.fusions import CONCAT

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
TOGETHER = 6
"""Methods in one round: few, so that the machine is the same throughout."""
ONLY = {"resnet18-pair-309": ("pmr",)}
"""Set-ups for a few methods."""


@dataclass(frozen=True)
class Case:
    """A method in a part of its training."""

    label: str
    method: str
    epoch: int = EPOCH

    @property
    def fusion(self) -> str:
        """Of its model."""
        return methods.entry(self.method).fusion or CONCAT

    @property
    def rank(self) -> tuple[bool, bool]:
        """Lower for what is measured first."""
        return self.label not in BOUNDS, methods.entry(self.method).is_control


LATER = {"relearn": 6, "relearn-fixed": 6}
"""Epoch before which those have acted that act between later ones."""
PARTS = (
    Case("reconboost, rectifying", "reconboost", epoch=3),
    Case("di-mml, fusing", "di-mml", epoch=6),
)
"""Methods whose steps differ with the part of the training."""


def cases(setup: str, names: str | None) -> list[Case]:
    """What is measured of a set-up, in its order."""
    every = [Case(name, name, LATER.get(name, EPOCH)) for name in methods.names()]
    asked = names.split(",") if names else methods.names()
    wanted = set(asked) & set(ONLY.get(setup, methods.names()))
    found = [c for c in (*every, *PARTS) if c.method in wanted]
    return sorted(found, key=lambda case: case.rank)


def groups(found: list[Case]) -> Iterator[list[Case]]:
    """Cases that are held against the same joint training, a few at a time, in their order."""
    while found:
        together = [c for c in found if c.fusion == found[0].fusion]
        together = [c for c in together if c.rank[0] == found[0].rank[0]][:TOGETHER]
        yield together
        found = [c for c in found if c not in together]


class Group:
    """Loops of a few cases and the joint training that they are held against."""

    def __init__(
        self, setup: Setup, found: list[Case], options: argparse.Namespace, record: Record
    ) -> None:
        self.setup, self.record = setup, record
        device, dtype = torch.device(options.device), PRECISIONS[options.precision]
        self.plain = Plain(setup, device, dtype, found[0].fusion)
        self.plain.timed()
        epoch = min(self.plain.timed() for _ in range(2)) * len(setup.train) / setup.batch_size
        self.loops: dict[str, Balanced] = {}
        for case in found:
            loop = Balanced(setup, device, case.method, dtype)
            between = loop.lead(case.epoch)
            loop.timed()
            self.loops[case.label] = loop
            if (setup.name, case.label) not in record.between:
                share = round(between / epoch, 4)
                record.add({"setup": setup.name, "between": {case.label: share}})

    def round(self, waiting: list[Case]) -> None:
        """One round of some cases, in an order of its own."""
        order = [case.label for case in random.sample(waiting, len(waiting))]
        before = self.plain.timed()
        spent = {label: self.loops[label].timed() for label in order}
        base = (before + self.plain.timed()) / 2
        ratios = {label: round(seconds / base, 4) for label, seconds in spent.items()}
        ms = round(base * 1e3, 3)
        self.record.add({"setup": self.setup.name, "joint_ms": ms, "ratios": ratios})


def measure(setup: Setup, options: argparse.Namespace, record: Record, end: float) -> None:
    """Rounds of all cases of a set-up until they are settled."""

    def open_cases(found: list[Case]) -> list[Case]:
        """Those that are not settled and have rounds left."""
        return [
            c for c in found
            if not record.settled(setup.name, c.label)
            and len(record.ratios[setup.name, c.label]) < options.rounds
        ]  # fmt: skip

    for found in groups(open_cases(cases(setup.name, options.methods))):
        if time.monotonic() > end:
            return
        group = Group(setup, found, options, record)
        while (waiting := open_cases(found)) and time.monotonic() < end:
            group.round(waiting)
        for case in found:
            print(setup.name, case.label, told(record, setup.name, case.label), flush=True)
        del group
        gc.collect()


def where(options: argparse.Namespace) -> dict[str, Any]:
    """The machine, in words."""
    cuda = options.device.startswith("cuda")
    cores = f"{os.cpu_count()} {platform.machine()} cores"
    return {
        "machine": torch.cuda.get_device_name() if cuda else cores,
        "torch": torch.__version__, "threads": torch.get_num_threads(),
        "precision": options.precision, "date": datetime.date.today().isoformat(),
    }  # fmt: skip


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--setups", default="keypad,resnet18-pair,resnet18-pair-309",
        help=f"comma-separated, of {', '.join(SETUPS)}",
    )  # fmt: skip
    parser.add_argument("--methods", help="comma-separated; all, where it is left out")
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS)
    parser.add_argument("--rounds", type=int, default=60, help="of a method, at most")
    parser.add_argument("--minutes", type=float, default=600, help="after which no round begins")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args()
    torch.set_num_threads(1)
    # Steps of one epoch are timed again and again.
    warnings.filterwarnings("ignore", message=r"batches\(\) began another epoch")
    record = Record(options.file, where(options))
    end = time.monotonic() + 60 * options.minutes
    for name in options.setups.split(","):
        setup = SETUPS[name]()
        device = torch.device(options.device)
        setup.train, setup.validation = setup.train.to(device), setup.validation.to(device)
        measure(setup, options, record, end)
    if options.file == FILE:
        write_page()


if __name__ == "__main__":
    main()
