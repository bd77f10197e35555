"""What an output holds: tensors, features, other features in their place, and what made them."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

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


@contextmanager
def replaced(
    values: Mapping[nn.Module, Mapping[int, Any]], *, rest_as_is: bool = False
) -> Iterator[None]:
    """Inside, the modules give stored outputs, by the number of the call or, with -1, at every one.

    ``rest_as_is``: other calls run as ever; they are refused else.
    """
    try:
        for module, given in values.items():
            module.forward = _replay(given, module.forward if rest_as_is else None)
        yield
    finally:
        for module in values:
            module.__dict__.pop("forward", None)


def _replay(values: Mapping[int, Any], own: Callable[..., Any] | None) -> Callable[..., Any]:
    """A forward function that gives stored outputs, call by call."""
    number = -1

    def forward(*args: Any, **kwargs: Any) -> Any:
        nonlocal number
        number += 1
        if -1 not in values and number not in values and own is not None:
            return own(*args, **kwargs)
        if -1 not in values and number not in values:
            raise BalanceError(
                f"Ablation(...) cannot replace call {number} of an encoder, which belongs to no "
                "modality. Use InputAblation(...)."
            )
        return values[-1] if -1 in values else values[number]

    return forward


def disturbed(value: Tensor) -> Tensor:
    """With noise of its own size, the same at every call."""
    noise = torch.randn(value.shape, generator=torch.Generator().manual_seed(0))
    return value + noise.to(value) * value.detach().abs().mean().clamp_min(1e-3)


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


def cut(output: Any) -> Any:
    """An encoder's output with its tensors cut from the graph.

    Raises:
        BalanceError: it is of a kind whose parts cannot be replaced.
    """
    if isinstance(output, Tensor):
        return output.detach()
    if output is None or isinstance(output, (str, int, float)):
        return output
    if isinstance(output, Mapping):
        parts = {key: cut(value) for key, value in output.items()}
        return type(output)(**parts) if all(isinstance(k, str) for k in parts) else parts
    if isinstance(output, (tuple, list)):
        items = [cut(value) for value in output]
        return type(output)(*items) if hasattr(output, "_fields") else type(output)(items)
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        fields = dataclasses.fields(output)
        return dataclasses.replace(output, **{f.name: cut(getattr(output, f.name)) for f in fields})
    raise BalanceError(
        f"An encoder out of turn returned {type(output).__name__}, whose tensors cannot be cut "
        "from the graph: let it return a tensor, or a tuple, mapping or dataclass of tensors."
    )


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
