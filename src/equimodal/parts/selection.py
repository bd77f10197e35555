"""What a user names as a modality's encoder, and the parameters that it stands for."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn
from torch.nn import Parameter
from torch.nn.parameter import is_lazy

from equimodal.checks import is_whole, require, require_choice, require_number
from equimodal.errors import BalanceError, quoted

_COMBINATIONS = ("mean", "cat")


@dataclass(frozen=True)
class Encoder:
    """One modality's encoder, where its name alone does not say enough.

    Args:
        where: name of its module, the module, or a regular expression over parameter names; or a
            list of these, for an encoder of several parts: ``["trunk", "projection"]``.
        features: the module whose output the features are, by name or itself, where ``where`` is a
            list or a regular expression; without it such an encoder has no features.
        output: which entry of the module's output holds the features: a key or field
            (``"pooler_output"``) or a position; by default the output itself, or the first entry
            of a tuple.
        calls: where the module runs several times in one forward pass: the number of the call
            (from 0) that belongs to this modality, or ``"mean"`` or ``"cat"`` of all calls. Two
            modalities may share one module by different numbers.
        batch_axis: axis of the features that counts the samples, 1 for time first; by default 0,
            and 1 where a layer of PyTorch's own was made with ``batch_first=False``.
        folded: where the frames of a sample were folded into that axis: ``"NT"`` if a sample's
            frames follow each other, as ``x.flatten(0, 1)`` of (N, T, ...) puts them, ``"TN"`` if
            all samples' first frames come first. The features are (N, T, ...) then.
        pool: what is done with the axis after the samples: ``"mean"``, ``"max"``, ``"first"`` or
            ``"last"``. As the model itself pools; needed by ``LinearSplit``.

    Raises:
        BalanceError: an option is something else.

    Example::

        Encoder(["text_model", "text_projection"], features="text_projection")
    """

    where: str | nn.Module | Sequence[str | nn.Module]
    output: str | int | None = None
    calls: int | str | None = None
    batch_axis: int | None = None
    folded: str | None = None
    pool: str | None = None
    features: str | nn.Module | None = None

    def __post_init__(self) -> None:
        if not self.parts or not all(isinstance(x, (str, nn.Module)) for x in self.parts):
            raise BalanceError(
                "Encoder takes the name of a module, the module, a regular expression, or a list "
                f"of these; found {quoted(self.where)}."
            )
        if self.features is not None and not isinstance(self.features, (str, nn.Module)):
            raise BalanceError(
                "Encoder features must name the module that gives them; found "
                f"{quoted(self.features)}."
            )
        fits = self.output is None or isinstance(self.output, str) or is_whole(self.output)
        require(fits, "Encoder output must be a key, a field or a position", self.output)
        if self.batch_axis is not None:
            require_number("Encoder batch_axis", self.batch_axis, low=0, whole=True)
        if self.folded is not None:
            require_choice("Encoder folded", self.folded, ("NT", "TN"))
        if self.pool is not None:
            require_choice("Encoder pool", self.pool, ("mean", "max", "first", "last"))
        number = is_whole(self.calls) and self.calls >= 0
        if self.calls is None or self.calls in _COMBINATIONS or number:
            return
        raise BalanceError(
            f"Encoder calls must be a number from 0, 'mean' or 'cat'; found {quoted(self.calls)}."
        )

    @property
    def parts(self) -> tuple[str | nn.Module, ...]:
        """What it is made of."""
        several = isinstance(self.where, Sequence) and not isinstance(self.where, str)
        return tuple(self.where) if several else (self.where,)  # type: ignore[arg-type, return-value]


def as_encoder(given: "str | nn.Module | Encoder") -> Encoder:
    """What the user wrote, as an :class:`Encoder`."""
    return given if isinstance(given, Encoder) else Encoder(given)


class Parts:
    """Modules and parameters of a model by modality.

    A parameter that several modalities use under names of their own, or one module that they share
    by different ``calls``, belongs to none of them: it is in ``shared``.

    Args:
        model: the user's own module.
        encoders: by modality.

    Raises:
        BalanceError: no match, or a parameter that two modalities select by the same name.
    """

    def __init__(self, model: nn.Module, encoders: Mapping[str, Encoder]) -> None:
        self._model, self._encoders = model, encoders
        self._all = dict(model.named_modules(remove_duplicate=False))
        self.modules: dict[str, nn.Module | None] = {}
        """The module whose output a modality's features are."""
        self.inside: dict[str, set[nn.Module]] = {m: set() for m in encoders}
        """Modules that are parts of a modality's encoder, or in them."""
        self.patterns: dict[str, str] = {}
        """Modalities with a part that is a regular expression, which names parameters only."""
        found = {m: self._find(m, encoder) for m, encoder in encoders.items()}
        self.shared = self._shared(found)
        self.parameters = {
            m: {name: p for p, name in names.items() if p not in self.shared}
            for m, names in found.items()
        }

    def _find(self, modality: str, encoder: Encoder) -> dict[Parameter, str]:
        """Parameters of a modality with the names that its encoder selects."""
        names: dict[Parameter, str] = {}
        for where in encoder.parts:
            for parameter, name in self._find_part(modality, where).items():
                names.setdefault(parameter, name)
        first = None if len(encoder.parts) > 1 else encoder.parts[0]
        self.modules[modality] = self._features_of(modality, encoder.features or first)
        if encoder.features is not None and self.modules[modality] is None:
            near = difflib.get_close_matches(
                str(encoder.features), list(self._all), n=3, cutoff=0.3
            )
            raise BalanceError(
                f"Encoder(..., features={encoder.features!r}) of {modality!r} names no module of "
                f"{type(self._model).__name__}. Closest module names: {near}."
            )
        return names

    def _features_of(self, modality: str, given: str | nn.Module | None) -> nn.Module | None:
        """The module of that name, or itself; None where there is none."""
        if isinstance(given, nn.Module):
            self._name_of(given)  # raises where it is no part of the model
            return given
        return self._all.get(given) if given else None

    def _find_part(self, modality: str, where: str | nn.Module) -> dict[Parameter, str]:
        """Parameters of one part with the names that it selects."""
        name = where if isinstance(where, str) else self._name_of(where)
        module = self._all.get(name) if name else None
        if module is None:
            self.patterns[modality] = name
        else:
            self.inside[modality].update(module.modules())
        lazy = [n for n, p in module.named_parameters() if is_lazy(p)] if module else []
        if lazy:
            raise BalanceError(
                f"The encoder of {modality!r} has lazy layers that were never called: "
                f"{name}.{lazy[0]} has no shape yet. Run the model on one batch first, under "
                "torch.no_grad(), and make the balancer and the optimizer afterwards."
            )
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
        for key, parameter in self._model.named_parameters(remove_duplicate=False):
            if expression.fullmatch(key):
                names.setdefault(parameter, key)
        if not names and not (module is not None and _has_parameters(module)):
            near = difflib.get_close_matches(name, list(self._all), n=3, cutoff=0.3)
            raise BalanceError(
                f"encoders[{modality!r}] = {name!r} matches no parameter of "
                f"{type(self._model).__name__}. Closest module names: {near}."
            )
        return names

    def _shared(self, found: Mapping[str, Mapping[Parameter, str]]) -> dict[Parameter, str]:
        """Parameters of several modalities, with a name of each."""
        owner: dict[Parameter, str] = {}
        shared: dict[Parameter, str] = {}
        for modality, names in found.items():
            for parameter, name in names.items():
                other = owner.setdefault(parameter, modality)
                if other == modality:
                    continue
                if found[other][parameter] == name and not self._take_turns(other, modality):
                    raise BalanceError(
                        f"Parameter {name!r} belongs to both {other!r} and {modality!r}: every "
                        "parameter may be selected by one modality only. Name the separate "
                        "encoders, tell the calls of one module apart by Encoder(name, calls=0), "
                        "or leave out a part that both use."
                    )
                shared[parameter] = found[other][parameter]
        return shared

    def _take_turns(self, one: str, other: str) -> bool:
        """Whether two modalities share one module by different calls."""
        mine, theirs = self._encoders[one].calls, self._encoders[other].calls
        numbers = isinstance(mine, int) and isinstance(theirs, int) and mine != theirs
        return numbers and self.modules[one] is self.modules[other] is not None

    def _name_of(self, module: nn.Module) -> str:
        for name, candidate in self._all.items():
            if candidate is module:
                return str(name)
        raise BalanceError(
            f"An encoder of type {type(module).__name__} is not part of the model. "
            f"Modules of the model: {[n for n in self._all if n and '.' not in n]}."
        )


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None
