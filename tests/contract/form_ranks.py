"""Readouts and tasks of every form, in one process or as one of two ranks."""

from functools import partial

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from contract import fusions
from contract.models import CLASSES, Tagger, TwoTasks
from contract.pair import joined, leave
from equimodal import (
    Ablation,
    Balancer,
    Classification,
    LinearSplit,
    OutputLogits,
    Regression,
    Tasks,
    methods,
)  # fmt: skip

METHODS = ("joint", "joint+unimodal", "amss")
ROWS = 24


class Own(fusions.Own):
    """As all of these, it returns the features too, which FSDP2 needs where they are trained."""

    def forward(self, audio, video):
        a, v = self.audio_net(audio), self.video_net(video)
        return self.fuse(a, v) | {"features": [a, v]}


class Activated(fusions.Concatenation):
    """An activation between the concatenation and the head."""

    def forward(self, audio, video):
        a, v = self.audio_net(audio), self.video_net(video)
        return {"logits": self.fc(torch.cat([a, v], 1).tanh()), "features": [a, v]}


class Tokens(Tagger):
    def forward(self, a, b):
        features = [self.encoders["a"](a), self.encoders["b"](b)]
        return {"logits": self.head(torch.cat(features, -1)), "features": features}


class Both(TwoTasks):
    def forward(self, a, b):
        features = [self.encoders["a"](a), self.encoders["b"](b)]
        both = torch.cat(features, 1)
        return {"kind": self.kind(both), "size": self.size(both.tanh()), "features": features}


def of_some(logits, target):
    """A criterion that is never asked where no label counts."""
    assert (target != -100).any()
    return functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100)


def draws(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def tokens():
    """Labels of the first half of the rows alone."""
    a, b = draws(2, ROWS, 5, 3)
    labels = (a.sum(-1) > 0).long() + (b.sum(-1) > 0).long()
    return a, b, labels.masked_fill(torch.arange(ROWS)[:, None] >= ROWS // 2, -100)


def both():
    a, b = draws(2, ROWS, 7)
    return a, b, {"kind": torch.arange(ROWS) % CLASSES, "size": a[:, :2] - b[:, 1:3]}


def two_tasks():
    return Tasks({"kind": Classification(), "size": Regression()}, weights={"size": 0.25})


NETS, ENCODERS = ({m: f"{m}_net" for m in ("audio", "video")}, {m: f"encoders.{m}" for m in "ab"})
NAMES = {"audio": "audio_logits", "video": "video_logits"}
# Model, encoders, readout, task, data.
CASES = {
    "own logits": (Own, NETS, partial(OutputLogits, NAMES), Classification, fusions.batch),
    "behind an activation": (
        Activated, NETS, partial(LinearSplit, "fc"), Classification, fusions.batch,
    ),
    "tokens": (
        Tokens, ENCODERS, partial(LinearSplit, "head"), partial(Classification, ignore_index=-100),
        tokens,
    ),
    "tokens and a criterion": (
        Tokens, ENCODERS, partial(LinearSplit, "head"),
        partial(Classification, ignore_index=-100, criterion=of_some), tokens,
    ),
    "two tasks": (
        Both, ENCODERS, lambda: {"kind": LinearSplit("kind"), "size": Ablation("zero")}, two_tasks,
        both,
    ),
}  # fmt: skip
LAYOUTS = ("ddp", "sharded")


def wrapped(model, layout):
    """The model in a layout, which is called."""
    if layout == "ddp":
        return DistributedDataParallel(model, find_unused_parameters=True)
    if layout == "sharded":
        fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    return torch.compile(model, backend="aot_eager") if layout == "compiled" else model


def result(case, name, layout="", rank=None):
    """Weights after three updates: of all rows, or of a rank's half."""
    kind, encoders, readout, task, data = CASES[case]
    model = fusions.built(kind)
    called = wrapped(model, layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    balancer = Balancer(
        model, methods.create(name), encoders, readout(), task=task(), optimizers=optimizer
    )
    half = slice(None) if rank is None else slice(rank * ROWS // 2, (rank + 1) * ROWS // 2)
    for _ in range(3):
        one, other, target = data()
        named = isinstance(target, dict)
        target = {t: y[half] for t, y in target.items()} if named else target[half]
        loss = balancer.loss(called(one[half], other[half]), target)
        # Ranks take the mean of their losses: one without a label that counts halves the other's.
        (loss / 2 if rank is None and case.startswith("tokens") else loss).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
    balancer.epoch_end()
    weights = {n: getattr(p, "full_tensor", lambda p=p: p)() for n, p in model.named_parameters()}
    return {n: w.detach().clone() for n, w in weights.items()}


def train_all(rank, folder, names):
    """Train every case as one of two ranks; leave the weights in ``folder``."""
    with joined(rank, folder):
        found = {
            f"{layout}, {case}, {name}": result(case, name, layout, rank)
            for layout in LAYOUTS for case in CASES for name in names
        }  # fmt: skip
    leave(found, rank, folder)
