"""Step time of every method as a ratio to plain joint training, side by side in one run.

    python benchmarks/step_cost.py                    # keypad and resnet18-pair on the CPU
    python benchmarks/step_cost.py --setups keypad --rounds 60
    python benchmarks/step_cost.py --device cuda --setups resnet18-pair-224,transformer-pair \\
        --precision bf16                              # the set-ups for a GPU

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

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
    shapes = {"sound": (1, 129, 94), "image": (3, 96, 96)}
    return Setup(
        "resnet18-pair", resnet_pair, random_rows(shapes, 256), random_rows(shapes, 64),
        batch_size=16, epochs=(90,), steps=2,
    )  # fmt: skip


def resnet_pair() -> FusionModel:
    """Two ResNet-18 and a linear head of 6 classes."""
    torch.manual_seed(0)
    encoders = {"sound": ResNet18(1), "image": ResNet18(3)}
    return FusionModel(encoders, widths={"sound": 512, "image": 512}, classes=6)


def large_resnet_setup() -> Setup:
    """Two ResNet-18 at the papers' sizes, batch 64: 1 x 257 x 188 and 3 x 224 x 224, for a GPU."""
    shapes = {"sound": (1, 257, 188), "image": (3, 224, 224)}
    return Setup(
        "resnet18-pair-224", resnet_pair, random_rows(shapes, 512), random_rows(shapes, 128),
        batch_size=64, epochs=(90,), steps=4,
    )  # fmt: skip


class Transformer(nn.Module):
    """(N, T, 64) -> (N, 256): four layers over tokens, their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(64, 256)
        layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.layers(self.project(tokens))
        return mixed.mean(1)


def transformer_setup() -> Setup:
    """Two transformers of four layers over 64 and 128 tokens, batch 64, for a GPU."""

    def build() -> FusionModel:
        torch.manual_seed(0)
        widths = {"text": 256, "sound": 256}
        return FusionModel({m: Transformer() for m in widths}, widths=widths, classes=6)

    shapes = {"text": (64, 64), "sound": (128, 64)}
    return Setup(
        "transformer-pair", build, random_rows(shapes, 512), random_rows(shapes, 128),
        batch_size=64, epochs=(90,), steps=4,
    )  # fmt: skip


def random_rows(shapes: Mapping[str, tuple[int, ...]], count: int) -> MultimodalDataset:
    """So many samples of normal noise with six labels in turn."""
    draw = torch.Generator().manual_seed(0)
    inputs = {m: torch.randn(count, *shape, generator=draw) for m, shape in shapes.items()}
    return MultimodalDataset(inputs, torch.arange(count) % 6)


SETUPS = {
    "keypad": keypad_setup, "resnet18-pair": resnet_setup,
    "resnet18-pair-224": large_resnet_setup, "transformer-pair": transformer_setup,
}  # fmt: skip
DEFAULT_SETUPS = "keypad,resnet18-pair"
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Plain:
    """Joint training without the library."""

    def __init__(
        self, setup: Setup, device: torch.device, dtype: torch.dtype | None = None
    ) -> None:
        self.setup, self.model, self.dtype = setup, setup.build().to(device), dtype
        self.kind = device.type
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4
        )
        self._batches = self._endless()

    def step(self) -> None:
        """One iteration."""
        inputs, target = next(self._batches)
        with self.half():
            loss = F.cross_entropy(self.model(inputs).logits, target)
        self.scaler.scale(loss).backward()
        self.update()

    def half(self) -> torch.autocast:
        """Mixed precision, where it is asked for."""
        return torch.autocast(self.kind, self.dtype, enabled=self.dtype is not None)

    def update(self) -> None:
        """The optimizer's step."""
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()

    def _endless(self) -> Iterator[tuple[Any, Any]]:
        while True:
            order = torch.randperm(len(self.setup.train))
            for indices in order.split(self.setup.batch_size):
                if len(indices) == self.setup.batch_size:
                    yield self.setup.train.take(indices)


class Balanced(Plain):
    """Training with a method; the plain objective, so that only the method's cost is added."""

    def __init__(
        self, setup: Setup, device: torch.device, name: str, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(setup, device, dtype)
        encoders = {m: f"encoders.{m}" for m in self.model.encoders}
        self.balancer = Balancer(
            self.model, methods.create(name), encoders, LinearSplit("head"),
            loaders={"train": _whole(setup.train), "val": _whole(setup.validation)},
            optimizers=[self.optimizer], epochs=9,
        )  # fmt: skip

    def step(self) -> None:
        """One iteration."""
        inputs, targets = next(self._batches)
        with self.half():
            loss = self.balancer.loss(self.model(inputs), targets)
        self.scaler.scale(loss).backward()
        if self.dtype == torch.float16:
            self.scaler.unscale_(self.optimizer)
        self.balancer.before_step()
        self.update()

    def moment(self) -> float:
        """Seconds of one diagnosis with re-learning, after 2 of 9 epochs."""
        self.balancer.epoch_index = 1
        started = time.perf_counter()
        self.balancer.epoch_end()
        return time.perf_counter() - started

    def _endless(self) -> Iterator[tuple[Any, Any]]:
        while True:
            yield from self.balancer.batches(self.setup.train, batch_size=self.setup.batch_size)
            self.balancer.epoch_end()


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


def measure(
    setup: Setup, rounds: int, device: torch.device, dtype: torch.dtype | None
) -> list[dict[str, Any]]:
    """Ratios to plain joint training of every method. A row each."""
    setup.train, setup.validation = setup.train.to(device), setup.validation.to(device)
    plain = Plain(setup, device, dtype)
    trainers = {name: Balanced(setup, device, name, dtype) for name in METHODS}
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
    parser.add_argument(
        "--setups", default=DEFAULT_SETUPS, help=f"comma-separated, of {', '.join(SETUPS)}"
    )
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS)
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
        for row in measure(
            SETUPS[name](), arguments.rounds, device, PRECISIONS[arguments.precision]
        )
    ]
    where = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    print(f"torch {torch.__version__}, {where}, {arguments.threads} threads, {arguments.precision}")
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
