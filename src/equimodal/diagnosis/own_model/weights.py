"""Weights of a user's model: put in for a while, checked, and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from equimodal.diagnosis.own_model.subject import Subject
from equimodal.errors import BalanceError
from equimodal.parts.modalities import unwrap

Weights = nn.Module | Mapping[str, Any]
_PREFIXES = ("_orig_mod.", "module.")
"""Of ``torch.compile`` and of DistributedDataParallel."""


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


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[None]:
    """Inside, no module runs what ``module.compile()`` made of it, which knows no later hook."""
    kept = {
        module: module._compiled_call_impl
        for module in model.modules()
        if module._compiled_call_impl is not None
    }
    try:
        for module in kept:
            module._compiled_call_impl = None
        yield
    finally:
        for module, made in kept.items():
            module._compiled_call_impl = made


def load(module: nn.Module, weights: Weights, what: str) -> None:
    """Load weights, or say which do not fit.

    Raises:
        BalanceError: names or shapes are not those of the module.
    """
    try:
        given = unwrap(weights).state_dict() if isinstance(weights, nn.Module) else weights
        module.load_state_dict(_bare(given))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise BalanceError(
            f"{what} does not fit {type(module).__name__}: {reason} Pass the state dict, or the "
            "module, of the same class and sizes."
        ) from error


def _bare(given: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict without the prefix of a wrapper that all of its names have."""
    for prefix in _PREFIXES:
        if given and all(name.startswith(prefix) for name in given):
            return {name.removeprefix(prefix): value for name, value in given.items()}
    return dict(given)


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
