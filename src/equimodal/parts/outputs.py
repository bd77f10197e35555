"""What an output holds: tensors, features, and other features in their place."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
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


def replay(values: Mapping[int, Any]) -> Callable[..., Any]:
    """A forward function that gives stored outputs, call by call."""
    number = -1

    def forward(*_: Any, **__: Any) -> Any:
        nonlocal number
        number += 1
        if -1 not in values and number not in values:
            raise BalanceError(
                f"Ablation(...) cannot replace call {number} of an encoder, which belongs to no "
                "modality. Use InputAblation(...)."
            )
        return values[-1] if -1 in values else values[number]

    return forward


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


def tensors_in(output: Any, depth: int = 3) -> list[Tensor]:
    """The tensors that an output holds, in sequences, mappings and fields."""
    if isinstance(output, Tensor):
        return [output]
    if depth == 0 or output is None or isinstance(output, (str, int, float)):
        return []
    return [t for part in _parts(output) for t in tensors_in(part, depth - 1)]


def _parts(output: Any) -> Iterator[Any]:
    if isinstance(output, Mapping):
        yield from output.values()
    elif isinstance(output, (list, tuple)):
        yield from output
    elif dataclasses.is_dataclass(output) or hasattr(output, "logits"):
        yield from vars(output).values() if hasattr(output, "__dict__") else ()
