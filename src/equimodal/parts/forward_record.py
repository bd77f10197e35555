"""What the encoders gave in a forward pass of the model, and how to run it again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts import layout
from equimodal.parts.outputs import cut, disturbed, features_in, replaced, with_features
from equimodal.parts.quiet import evaluating, kept_streams
from equimodal.parts.recording.forward_pass import Pass
from equimodal.parts.recording.held import first_parameter
from equimodal.parts.recording.hooks import (
    Edit,
    Hook,
    autocast_on,
    edited,
    encoder_recomputed,
    recomputing,
)
from equimodal.parts.recording.passes import Passes
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
        self._passes = Passes()
        self._open: Pass | None = None
        self._current: Pass | None = None
        self._recording, self._inert = True, False
        self.output: Any = None  # the one whose features were taken
        self.logits_name: Any = None
        self.edit: Edit | None = None
        """What the rest of the model reads in place of an encoder's features, in training."""
        self.out_of_turn: frozenset[str] = frozenset()
        self.begins: Callable[[], None] | None = None  # before a pass that trains
        self._first = Hook(model, self._begin)
        self._hooks = [
            model.register_forward_pre_hook(self._first, with_kwargs=True),
            model.register_forward_hook(Hook(model, self._end)),
        ]
        for m, module in modules.items():
            if module is not None:
                hook = Hook(module, self._recorder(m, encoders[m]))
                self._hooks.append(module.register_forward_hook(hook))

    @property
    def drawn(self) -> dict[str, Any]:
        """What a method drew for the forward pass whose features were taken last."""
        return {} if self._current is None else self._current.drawn

    def watch(self, name: str, module: nn.Module) -> None:
        """Record from now on what goes into a module of the model, under a name."""

        def record(*call: Any) -> None:
            place = self._open
            if self._recording and place is not None and not recomputing():
                place.inputs[name] = [*place.inputs.get(name, []), call]

        self._hooks += [module.register_forward_pre_hook(Hook(module, record), with_kwargs=True)]

    def calls_of(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Arguments of all calls of a watched module in the pass whose features were taken."""
        return self._current.inputs.get(name, []) if self._current else []

    def __getstate__(self) -> dict[str, Any]:
        """A copy, which belongs to a copy of the model, records nothing."""
        gone = dict.fromkeys(("_open", "_current", "output", "edit", "begins"))
        return self.__dict__ | gone | {"_hooks": [], "_inert": True, "_passes": Passes()}

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
        self.output, passes = output, self._passes
        self._current = found = passes.latest() if output is None else passes.behind(output, logits)
        passes.forget(Pass() if found is None else found)
        if found is None:
            return {}
        found.require_weights_of(self._model)
        features = {}
        for m, values in found.values.items():
            encoder, count = self._encoders[m], None if rows is None else rows[m]
            one = layout.one_of_calls(m, encoder, values, found.counts[m])
            features[m] = layout.samples_first(one, encoder, m, self._modules[m], count)
        return {m: features[m] for m in self._modules if m in features}

    def readings(self, modality: str, count: int) -> dict[str, tuple[slice, ...]]:
        """Where the first sample lies in its encoder's output, and could lie: see `layout`."""
        values = self._current.values if self._current and self._current.call else {}
        given, module = values.get(modality), self._modules[modality]
        return layout.readings(given[0], self._encoders[modality], module, count) if given else {}

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

    @contextmanager
    def aside(self, *, recording: bool = True) -> Iterator[None]:
        """Afterwards what was recorded before is as it was."""
        before = dict(self.__dict__)
        self._passes, self._recording = Passes(), recording
        try:
            yield
        finally:
            self.__dict__.update(before)

    def rerun(self, features: Mapping[str, Tensor], *, training: bool = False) -> Any:
        """The model's output for the same inputs with every encoder's output replaced."""
        (args, kwargs), values = self.last_call(), dict[nn.Module, dict[int, Any]]()
        for m, value in features.items():
            encoder, module = self._encoders[m], layout.named_module(m, self._modules[m])
            given = self._whole_output(m, layout.as_given(value, encoder, module))
            values.setdefault(module, {})[layout.replaced_call(m, encoder)] = given
        mode = kept_streams(self._model) if training else evaluating(self._model)
        with replaced(values), mode, self.aside(recording=False):
            return self._model(*args, **kwargs)

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
                one = self._whole_output(m, change(value) if m == modality else value)
                values.setdefault(layout.named_module(m, self._modules[m]), {})[number] = one
        with replaced(values, rest_as_is=True):
            return self.call_quietly(*args, **kwargs)

    def call_quietly(self, *args: Any, **kwargs: Any) -> Any:
        """One forward pass in evaluation mode without a trace in the recorded features."""
        with evaluating(self._model), self.aside(recording=False):
            return self._model(*args, **kwargs)

    def _begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._recording and not recomputing():
            if self.begins is not None and self._model.training and torch.is_grad_enabled():
                self.begins()
            self._open = self._current = self._passes.opened((args, kwargs))
            if not torch.compiler.is_compiling():
                self._open.weight = first_parameter(self._model)

    def _end(self, _: Any, output: Any) -> None:
        if self._recording and self._open is not None and not recomputing():
            self._passes.closed(self._open, output)
            self._open = None

    def _recorder(self, modality: str, encoder: Encoder) -> Callable[..., Any]:
        def record(_: Any, output: Any) -> Any:
            if not self._recording or recomputing():
                if self._recording and self.edit is not None and self._model.training:
                    raise encoder_recomputed(modality)
                return None
            place = self._open
            if place is None:
                if encoder.calls is not None:
                    return None  # calls are counted inside the model's own forward pass
                place = self._passes.loose()
                place.again = place.again or modality in place.values
                number = 0
            else:
                number = place.counts.get(modality, 0)
            place.counts[modality] = number + 1
            if isinstance(encoder.calls, int) and number != encoder.calls:
                return None
            given, training = output, self._model.training and torch.is_grad_enabled()
            if training and modality in self.out_of_turn:
                output = cut(output)
            value = features_in(output, encoder.output, modality)
            if self.edit is not None and training:
                own = layout.named_module(modality, self._modules[modality])
                output, value = edited(self.edit, modality, output, encoder, own, place.drawn)
            if value is not output:
                place.outputs[modality] = output
            place.autocast = autocast_on(value.device.type)
            earlier = place.values.get(modality, []) if isinstance(encoder.calls, str) else []
            place.values[modality] = [*earlier, value]
            return None if output is given else output

        return record

    def _whole_output(self, modality: str, value: Tensor) -> Any:
        """An encoder's output with other features in it."""
        if self._current is None or modality not in self._current.outputs:
            return value
        output = self._current.outputs[modality]
        return with_features(output, self._encoders[modality].output, value)
