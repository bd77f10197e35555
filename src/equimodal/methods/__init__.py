"""The registry: names of methods, resolved to classes when they are asked for."""

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from equimodal.errors import BalanceError

if TYPE_CHECKING:
    from equimodal.balancing.method import Method


COMPOSED = "~"
"""Between the names of methods that are combined."""


@dataclass(frozen=True)
class Entry:
    """One row of a comparison that trains a fused model."""

    name: str
    target: str
    """``module:Class`` inside this package."""
    summary: str
    preset: Mapping[str, Any] = field(default_factory=dict)
    """Constructor arguments that make this row, in place of the class's defaults."""
    objective: str = "any"
    """"any": the loss under it is an argument; "own": it brings its own."""
    controls: tuple[str, ...] = ()
    """Rows that it is held against: the first isolates its main idea, the others parts of it."""
    is_control: bool = False


_ENTRIES = (
    Entry("joint", "joint:Joint", "plain joint training: the fused loss alone"),
    Entry(
        "joint+unimodal", "joint:JointUnimodal",
        "joint training plus every modality's own loss, equal weights", objective="own",
    ),
    Entry(
        "amss-fixed", "amss:AMSS", "AMSS's masks at the fixed fraction 1 - 1/M",
        {"fraction": "fixed"}, is_control=True,
    ),
    Entry(
        "amss-scale", "amss:AMSS", "gradients times AMSS's shares, no masks", {"mask": "none"},
        is_control=True,
    ),
    Entry(
        "amss-uniform", "amss:AMSS", "AMSS's masks with units drawn uniformly",
        {"importance": "uniform"}, is_control=True,
    ),
    Entry(
        "amss", "amss:AMSS", "update a Fisher-sampled share of each modality's units",
        controls=("amss-fixed", "amss-scale", "amss-uniform"),
    ),
    Entry(
        "amss+-fixed", "amss:AMSS", "AMSS+'s masks at the fixed fraction 1 - 1/M",
        {"weighting": "unbiased", "fraction": "fixed"}, is_control=True,
    ),
    Entry(
        "amss+", "amss:AMSS", "AMSS with a mask that is unbiased but for a cap on its weights",
        {"weighting": "unbiased"}, controls=("amss+-fixed",),
    ),
    Entry(
        "dus-uniform", "dus:DUS", "unpaired batches of equal size", {"rule": "uniform"}, "own",
        is_control=True,
    ),
    Entry(
        "dus", "dus:DUS", "unpaired batches sized by the cumulative score", {"rule": "inverse"},
        "own", controls=("dus-uniform",),
    ),
    Entry(
        "dus-rl", "dus_learned:DUSLearned", "unpaired batches sized by a learned policy", {}, "own",
        controls=("dus-uniform",),
    ),
    Entry(
        "relearn-fixed", "diagnose_relearn:DiagnoseRelearn",
        "soft re-initialisation at the fixed strength 0.5", {"strength": 0.5}, is_control=True,
    ),
    Entry(
        "relearn", "diagnose_relearn:DiagnoseRelearn",
        "soft re-initialisation by the purity gap", {"strength": None},
        controls=("relearn-fixed",),
    ),
)  # fmt: skip
_REGISTRY = {e.name: e for e in _ENTRIES}


def names() -> tuple[str, ...]:
    """Names of all methods, controls included, in the order of a table."""
    return tuple(_REGISTRY)


def with_controls(*methods: str) -> tuple[str, ...]:
    """Each of the methods behind its controls, every row once, as a recipe compares them."""
    return tuple(dict.fromkeys(row for m in methods for row in (*entry(m).controls, m)))


def known(name: str) -> bool:
    """Whether a name is a registered method's, or those of several joined by ``~``."""
    return all(part in _REGISTRY for part in name.split(COMPOSED))


def entry(name: str) -> Entry:
    """The entry of one method, or of several joined by ``~``.

    Raises:
        BalanceError: an unknown name.
    """
    if COMPOSED in name:
        return _composed(name, [entry(part) for part in name.split(COMPOSED)])
    if name not in _REGISTRY:
        hint = _hint(name, _REGISTRY)
        raise BalanceError(f"Unknown method {name!r}: {hint}Known: {', '.join(_REGISTRY)}.")
    return _REGISTRY[name]


def load(name: str) -> "type[Method]":
    """The class behind a name."""
    module, _, attribute = entry(name).target.partition(":")
    loaded: type[Method] = getattr(importlib.import_module(f".{module}", __name__), attribute)
    return loaded


def settings(name: str) -> dict[str, Any]:
    """Arguments of a method that may be set, with their defaults."""
    if COMPOSED in name:
        parts = name.split(COMPOSED)
        return {f"{p}.{key}": value for p in parts for key, value in settings(p).items()}
    parameters = inspect.signature(load(name)).parameters.values()
    return {p.name: p.default for p in parameters} | dict(entry(name).preset)


def create(name: str, **given: Any) -> "Method":
    """A method by its registered name, or several joined by ``~``: ``create("amss~relearn")``.

    The arguments of a part carry its name: ``**{"relearn.lam": 2.0}``.

    Raises:
        BalanceError: unknown name, unknown argument, a value out of its range, or methods that
            cannot be combined.
    """
    taken = settings(name)
    for key in given:
        if key not in taken:
            raise BalanceError(
                f"{name} has no setting {key!r}: {_hint(key, taken)}"
                f"Known: {', '.join(taken) or 'none'}."
            )
    if COMPOSED in name:
        return load(name)(*(create(part, **_own(part, given)) for part in name.split(COMPOSED)))
    return load(name)(**{**entry(name).preset, **given})


def _own(part: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of one part of a composition."""
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in given.items() if k.startswith(prefix)}


def _composed(name: str, parts: Sequence[Entry]) -> Entry:
    """The entry of a composition: held against its first part, which lacks only the others."""
    return Entry(
        name, "composition:Composition", "; then: ".join(p.summary for p in parts),
        objective="own" if any(p.objective == "own" for p in parts) else "any",
        controls=(parts[0].name,),
    )  # fmt: skip


def _hint(name: str, known: Iterable[str]) -> str:
    """``"did you mean 'a' or 'b'? "`` for the closest known names; empty where none is close."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.4)
    return f"did you mean {' or '.join(map(repr, near))}? " if near else ""
