"""What the encoders gave in a forward pass of the model, and how to run it again."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts.layout import as_given, one_of_calls, readings, replaced_call, samples_first
from equimodal.parts.outputs import disturbed, features_in, replaced, with_features
from equimodal.parts.quiet import evaluating
from equimodal.parts.recording.context import autocast_on, is_recomputing
from equimodal.parts.recording.forward_pass import Pass
from equimodal.parts.recording.passes import Passes
from equimodal.parts.selection import Encoder


class _Hook:
    """A hook of one module. What a copy of the module has in its place does nothing, and needs
    nothing of ours to be loaded."""

    def __init__(self, module: nn.Module, act: Callable[..., None]) -> None:
        self._module, self._act = module, act
        self.copy_ran = False

    def __call__(self, module: nn.Module, *given: Any) -> None:
        if module is self._module:
            self._act(*given)
        elif not torch.compiler.is_compiling():
            self.copy_ran = True

    def __reduce__(self) -> Any:
        return getattr, (nullcontext(), "__exit__")


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
        self._passes = Passes()
        self._open: Pass | None = None
        self._current: Pass | None = None
        self._recording, self._inert = True, False
        self.output: Any = None  # the one whose features were taken
        self.logits_name: Any = None
        self._first = _Hook(model, self._begin)
        self._hooks = [
            model.register_forward_pre_hook(self._first, with_kwargs=True),
            model.register_forward_hook(_Hook(model, self._end)),
        ]
        for m, module in modules.items():
            if module is not None:
                hook = _Hook(module, self._recorder(m, encoders[m]))
                self._hooks.append(module.register_forward_hook(hook))

    def watch(self, name: str, module: nn.Module) -> None:
        """Record from now on what goes into a module of the model."""

        def record(args: tuple[Any, ...]) -> None:
            place = self._open
            if self._recording and place is not None and args and not is_recomputing():
                place.inputs[name] = [*place.inputs.get(name, []), args[0]]

        self._hooks.append(module.register_forward_pre_hook(_Hook(module, record)))

    def input_of(self, name: str) -> Any:
        """What went into a watched module, if it ran once in the pass whose features were taken."""
        found = [] if self._current is None else self._current.inputs.get(name, [])
        return found[0] if len(found) == 1 else None

    def __getstate__(self) -> dict[str, Any]:
        """A copy, which belongs to a copy of the model, records nothing."""
        gone = dict.fromkeys(("_open", "_current", "output")) | {"_hooks": [], "_inert": True}
        return self.__dict__ | gone | {"_passes": Passes()}

    def remove(self) -> None:
        """Take the hooks off the model."""
        for hook in self._hooks:
            hook.remove()

    @property
    def copies_ran(self) -> bool:
        """Whether a module that shares the model's hooks ran, such as a replica of it."""
        return self._first.copy_ran

    def ran_without_gradient(self, modality: str) -> bool:
        """Whether the encoder ran outside the model's forward, and without gradients."""
        return modality in self._passes.loose_plain.values

    def take_features(
        self,
        output: Any = None,
        logits: Tensor | None = None,
        rows: Mapping[str, int] | None = None,
    ) -> dict[str, Tensor]:
        """Features of the forward pass that made ``output``; forgets them. {m: (N, ...)}

        Args:
            output: what the model gave, or what was made of it; None for the latest pass.
            logits: the logits in it, if there are any.
            rows: samples of every modality, where they are known.

        Raises:
            BalanceError: two passes could be meant, or features are not a row a sample.
        """
        if self._inert:
            raise BalanceError(
                "This copy of a balancer sees no model: make a Balancer for a copy that is trained."
            )
        passes = self._passes
        self._current = found = passes.latest() if output is None else passes.behind(output, logits)
        self.output = output
        passes.forget(Pass() if found is None else found)
        if found is None:
            return {}
        found.require_weights_of(self._model)
        features = {}
        for m, values in found.values.items():
            encoder, count = self._encoders[m], None if rows is None else rows[m]
            one = one_of_calls(m, encoder, values, found.counts[m])
            features[m] = samples_first(one, encoder, m, self._modules[m], count)
        return {m: features[m] for m in self._modules if m in features}

    def readings(self, modality: str, count: int) -> dict[str, tuple[slice, ...]]:
        """Where the first sample lies in its encoder's output, and could lie: see `layout`."""
        if self._current is None or self._current.call is None:
            return {}
        encoder, module = self._encoders[modality], self._modules[modality]
        return readings(self._current.values[modality][0], encoder, module, count)

    def last_call(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments of the forward pass whose features were taken, or of the latest."""
        if self._current is None or self._current.call is None:
            raise BalanceError("The model was not called yet: call model(...) before loss().")
        return self._current.call

    def forget_call(self) -> None:
        """Drop what is kept of that forward pass, and the memory that it holds."""
        self._current = self.output = None

    def autocast(self) -> AbstractContextManager[Any]:
        """The autocast that the encoders ran in: readouts run in it too, wherever loss() is."""
        mode = self._current.autocast if self._current else None
        return nullcontext() if mode is None else torch.autocast(mode[0], dtype=mode[1])

    def rerun(self, features: Mapping[str, Tensor]) -> Any:
        """The model's output for the same inputs with every encoder's output replaced."""
        (args, kwargs), values = self.last_call(), dict[nn.Module, dict[int, Any]]()
        for m, value in features.items():
            number, module = replaced_call(m, self._encoders[m]), self._module(m)
            given = as_given(value, self._encoders[m], module)
            values.setdefault(module, {})[number] = self._whole_output(m, given)
        with replaced(values):
            return self.call_quietly(*args, **kwargs)

    def rerun_disturbed(
        self, modality: str | None, change: Callable[[Tensor], Tensor] = disturbed
    ) -> Any:
        """The model's output for the same inputs and features, but one modality's with noise."""
        args, kwargs = self.last_call()
        assert self._current is not None
        values: dict[nn.Module, dict[int, Any]] = {}
        for m, given in self._current.values.items():
            calls = self._encoders[m].calls
            first = calls if isinstance(calls, int) else 0 if calls else -1
            for number, value in enumerate(given, first):
                whole = self._whole_output(m, change(value) if m == modality else value)
                values.setdefault(self._module(m), {})[number] = whole
        with replaced(values, rest_as_is=True):
            return self.call_quietly(*args, **kwargs)

    def call_quietly(self, *args: Any, **kwargs: Any) -> Any:
        """One forward pass in evaluation mode that leaves no trace in the recorded features."""
        self._recording = False
        try:
            with evaluating(self._model):
                return self._model(*args, **kwargs)
        finally:
            self._recording = True

    def _begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._recording and not is_recomputing():
            self._open = self._current = self._passes.opened((args, kwargs))
            if not torch.compiler.is_compiling():
                self._open.weight = next(self._model.parameters(), None)

    def _end(self, _: Any, output: Any) -> None:
        if self._recording and self._open is not None and not is_recomputing():
            self._passes.closed(self._open, output)
            self._open = None

    def _recorder(self, modality: str, encoder: Encoder) -> Callable[..., None]:
        calls = encoder.calls

        def record(_: Any, output: Any) -> None:
            if not self._recording or is_recomputing():
                return
            place = self._open
            if place is None:
                if calls is not None:
                    return  # calls are counted inside the model's own forward pass
                place = self._passes.loose()
                place.again = place.again or modality in place.values
                number = 0
            else:
                number = place.counts.get(modality, 0)
            place.counts[modality] = number + 1
            if isinstance(calls, int) and number != calls:
                return
            value = features_in(output, encoder.output, modality)
            if value is not output:
                place.outputs[modality] = output
            place.autocast = autocast_on(value.device.type)
            earlier = place.values.get(modality, []) if isinstance(calls, str) else []
            place.values[modality] = [*earlier, value]

        return record

    def _module(self, modality: str) -> nn.Module:
        module = self._modules[modality]
        if module is None:
            raise BalanceError(
                f"Modality {modality!r} is named by its parameters, not by a module, so its "
                "features cannot be replaced. Name an encoder module, or use InputAblation(...)."
            )
        return module

    def _whole_output(self, modality: str, value: Tensor) -> Any:
        """An encoder's output with other features in it."""
        if self._current is None or modality not in self._current.outputs:
            return value
        output = self._current.outputs[modality]
        return with_features(output, self._encoders[modality].output, value)
