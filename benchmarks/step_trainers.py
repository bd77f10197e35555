"""Loops whose steps are timed: plain joint training, and training with a method."""

import time
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from step_setups import Setup
from torch import nn

from equimodal import Balancer, methods
from equimodal.data import MultimodalDataset
from equimodal.models.fusions import CONCAT

EPOCHS, EPOCH = 8, 2
"""Planned epochs, and the one in which steps are timed: past every warm-up."""
LEAD = 4
"""Steps of two rows in each epoch before it: a balancer watches the first few more closely."""
EARLY = {
    "at", "boost_epochs", "contrast_from", "fusion_from", "history", "patience", "rectify_epochs",
    "stage_epochs", "threshold",
}  # fmt: skip
"""Settings that say when a method acts: the registry's quick ones, so that it does by then."""


class Plain:
    """Joint training without the library."""

    updates = 1
    """For how many a batch is used."""

    def __init__(
        self,
        setup: Setup,
        device: torch.device,
        dtype: torch.dtype | None = None,
        fusion: str = CONCAT,
    ) -> None:
        self.setup, self.dtype, self.device = setup, dtype, device
        self.model = setup.build(fusion).to(device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4
        )
        self._batches = self._endless()

    def step(self) -> float:
        """One iteration. -> rows of a modality, as a share of a batch"""
        inputs, target = next(self._batches)
        with self.half():
            loss = F.cross_entropy(self.model(inputs).logits, target)
        self.scaler.scale(loss).backward()
        self.update()
        return 1.0

    def half(self) -> torch.autocast:
        """Mixed precision, where it is asked for."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None)

    def update(self) -> None:
        """The optimizer's step."""
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()

    def timed(self) -> float:
        """Seconds of a round's iterations, for as many rows as a batch has: of the process on the
        CPU, which other programs disturb least, of the clock on an accelerator."""
        started = seconds(self.device)
        batches = sum(self.step() for _ in range(self.setup.steps))
        return (seconds(self.device) - started) / batches * self.updates

    def _endless(self) -> Iterator[tuple[Any, Any]]:
        while True:
            order = torch.randperm(len(self.setup.train))
            for indices in order.split(self.setup.batch_size):
                if len(indices) == self.setup.batch_size:
                    yield self.setup.train.take(indices)


class Balanced(Plain):
    """Training with a method, on the fused loss where it brings none of its own."""

    def __init__(
        self, setup: Setup, device: torch.device, name: str, dtype: torch.dtype | None = None
    ) -> None:
        entry = methods.entry(name)
        super().__init__(setup, device, dtype, entry.fusion or CONCAT)
        method = methods.create(name, **early(entry))
        self.updates = method.repeats(len(self.model.encoders))
        encoders = {m: f"encoders.{m}" for m in self.model.encoders}
        self.balancer = Balancer(
            self.model, method, encoders,
            None if method.brings_heads else self.model.readout(),
            loaders={"train": _whole(setup.train), "val": _whole(setup.validation)},
            teachers=self._teachers() if entry.depends else None,
            forward=lambda model, batch: (model(batch[0]), batch[1]),
            optimizers=[self.optimizer], epochs=EPOCHS,
        )  # fmt: skip
        if beside := list(self.balancer.parameters()):
            self.optimizer.add_param_group({"params": beside})

    def _teachers(self) -> dict[str, tuple[nn.Module, nn.Module]]:
        """Encoders as the model's own, untrained: a step takes as long."""
        other = self.setup.build(CONCAT).to(self.device)
        classes = other.head.out_features
        return {
            m: (encoder, nn.Linear(other.widths[m], classes).to(self.device))
            for m, encoder in other.encoders.items()
        }

    def step(self, batch: tuple[Any, Any] | None = None) -> float:
        """One iteration, of the next batch or another. -> rows of a modality, in the mean, as a
        share of a batch"""
        inputs, targets = batch or next(self._batches)
        with self.half():
            loss = self.balancer.loss(self.model(inputs), targets)
        self.scaler.scale(loss).backward()
        if self.dtype == torch.float16:
            self.scaler.unscale_(self.optimizer)
        self.balancer.before_step()
        self.update()
        return sum(map(len, inputs.values())) / len(inputs) / self.setup.batch_size

    def lead(self, epoch: int = EPOCH) -> float:
        """Train up to an epoch, a few small steps in each. -> seconds of the longest of the passes
        between two epochs: the end of one, and what comes before the first batch of the next"""
        longest = 0.0
        self._batches = self._of_epoch(2)
        for _ in range(epoch):
            for _ in range(LEAD):
                self.step()
            started = seconds(self.device)
            self.balancer.epoch_end()
            self._batches = self._of_epoch(2)
            first = next(self._batches)
            longest = max(longest, seconds(self.device) - started)
            self._batches = _again(first, self._batches)
        self._batches = self._endless()
        return longest

    def timed(self) -> float:
        """See `Plain`; decisions go to nobody between rounds, as between epochs."""
        self.balancer.decisions.flush()
        return super().timed()

    def _of_epoch(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        return self.balancer.batches(self.setup.train, batch_size=batch_size)

    def _endless(self) -> Iterator[tuple[Any, Any]]:
        """One epoch again and again."""
        while True:
            yield from self._of_epoch(self.setup.batch_size)


def early(entry: methods.Entry) -> dict[str, Any]:
    """Settings with which a method acts in the epoch that is timed, at the cost of its own."""
    found = {name: value for name, value in entry.quick.items() if name in EARLY}
    if "epoch" in entry.cost and "every" in entry.quick:  # passes each so many epochs
        found["every"] = entry.quick["every"]
    return found


def seconds(device: torch.device) -> float:
    """The clock by which a step is timed, when all work is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.process_time() if device.type == "cpu" else time.perf_counter()


def _again(first: Any, others: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from others


def _whole(rows: MultimodalDataset) -> list[Any]:
    return [rows.take(indices) for indices in torch.arange(len(rows)).split(256)]
