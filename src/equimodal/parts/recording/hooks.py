"""Hooks on the modules of a model, and features that a hook changes."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts.layout import as_given, samples_first
from equimodal.parts.outputs import features_in, with_features
from equimodal.parts.selection import Encoder

Edit = Callable[[str, Tensor, dict[str, Any]], Tensor]
"""Modality, its features with the samples first, and what was drawn for the pass. -> features"""


class Hook:
    """A hook of one module. What a copy of the module has in its place does nothing, and needs
    nothing of ours to be loaded."""

    def __init__(self, module: nn.Module, act: Callable[..., Any]) -> None:
        self._module, self._act = module, act
        self.copy_ran = False

    def __call__(self, module: nn.Module, *given: Any) -> Any:
        """What the module's output is replaced by; None leaves it."""
        if module is self._module:
            return self._act(*given)
        if not torch.compiler.is_compiling():
            self.copy_ran = True
        return None

    def __reduce__(self) -> Any:
        return getattr, (nullcontext(), "__exit__")


def edited(
    edit: Edit,
    modality: str,
    output: Any,
    encoder: Encoder,
    module: nn.Module,
    drawn: dict[str, Any],
) -> tuple[Any, Tensor]:
    """An encoder's output with its features as they are changed, and these alone.

    Raises:
        BalanceError: they have no row for each sample.
    """
    if encoder.folded is not None:
        raise BalanceError(
            f"Features of samples are changed in the forward pass, and the encoder of {modality!r} "
            f"has their frames folded into one axis (folded={encoder.folded!r}): let it give a row "
            "for each sample."
        )
    value = features_in(output, encoder.output, modality)
    encoder = encoder if encoder.pool is None else replace(encoder, pool=None)
    rows = samples_first(value, encoder, modality, module, None)
    changed = edit(modality, rows, drawn)
    if changed is rows:
        return output, value
    given = as_given(changed, encoder, module)
    whole = given if value is output else with_features(output, encoder.output, given)
    return whole, given


def encoder_recomputed(modality: str) -> BalanceError:
    """Of features that would not be those of the forward pass."""
    return BalanceError(
        f"Activation checkpointing runs the encoder of {modality!r} again as a whole, and its "
        "method changes its features in the forward pass: put checkpoint(...) around layers "
        "inside the encoder."
    )


def autocast_on(device: str) -> tuple[str, torch.dtype] | None:
    """Device and type of the autocast that is in force there."""
    if not torch.is_autocast_enabled(device):
        return None
    return device, torch.get_autocast_dtype(device)


def recomputing() -> bool:
    """Whether activation checkpointing runs the forward pass again inside the backward pass."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1
