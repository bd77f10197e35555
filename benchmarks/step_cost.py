"""Step time of every method as a ratio to plain joint training, side by side in one run.

    python benchmarks/step_cost.py                    # both set-ups on the CPU
    python benchmarks/step_cost.py --setups keypad --rounds 60
    python benchmarks/step_cost.py --device cuda

A round runs a few iterations of every method in turn, each with its own copy of the model, and
divides by plain joint training (no library) in the same round; the table shows the median and the
quartiles over rounds. An iteration fetches its batch, runs forward, backward, the method and SGD
with momentum. DUS is run at equal counts (``dus-uniform``). Diagnosing & Re-learning costs nothing
in a step; its moments are timed apart and spread over its schedule: three in the 90 epochs of the
paper, and three in the default epochs of the data set where they are fewer.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from equimodal import Balancer, LinearSplit, data, methods
from equimodal.data import MultimodalDataset
from equimodal.data.defaults import TRAINING_DEFAULTS
from equimodal.models import FusionModel, ResNet18, build_model

METHODS = ("joint", "amss", "amss-fixed", "amss+", "dus-uniform")


@dataclass
class Setup:
    """One model with its data and the shape of its training."""

    name: str
    build: Callable[[], FusionModel]
    train: MultimodalDataset
    validation: MultimodalDataset
    batch_size: int
    epochs: tuple[int, ...]
    """Lengths of training over which three moments of re-learning are spread."""
    steps: int
    """Iterations of one method in one round."""


def keypad_setup() -> Setup:
    """The model and the data of `equimodal compare`."""
    source = data.load("keypad", seed=0)
    return Setup(
        "keypad", lambda: build_model(source.modalities, len(source.classes), seed=0),
        source.train, source.validation, batch_size=64,
        epochs=(90, TRAINING_DEFAULTS["keypad"]["epochs"]), steps=8,
    )  # fmt: skip


def resnet_setup() -> Setup:
    """Two ResNet-18, batch 16: sound 1 x 129 x 94 and image 3 x 96 x 96, random values."""
    draw = torch.Generator().manual_seed(0)

    def rows(count: int) -> MultimodalDataset:
        inputs = {
            "sound": torch.randn(count, 1, 129, 94, generator=draw),
            "image": torch.randn(count, 3, 96, 96, generator=draw),
        }
        return MultimodalDataset(inputs, torch.arange(count) % 6)

    def build() -> FusionModel:
        torch.manual_seed(0)
        encoders = {"sound": ResNet18(1), "image": ResNet18(3)}
        return FusionModel(encoders, widths={"sound": 512, "image": 512}, classes=6)

    return Setup("resnet18-pair", build, rows(256), rows(64), batch_size=16, epochs=(90,), steps=2)


SETUPS = {"keypad": keypad_setup, "resnet18-pair": resnet_setup}


class Plain:
    """Joint training without the library."""

    def __init__(self, setup: Setup, device: torch.device) -> None:
        self.setup, self.model = setup, setup.build().to(device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4
        )
        self._batches = self._endless()

    def step(self) -> None:
        """One iteration."""
        inputs, target = next(self._batches)
        loss = F.cross_entropy(self.model(inputs).logits, target)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _endless(self) -> Iterator[tuple[Any, Any]]:
        while True:
            order = torch.randperm(len(self.setup.train))
            for indices in order.split(self.setup.batch_size):
                if len(indices) == self.setup.batch_size:
                    yield self.setup.train.take(indices)


class Balanced(Plain):
    """Training with a method; the plain objective, so that only the method's cost is added."""

    def __init__(self, setup: Setup, device: torch.device, name: str) -> None:
        super().__init__(setup, device)
        encoders = {m: f"encoders.{m}" for m in self.model.encoders}
        self.balancer = Balancer(
            self.model, methods.create(name), encoders, LinearSplit("head"),
            loaders={"train": _whole(setup.train), "val": _whole(setup.validation)},
            optimizers=[self.optimizer], epochs=9,
        )  # fmt: skip

    def step(self) -> None:
        """One iteration."""
        inputs, targets = next(self._batches)
        loss = self.balancer.loss(self.model(inputs), targets)
        loss.backward()
        self.balancer.before_step()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def moment(self) -> float:
        """Seconds of one diagnosis with re-learning, after 2 of 9 epochs."""
        self.balancer.epoch_index = 1
        started = time.perf_counter()
        self.balancer.epoch_end()
        return time.perf_counter() - started

    def _endless(self) -> Iterator[tuple[Any, Any]]:
        while True:
            yield from self.balancer.batches(self.setup.train, batch_size=self.setup.batch_size)


def _whole(rows: MultimodalDataset) -> list[Any]:
    return [rows.take(indices) for indices in torch.arange(len(rows)).split(256)]


def timed(trainer: Plain, device: torch.device) -> float:
    """Seconds of one iteration, the mean over a round's."""
    _wait(device)
    started = time.perf_counter()
    for _ in range(trainer.setup.steps):
        trainer.step()
    _wait(device)
    return (time.perf_counter() - started) / trainer.setup.steps


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(setup: Setup, rounds: int, device: torch.device) -> list[dict[str, Any]]:
    """Ratios to plain joint training of every method. A row each."""
    setup.train, setup.validation = setup.train.to(device), setup.validation.to(device)
    plain = Plain(setup, device)
    trainers = {name: Balanced(setup, device, name) for name in METHODS}
    for trainer in (plain, *trainers.values()):
        timed(trainer, device)
    seconds: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in trainers}
    for turn in range(rounds):
        before = timed(plain, device)
        order = list(trainers)[turn % len(trainers) :] + list(trainers)[: turn % len(trainers)]
        spent = {name: timed(trainers[name], device) for name in order}
        base = (before + timed(plain, device)) / 2
        seconds.append(base)
        for name, value in spent.items():
            ratios[name].append(value / base)
    rows = [_row(setup.name, name, values) for name, values in ratios.items()]
    return [*rows, *relearn_rows(setup, device, statistics.median(seconds))]


def relearn_rows(setup: Setup, device: torch.device, base: float) -> Iterator[dict[str, Any]]:
    """The cost of three moments, spread over a training."""
    trainer = Balanced(setup, device, "relearn")
    trainer.step()
    trainer.moment()
    moments = [trainer.moment() for _ in range(5)]
    for epochs in setup.epochs:
        steps = epochs * -(-len(setup.train) // setup.batch_size)
        spread = [1 + 3 * m / (steps * base) for m in moments]
        row = _row(setup.name, f"relearn, {epochs} epochs", spread)
        yield row | {"moment_seconds": statistics.median(moments), "plain_step_ms": base * 1e3}


def _row(setup: str, method: str, values: Sequence[float]) -> dict[str, Any]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"setup": setup, "method": method, "ratio": middle, "low": low, "high": high}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setups", default=",".join(SETUPS), help="comma-separated")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", help="also write the rows to this JSON file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    rows = [
        row
        for name in arguments.setups.split(",")
        for row in measure(SETUPS[name](), arguments.rounds, device)
    ]
    where = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    print(f"torch {torch.__version__}, {where}, {arguments.threads} threads")
    print("| set-up | method | step time / plain joint, median (quartiles) |")
    print("|---|---|---|")
    for r in rows:
        print(
            f"| {r['setup']} | {r['method']} | {r['ratio']:.3f} ({r['low']:.3f}-{r['high']:.3f}) |"
        )
    if arguments.out:
        with open(arguments.out, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
