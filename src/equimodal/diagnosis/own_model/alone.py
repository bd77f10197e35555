"""References for a user's model: its encoders with other weights, and copies trained alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from equimodal.diagnosis.own_model.subject import Subject
from equimodal.errors import BalanceError
from equimodal.parts.quiet import kept_streams

Weights = nn.Module | Mapping[str, Any]
MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Afterwards the model's weights, buffers and gradients are as they were."""
    kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
    gradients = {p: p.grad for p in model.parameters()}
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        model.load_state_dict(kept)
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        for module, mode in modes.items():
            module.training = mode


def load(module: nn.Module, weights: Weights, what: str) -> None:
    """Load weights, or say which do not fit.

    Raises:
        BalanceError: names or shapes are not those of the module.
    """
    try:
        given = weights.state_dict() if isinstance(weights, nn.Module) else weights
        module.load_state_dict(dict(given))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise BalanceError(
            f"{what} does not fit {type(module).__name__}: {reason} Pass the state dict, or the "
            "module, of the same class and sizes."
        ) from error


def encoder_module(subject: Subject, modality: str) -> nn.Module:
    """The module of one modality's encoder.

    Raises:
        BalanceError: it is named by its parameters, or shared with another modality.
    """
    modules = subject.modalities.modules
    module = modules[modality]
    shared = [m for m in modules if m != modality and modules[m] is module]
    several = subject.modalities.encoders[modality].features is not None
    if module is None or shared or several:
        how = f"shared with {shared[0]!r}" if shared else "named by parameters, not by a module"
        how = "made of several parts" if several else how
        raise BalanceError(
            f"The encoder of {modality!r} is {how}, so that it cannot be trained or loaded alone."
        )
    return module


def train_alone(
    subject: Subject,
    modality: str,
    loader: Iterable[Any],
    *,
    epochs: int,
    classes: int,
    optimizer: MakeOptimizer,
    seed: int,
) -> nn.Linear:
    """Train one encoder, as it is now, with a new linear head of its own; returns the head.

    The other encoders run along but do not learn.
    """
    encoder, model = encoder_module(subject, modality), subject.modalities.model
    head: nn.Linear | None = None
    stepper: torch.optim.Optimizer | None = None
    with kept_streams(model), torch.enable_grad():
        torch.manual_seed(seed)
        model.eval()
        encoder.train()
        for _ in range(epochs):
            for batch in loader:
                _, labels, features = subject.run(batch)
                rows = features[modality].flatten(1)
                if head is None or stepper is None:
                    head = nn.Linear(rows.shape[1], classes).to(rows)
                    learning = [p for p in encoder.parameters() if p.requires_grad]
                    stepper = optimizer([*learning, *head.parameters()])
                stepper.zero_grad()
                functional.cross_entropy(head(rows), labels).backward()  # type: ignore[no-untyped-call]
                stepper.step()
    assert head is not None
    return head
