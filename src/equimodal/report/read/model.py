"""Which model was trained: the encoder of every modality, the fusion, and how it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from equimodal.comparison.words import listing, some
from equimodal.data.target import REGRESSION

_SMALL, _CONCAT = "small", "concat"
EXACT = (_CONCAT, "sum", "cosine", "shared")
"""Fusions whose logits are the sum of the modalities' own."""


def is_default(config: Mapping[str, Any]) -> bool:
    """Whether a comparison, or a run, has the small encoders and concatenation, in every row."""
    own = config.get("encoders") or config.get("own_fusions")
    return not own and config.get("fusion", _CONCAT) == _CONCAT


def model_line(config: Mapping[str, Any], modalities: Iterable[str] | None = None) -> str:
    """The model in a line; ``modalities`` None names those alone that have no small encoder."""
    chosen = config.get("encoders") or {}
    names = list(chosen if modalities is None else modalities)
    parts = [f"{name} by {chosen.get(name, _SMALL)}" for name in names]
    own = [
        f"{some(rows)} {'has' if len(rows) == 1 else 'have'} the fusion {name}"
        for name, rows in _by_fusion(config).items()
    ]
    fusion = f"fusion {config.get('fusion', _CONCAT)}"
    return "; ".join(filter(None, [", ".join(parts), fusion, *own]))


def own_fusions(config: Mapping[str, Any]) -> Mapping[str, str]:
    """The rows of a comparison whose model has another fusion than the rest. {row: fusion}"""
    found: Mapping[str, str] = config.get("own_fusions") or {}
    return found


def _by_fusion(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """The rows of `own_fusions` by their fusion."""
    found: dict[str, list[str]] = {}
    for row, name in own_fusions(config).items():
        found.setdefault(name, []).append(row)
    return found


def other_models(config: Mapping[str, Any]) -> str:
    """A sentence on rows whose model is another one; empty where all have the same."""
    own = own_fusions(config)
    if not own:
        return ""
    told = [f"{some(rows)} (fusion {name})" for name, rows in _by_fusion(config).items()]
    return (
        f"{listing(told)} trained another model than the rest (fusion "
        f"{config.get('fusion', _CONCAT)}): a difference between them is one of models too, and a "
        "ranking ranks both"
    )


def reading(config: Mapping[str, Any], task: str | None = None) -> str:
    """Where a modality's own score inside the model comes from; readings do not compare.

    A part of a sum is no number: those of a regression are read off the head as other fusions are.
    """
    fusions = {config.get("fusion", _CONCAT), *own_fusions(config).values()}
    exact = "its exact part of the logits"
    zero = "the head with the features of the other modalities at zero"
    if task == REGRESSION or not fusions & set(EXACT):
        return zero
    if fusions <= set(EXACT):
        return exact
    return f"{exact} where the fusion is {' or '.join(sorted(fusions & set(EXACT)))}, else {zero}"
