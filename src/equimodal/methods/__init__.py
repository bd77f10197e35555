"""The registry: names of methods, resolved to classes when they are asked for."""

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import BalanceError

if TYPE_CHECKING:
    from ..method import Method


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
    control: str | None = None
    """The row that isolates its idea."""
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
        "amss", "amss:AMSS", "update a Fisher-sampled share of each modality's units",
        control="amss-fixed",
    ),
    Entry(
        "amss+-fixed", "amss:AMSS", "AMSS+'s masks at the fixed fraction 1 - 1/M",
        {"weighting": "unbiased", "fraction": "fixed"}, is_control=True,
    ),
    Entry(
        "amss+", "amss:AMSS", "AMSS with an unbiased mask", {"weighting": "unbiased"},
        control="amss+-fixed",
    ),
    Entry(
        "dus-uniform", "dus:DUS", "unpaired batches of equal size", {"rule": "uniform"}, "own",
        is_control=True,
    ),
    Entry(
        "dus", "dus:DUS", "unpaired batches sized by the cumulative score", {"rule": "inverse"},
        "own", control="dus-uniform",
    ),
    Entry(
        "dus-rl", "dus_learned:DUSLearned", "unpaired batches sized by a learned policy", {}, "own",
        control="dus-uniform",
    ),
    Entry(
        "relearn-fixed", "diagnose_relearn:DiagnoseRelearn",
        "soft re-initialisation at the fixed strength 0.5", {"strength": 0.5}, is_control=True,
    ),
    Entry(
        "relearn", "diagnose_relearn:DiagnoseRelearn",
        "soft re-initialisation by the purity gap", {"strength": None}, control="relearn-fixed",
    ),
)  # fmt: skip
_REGISTRY = {e.name: e for e in _ENTRIES}


def names() -> tuple[str, ...]:
    """Names of all methods, controls included, in the order of a table."""
    return tuple(_REGISTRY)


def entry(name: str) -> Entry:
    """The entry of one method. Raises BalanceError for an unknown name."""
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
    parameters = inspect.signature(load(name)).parameters.values()
    return {p.name: p.default for p in parameters} | dict(entry(name).preset)


def create(name: str, **given: Any) -> "Method":
    """A method by its registered name.

    Raises:
        BalanceError: unknown name, unknown argument, or a value out of its range.
    """
    known = settings(name)
    for key in given:
        if key not in known:
            raise BalanceError(
                f"{name} has no setting {key!r}: {_hint(key, known)}"
                f"Known: {', '.join(known) or 'none'}."
            )
    return load(name)(**{**entry(name).preset, **given})


def _hint(name: str, known: Iterable[str]) -> str:
    """``"did you mean 'a' or 'b'? "`` for the closest known names; empty where none is close."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.4)
    return f"did you mean {' or '.join(map(repr, near))}? " if near else ""
