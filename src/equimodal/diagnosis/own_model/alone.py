"""References for a user's model: each of its encoders trained alone, in the model's own forward."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_map

from equimodal.diagnosis.own_model.budget import Budget
from equimodal.diagnosis.own_model.subject import Subject
from equimodal.diagnosis.own_model.updates import updates
from equimodal.errors import BalanceError
from equimodal.numerics.random import epoch_seed
from equimodal.parts.quiet import kept_streams, quiet


@dataclass
class Trained:
    """A head trained with its encoder, and what trains it.

    ``lowest`` is the least mean loss of a pass over its samples, in nats, and ``updates`` counts
    the steps.
    """

    head: nn.Linear
    optimizer: torch.optim.Optimizer
    schedule: Any
    total: Tensor
    rows: int = 0
    updates: int = 0
    lowest: float = math.inf

    def step(self) -> None:
        """One update, and that of the rate."""
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.schedule is not None:
            self.schedule.step()
        self.updates += 1

    def pass_over(self) -> None:
        """Note the mean loss of a pass; one that is not finite teaches nothing."""
        mean = float(self.total) / max(self.rows, 1)
        self.lowest = min(self.lowest, mean) if math.isfinite(mean) else self.lowest
        self.total, self.rows = torch.zeros_like(self.total), 0


def _begun(
    rows: Tensor, classes: int, encoder: list[nn.Parameter], budget: Budget, steps: int
) -> Trained:
    head = nn.Linear(rows.shape[1], classes).to(rows)
    optimizer = budget.optimizer([*encoder, *head.parameters()])
    optimizer.zero_grad()
    schedule = budget.schedule(optimizer, steps) if budget.schedule else None
    total = torch.zeros((), dtype=torch.float64, device=rows.device)
    return Trained(head, optimizer, schedule, total)


def parameters_alone(subject: Subject, modality: str) -> list[nn.Parameter]:
    """What a training of one encoder alone learns.

    Raises:
        BalanceError: it shares its module with another modality, or none of it is trained.
    """
    modalities = subject.modalities
    shared = [
        m
        for m in modalities.names
        if m != modality and modalities.modules[m] is modalities.modules[modality]
    ]
    if shared:
        raise BalanceError(
            f"The encoder of {modality!r} is shared with {shared[0]!r}, so that it cannot be "
            "trained alone: what it learns would be of both."
        )
    found = [p for p in modalities.parameters(modality).values() if p.requires_grad]
    if not found:
        raise BalanceError(
            f"The encoder of {modality!r} has no trained parameter of its own, so that a training "
            "alone would change nothing; leave train_alone_epochs out."
        )
    return found


def reads_others(subject: Subject, modality: str, batch: Any) -> bool:
    """Whether the features of a modality change where all others are `blanked`."""
    with quiet(subject.modalities.model):
        features = subject.run(batch)[2][modality]
        with blanked(subject, modality):
            alone = subject.run(batch)[2][modality]
    return not torch.allclose(features, alone, rtol=1e-4, atol=1e-5)


@contextmanager
def blanked(subject: Subject, modality: str) -> Iterator[None]:
    """Inside, the encoders of all other modalities give zeros, in the form of their output."""

    def nothing(module: nn.Module, inputs: Any, output: Any) -> Any:
        return tree_map(lambda x: torch.zeros_like(x) if isinstance(x, Tensor) else x, output)

    modules = subject.modalities.modules
    others = {modules[m] for m in subject.modalities.names if m != modality}
    handles = [module.register_forward_hook(nothing) for module in others if module is not None]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _only(learning: list[nn.Parameter], model: nn.Module) -> Iterator[None]:
    """Inside, no other parameter of the model takes a gradient, so that none is computed."""
    mine = {id(p) for p in learning}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in mine]
    try:
        for parameter in others:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)


def train_alone(
    subject: Subject,
    modality: str,
    loader: Iterable[Any],
    budget: Budget,
    *,
    classes: int,
    samples: int,
    times: int,
    seed: int,
) -> Trained:
    """Train one encoder, as it is now, with a new linear head of its own.

    The model runs as it does; the other encoders do not learn, and are to be `blanked` where this
    one reads them.

    Args:
        subject: the model.
        modality: which of its encoders.
        loader: of the training samples.
        budget: of the training, ``times`` its passes.
        classes: of the head.
        samples: that the loader gives.
        times: see above.
        seed: of the head, of the order and of dropout.
    """
    learning, model = parameters_alone(subject, modality), subject.modalities.model
    trained: Trained | None = None
    single = not subject.modalities.has_batch_norm()
    with kept_streams(model), _only(learning, model), torch.enable_grad():
        torch.manual_seed(seed)
        model.eval()
        for module in subject.modalities.inside(modality):
            module.training = True
        for epoch in range(times * budget.epochs):
            torch.manual_seed(epoch_seed(seed, epoch))
            for parts in updates(loader, budget.batch_size, single=single):
                whole = sum(rows for _, rows in parts)
                for part, rows in parts:
                    _, labels, features = subject.run(part)
                    flat = features[modality].flatten(1)
                    if trained is None:
                        steps = budget.updates(samples, times)
                        trained = _begun(flat, classes, learning, budget, steps)
                    loss = functional.cross_entropy(trained.head(flat), labels)
                    (loss * rows / whole).backward()  # type: ignore[no-untyped-call]
                    trained.total += loss.detach().double() * rows
                    trained.rows += rows
                assert trained is not None
                trained.step()
            assert trained is not None  # a loader without a batch is refused before
            trained.pass_over()
    assert trained is not None
    return trained
