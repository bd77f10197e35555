"""Where the features are in an encoder's output."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from equimodal.errors import BalanceError


def with_features(output: Any, key: str | int | None, value: Tensor) -> Any:
    """An encoder's output with other features in it."""
    if isinstance(output, Mapping):
        changed: Any = type(output)(**{**output, key: value})
        return changed
    if isinstance(key, str):
        return dataclasses.replace(output, **{key: value})
    position = key or 0
    return (*output[:position], value, *output[position + 1 :])


def features_in(output: Any, key: str | int | None, modality: str) -> Tensor:
    """The features in an encoder's output."""
    value = output[0] if key is None and isinstance(output, tuple) and output else output
    if isinstance(key, int) and isinstance(output, (tuple, list)) and len(output) > key:
        value = output[key]
    elif isinstance(key, str):
        value = output.get(key) if isinstance(output, Mapping) else getattr(output, key, None)
    if isinstance(value, Tensor):
        return value
    raise BalanceError(
        f"The encoder of {modality!r} returned {type(output).__name__}"
        + ("" if key is None else f" without a tensor {key!r}")
        + f"; its features must be a tensor, or the first entry of a tuple.{_offer(output)}"
    )


def _offer(output: Any) -> str:
    """What to write where the output holds tensors under names."""
    names = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
    tensors = [name for name in names if isinstance(names[name], Tensor)]
    return f" Write Encoder(..., output={tensors[0]!r}); it holds {tensors}." if tensors else ""
