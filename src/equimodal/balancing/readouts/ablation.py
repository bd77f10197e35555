"""Unimodal logits by running again: the head, or the whole model, with modalities blanked."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from equimodal.balancing.readouts.readout import Readout, logits_of, required_logits
from equimodal.checks import require, require_choice
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.quiet import kept_streams


class Ablation(Readout):
    """Any head: it runs again with every other modality's features replaced.

    Only the layers after the encoders run again, once a modality, in evaluation mode.

    Args:
        fill: what replaces them: ``"zero"``, or the batch's ``"mean"`` features.
    """

    serves_several = True

    def __init__(self, fill: str = "zero") -> None:
        require_choice("Ablation fill", fill, ("zero", "mean"))
        self.fill = fill

    @property
    def title(self) -> str:
        """With its fill."""
        return f"Ablation({self.fill!r})"

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, ...)} -> {m: (N, C)}"""
        singles = [frozenset({m}) for m in features]
        found = self.coalitions(modalities, features, singles, training=False, fill=self.fill)
        return {m: found[frozenset({m})] for m in features}


class InputAblation(Readout):
    """No separable encoders: the whole model runs again with inputs blanked.

    M extra forward passes a step, in evaluation mode and without gradients.

    Args:
        blank: ``blank(modality, *args, **kwargs) -> (args, kwargs)``: the arguments of the
            model's latest call with one modality blanked.
    """

    differentiable = False
    serves_several = True

    def __init__(self, blank: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]) -> None:
        what = "InputAblation takes blank(modality, *args, **kwargs) -> (args, kwargs)"
        require(callable(blank), what, blank)
        self.blank = blank

    @torch.no_grad()
    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits, without gradient. -> {m: (N, C)}"""
        latest = modalities.last_call()
        unimodal = {}
        for kept in modalities.names:
            args, kwargs = latest
            for other in modalities.names:
                if other != kept:
                    args, kwargs = self._without(other, args, kwargs)
            with kept_streams(modalities.model):
                output = modalities.call_quietly(*args, **kwargs)
            unimodal[kept] = required_logits(logits_of(output, modalities.record.logits_name))
        return unimodal

    def _without(
        self, modality: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The model's arguments with one modality blanked. Raises BalanceError."""
        try:
            return _blanked(self.blank(modality, *args, **kwargs))
        except BalanceError:
            raise
        except Exception as problem:
            raise BalanceError(
                f"blank of InputAblation raised {type(problem).__name__}: "
                f"{str(problem).rstrip('.')}. It was called as the model was, with {modality!r}, "
                f"{len(args)} inputs by position and {list(kwargs)} by name: write "
                "blank(modality, *args, **kwargs)."
            ) from problem


def _blanked(found: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What ``blank`` gave. Raises BalanceError where it is no pair of arguments."""
    pair = isinstance(found, tuple) and len(found) == 2
    if pair and isinstance(found[0], (tuple, list)) and isinstance(found[1], dict):
        return tuple(found[0]), found[1]
    raise BalanceError(
        "blank of InputAblation must return (args, kwargs), the model's inputs by position in a "
        f"tuple and those by name in a dict; found {type(found).__name__}."
    )
