"""Which parameters, units and features of a model belong to which modality."""

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import Parameter

from .errors import BalanceError
from .units import Units, find_units

_WRAPPERS = {
    "_FabricModule": "_forward_module",
    "DistributedDataParallel": "module",
    "DataParallel": "module",
    "OptimizedModule": "_orig_mod",
}
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def unwrap(model: nn.Module) -> nn.Module:
    """The user's own module inside the wrappers of Fabric, DDP and ``torch.compile``."""
    inner = _WRAPPERS.get(type(model).__name__)
    return unwrap(model.get_submodule(inner)) if inner else model


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, ``model`` is in evaluation mode; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
        for module, mode in modes:
            module.training = mode


class ModalityMap:
    """The parts of ``model`` by modality, and the features of the latest forward pass.

    Args:
        model: any module, wrapped or not.
        encoders: modality -> name of its encoder module, the module itself, or a regular
            expression over parameter names where a modality has no module of its own.

    Raises:
        BalanceError: fewer than two modalities, no match, or a parameter in two modalities.
    """

    def __init__(self, model: nn.Module, encoders: Mapping[str, str | nn.Module]) -> None:
        self.model = unwrap(model)
        if len(encoders) < 2:
            raise BalanceError(
                f"Balancing needs at least two modalities; found {list(encoders)}. "
                "Write encoders={'audio': 'audio_net', 'video': 'video_net'}."
            )
        self.names = tuple(encoders)
        self.modules: dict[str, nn.Module | None] = {}
        self._parameters: dict[str, dict[str, Parameter]] = {}
        for modality, where in encoders.items():
            self._add(modality, where)
        self._refuse_overlap()
        self._features: dict[str, Tensor] = {}
        self._rest: dict[str, tuple[Any, ...]] = {}
        self._call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self._recording = True
        self._register()

    def parameters(self, modality: str) -> dict[str, Parameter]:
        """Name -> parameter of one modality's encoder."""
        return self._parameters[modality]

    def units(self, modality: str) -> list[Units]:
        """Units all of whose parameters belong to ``modality`` and are trained."""
        mine = {id(p) for p in self._parameters[modality].values() if p.requires_grad}
        return [u for u in find_units(self.model) if all(id(p.parameter) in mine for p in u.parts)]

    def has_batch_norm(self) -> bool:
        """Whether an encoder normalises over the batch, so that a batch of one row fails."""
        encoders = [m for m in self.modules.values() if m is not None]
        return any(isinstance(x, _BATCH_NORM) for m in encoders for x in m.modules())

    def take_features(self) -> dict[str, Tensor]:
        """Features of the latest forward pass by modality; forgets them. {m: (N, ...)}"""
        features, self._features = self._features, {}
        return {m: features[m] for m in self.names if m in features}

    def last_call(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments of the model's latest forward pass."""
        if self._call is None:
            raise BalanceError("The model was not called yet: call model(...) before loss().")
        return self._call

    def forget_call(self) -> None:
        """Drop the arguments of the latest forward pass, and the memory that they hold."""
        self._call = None

    def rerun(self, features: Mapping[str, Tensor]) -> Any:
        """The model's output for its latest inputs with every encoder's output replaced."""
        args, kwargs = self.last_call()
        replaced = [
            (self._module(m), (f, *self._rest[m]) if m in self._rest else f)
            for m, f in features.items()
        ]
        try:
            for module, value in replaced:
                module.forward = lambda *_, _value=value, **__: _value
            return self.call_quietly(*args, **kwargs)
        finally:
            for module, _ in replaced:
                module.__dict__.pop("forward", None)

    def call_quietly(self, *args: Any, **kwargs: Any) -> Any:
        """One forward pass in evaluation mode that leaves no trace in the recorded features."""
        self._recording = False
        try:
            with evaluating(self.model):
                return self.model(*args, **kwargs)
        finally:
            self._recording = True

    def _module(self, modality: str) -> nn.Module:
        module = self.modules[modality]
        if module is None:
            raise BalanceError(
                f"Modality {modality!r} is named by its parameters, not by a module, so its "
                "features cannot be replaced. Name an encoder module, or use InputAblation(...)."
            )
        return module

    def _add(self, modality: str, where: str | nn.Module) -> None:
        modules = dict(self.model.named_modules(remove_duplicate=False))
        name = where if isinstance(where, str) else _name_of(where, modules)
        module = modules.get(name) if name else None
        pattern = re.escape(name) + r"\..*" if module is not None else name
        try:
            expression = re.compile(pattern)
        except re.error as problem:
            raise BalanceError(
                f"encoders[{modality!r}] = {where!r} is no module and no regular expression: "
                f"{problem}."
            ) from problem
        # With duplicates, so that a weight shared by two modalities is seen in both.
        names: dict[Parameter, str] = {}
        for key, parameter in self.model.named_parameters(remove_duplicate=False):
            if expression.fullmatch(key):
                names.setdefault(parameter, key)
        if not names:
            near = difflib.get_close_matches(name, list(modules), n=3, cutoff=0.3)
            raise BalanceError(
                f"encoders[{modality!r}] = {name!r} matches no parameter of "
                f"{type(self.model).__name__}. Closest module names: {near}."
            )
        self.modules[modality] = module
        self._parameters[modality] = {n: p for p, n in names.items()}

    def _refuse_overlap(self) -> None:
        owner: dict[int, str] = {}
        for modality, parameters in self._parameters.items():
            for name, parameter in parameters.items():
                other = owner.setdefault(id(parameter), modality)
                if other != modality:
                    raise BalanceError(
                        f"Parameter {name!r} belongs to both {other!r} and {modality!r}: every "
                        "parameter may belong to one modality only. Name the separate encoders."
                    )

    def _register(self) -> None:
        self.model.register_forward_pre_hook(self._remember_call, with_kwargs=True)
        for modality, module in self.modules.items():
            if module is not None:
                module.register_forward_hook(self._recorder(modality))

    def _remember_call(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._recording:
            self._call = (args, kwargs)

    def _recorder(self, modality: str) -> Any:
        def record(_: nn.Module, __: Any, output: Any) -> None:
            if self._recording:
                value = output[0] if isinstance(output, tuple) else output
                if isinstance(output, tuple):
                    self._rest[modality] = output[1:]
                if not isinstance(value, Tensor):
                    raise BalanceError(
                        f"The encoder of {modality!r} returned {type(value).__name__}; its output "
                        "must be a tensor, or a tuple whose first entry is one."
                    )
                self._features[modality] = value

        return record


def _name_of(module: nn.Module, modules: Mapping[str, nn.Module]) -> str:
    for name, candidate in modules.items():
        if candidate is module:
            return name
    raise BalanceError(
        f"An encoder of type {type(module).__name__} is not part of the model. "
        f"Modules of the model: {[n for n in modules if n and '.' not in n]}."
    )
