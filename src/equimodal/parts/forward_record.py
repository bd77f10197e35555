"""What the encoders gave in the model's latest forward pass, and how to run it again."""

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts.quiet import evaluating
from equimodal.parts.selection import Encoder


class ForwardRecord:
    """Records the output of every modality's encoder by hooks; the user's ``forward`` stays.

    Args:
        model: the user's own module.
        modules: modality -> encoder module, or None where it is named by parameters.
        encoders: modality -> what the user named.
    """

    def __init__(
        self,
        model: nn.Module,
        modules: Mapping[str, nn.Module | None],
        encoders: Mapping[str, Encoder],
    ) -> None:
        self._model, self._modules, self._encoders = model, modules, encoders
        self._values: dict[str, list[Tensor]] = {}
        self._counts: dict[str, int] = {}
        self._outputs: dict[str, Any] = {}
        self._call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self._inside = False
        self._recording = True
        self._autocast: tuple[str, torch.dtype] | None = None
        self._hooks = [
            model.register_forward_pre_hook(self._begin, with_kwargs=True),
            model.register_forward_hook(self._end),
        ]
        for m, module in modules.items():
            if module is not None:
                self._hooks.append(module.register_forward_hook(self._recorder(m, encoders[m])))

    def remove(self) -> None:
        """Take the hooks off the model."""
        for hook in self._hooks:
            hook.remove()

    @property
    def counts(self) -> dict[str, int]:
        """Calls of every modality's encoder since the features were last taken."""
        return dict(self._counts)

    def take_features(self) -> dict[str, Tensor]:
        """Features of the latest forward pass by modality; forgets them. {m: (N, ...)}"""
        values, counts = self._values, self._counts
        self._values, self._counts = {}, {}
        return {m: self._one(m, values[m], counts[m]) for m in self._modules if m in values}

    def last_call(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments of the model's latest forward pass."""
        if self._call is None:
            raise BalanceError("The model was not called yet: call model(...) before loss().")
        return self._call

    def forget_call(self) -> None:
        """Drop the arguments of the latest forward pass, and the memory that they hold."""
        self._call = None
        self._outputs = {}

    def autocast(self) -> AbstractContextManager[Any]:
        """The autocast that the encoders ran in: readouts run in it too, wherever loss() is."""
        if self._autocast is None:
            return nullcontext()
        device, dtype = self._autocast
        return torch.autocast(device, dtype=dtype)

    def rerun(self, features: Mapping[str, Tensor]) -> Any:
        """The model's output for its latest inputs with every encoder's output replaced."""
        args, kwargs = self.last_call()
        replaced: dict[nn.Module, dict[int, Any]] = {}
        for m, value in features.items():
            number = self._replaceable(m)
            replaced.setdefault(self._module(m), {})[number] = self._with_features(m, value)
        try:
            for module, values in replaced.items():
                module.forward = _replay(values)
            return self.call_quietly(*args, **kwargs)
        finally:
            for module in replaced:
                module.__dict__.pop("forward", None)

    def call_quietly(self, *args: Any, **kwargs: Any) -> Any:
        """One forward pass in evaluation mode that leaves no trace in the recorded features."""
        self._recording = False
        try:
            with evaluating(self._model):
                return self._model(*args, **kwargs)
        finally:
            self._recording = True

    # -- hooks --------------------------------------------------------------------------------

    def _begin(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._recording and not _recomputing():
            self._call = (args, kwargs)
            self._values, self._counts, self._outputs = {}, {}, {}
            self._inside = True

    def _end(self, _: nn.Module, __: Any, ___: Any) -> None:
        if self._recording:
            self._inside = False

    def _recorder(self, modality: str, encoder: Encoder) -> Callable[..., None]:
        calls = encoder.calls

        def record(_: nn.Module, __: Any, output: Any) -> None:
            if not self._recording or _recomputing():
                return
            if calls is not None and not self._inside:
                return  # calls are counted inside the model's own forward pass
            number = self._counts.get(modality, 0) if self._inside else 0
            self._counts[modality] = number + 1
            if isinstance(calls, int) and number != calls:
                return
            value = _features_in(output, encoder.output, modality)
            if value is not output:
                self._outputs[modality] = output
            self._autocast = _autocast_on(value.device.type)
            earlier = self._values.get(modality, []) if isinstance(calls, str) else []
            self._values[modality] = [*earlier, value]

        return record

    # -- what they found ----------------------------------------------------------------------

    def _one(self, modality: str, values: list[Tensor], count: int) -> Tensor:
        calls = self._encoders[modality].calls
        if calls is None and count > 1:
            raise BalanceError(
                f"The encoder of {modality!r} ran {count} times in one forward pass; say which "
                f"call holds its features: Encoder(..., calls=0), calls='mean' or calls='cat'."
            )
        if calls == "mean":
            return torch.stack(values).mean(0)
        return torch.cat(values, dim=-1) if calls == "cat" else values[0]

    def _module(self, modality: str) -> nn.Module:
        module = self._modules[modality]
        if module is None:
            raise BalanceError(
                f"Modality {modality!r} is named by its parameters, not by a module, so its "
                "features cannot be replaced. Name an encoder module, or use InputAblation(...)."
            )
        return module

    def _replaceable(self, modality: str) -> int:
        """Number of the call whose output is replaced; -1 for every call."""
        calls = self._encoders[modality].calls
        if isinstance(calls, str):
            raise BalanceError(
                f"Ablation(...) cannot replace the features of {modality!r}, which are the "
                f"{calls} of several calls. Use InputAblation(...)."
            )
        return -1 if calls is None else calls

    def _with_features(self, modality: str, value: Tensor) -> Any:
        """The latest output of an encoder with other features in it."""
        if modality not in self._outputs:
            return value
        output, key = self._outputs[modality], self._encoders[modality].output
        if isinstance(output, Mapping):
            changed: Any = type(output)(**{**output, key: value})
            return changed
        if isinstance(key, str):
            return dataclasses.replace(output, **{key: value})
        position = key or 0
        return (*output[:position], value, *output[position + 1 :])


def _replay(values: Mapping[int, Any]) -> Callable[..., Any]:
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


def _autocast_on(device: str) -> tuple[str, torch.dtype] | None:
    """Device and type of the autocast that is in force there."""
    if not torch.is_autocast_enabled(device):
        return None
    return device, torch.get_autocast_dtype(device)


def _recomputing() -> bool:
    """Whether activation checkpointing runs the forward pass again inside the backward pass."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


def _features_in(output: Any, key: str | int | None, modality: str) -> Tensor:
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
