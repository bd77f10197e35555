"""Which model was trained: the encoder of every modality, the fusion, and how it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from equimodal.data.target import REGRESSION

_SMALL, _CONCAT = "small", "concat"
EXACT = (_CONCAT, "sum")
"""Fusions whose logits are the sum of the modalities' own."""


def is_default(config: Mapping[str, Any]) -> bool:
    """Whether a comparison, or a run, has the small encoders and concatenation."""
    return not config.get("encoders") and config.get("fusion", _CONCAT) == _CONCAT


def model_line(config: Mapping[str, Any], modalities: Iterable[str] | None = None) -> str:
    """The model in a line; ``modalities`` None names those alone that have no small encoder."""
    chosen = config.get("encoders") or {}
    names = list(chosen if modalities is None else modalities)
    parts = [f"{name} by {chosen.get(name, _SMALL)}" for name in names]
    return "; ".join(filter(None, [", ".join(parts), f"fusion {config.get('fusion', _CONCAT)}"]))


def reading(config: Mapping[str, Any], task: str | None = None) -> str:
    """Where a modality's own score inside the model comes from; readings do not compare.

    A part of a sum is no number: those of a regression are read off the head as other fusions are.
    """
    if task != REGRESSION and config.get("fusion", _CONCAT) in EXACT:
        return "its exact part of the logits"
    return "the head with the features of the other modalities at zero"
