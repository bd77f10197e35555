"""The registry: names of methods, resolved to classes when they are asked for.

`equimodal.methods.entries` holds what is known of each; other packages add theirs by entry points.
"""

import importlib
import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from equimodal.balancing.requirements.objectives import OBJECTIVES
from equimodal.balancing.windows import Window
from equimodal.errors import BalanceError, close_names, quoted
from equimodal.methods import plugins
from equimodal.methods.entries import ENTRIES
from equimodal.methods.entry import BASELINE, CASES, FIELD, Entry, Fit, Range
from equimodal.methods.facts import COSTS, NEEDS, in_order

if TYPE_CHECKING:
    from equimodal.balancing.method import Method

__all__ = [
    "BASELINE", "CASES", "COMPOSED", "COSTS", "FIELD", "NEEDS", "Entry", "Fit", "Range", "classes",
    "create", "entry", "fitting", "functions", "known", "load", "names", "refuse_objective",
    "settings",
    "window_settings", "with_controls",
]  # fmt: skip

COMPOSED = "~"
"""Between the names of methods that are combined."""
_REGISTRY = {e.name: e for e in ENTRIES}


def names() -> tuple[str, ...]:
    """Names of all methods, controls included, in the order of a table; other packages' last.

    Warns once of each package whose methods are left out.
    """
    _tell_of_troubles()
    return (*_REGISTRY, *plugins.found().entries)


def with_controls(*methods: str) -> tuple[str, ...]:
    """Each of the methods behind its controls, every row once, as a recipe compares them."""
    return tuple(dict.fromkeys(row for m in methods for row in (*entry(m).controls, m)))


def known(name: str) -> bool:
    """Whether a name is a registered method's, or those of several joined by ``~``."""
    return all(_found(part) is not None for part in name.split(COMPOSED))


def entry(name: str) -> Entry:
    """The entry of one method, or of several joined by ``~``.

    Raises:
        BalanceError: an unknown name.
    """
    if not isinstance(name, str):
        raise BalanceError(f"A method is named by a text, such as 'amss'; found {quoted(name)}.")
    if COMPOSED in name:
        return _composed(name, [entry(part) for part in name.split(COMPOSED)])
    found = _found(name)
    if found is None:
        refuse_objective(name)
        every = (*_REGISTRY, *plugins.found().entries)
        troubles = "".join(f" {text}" for text in plugins.found().troubles)
        raise BalanceError(
            f"Unknown method {name!r}: {_hint(name, every)}Known: {', '.join(every)}.{troubles}"
        )
    return found


def fitting(case: str) -> list[tuple[str, str]]:
    """Rows that fit a case of `CASES`, each with its reason, in the order of a table."""
    rows = map(entry, names())
    return [(row.name, fit.reason) for row in rows for fit in row.fits if fit.case == case]


def load(name: str) -> "type[Method]":
    """The class behind a name.

    Raises:
        BalanceError: an unknown name, or a method of another package that cannot be imported.
    """
    found = entry(name)
    try:
        loaded: type[Method] = _attribute(found.module, found.target.partition(":")[2])
    except Exception as error:
        if not found.package:
            raise
        raise BalanceError(
            f"The method {name!r} of the package {found.package!r} cannot be imported: "
            f"{plugins.reason(error)}."
        ) from error
    return loaded


def classes() -> dict[str, str]:
    """Module by name of class, of the methods of this library: ``equimodal.AMSS`` is one."""
    return {e.target.partition(":")[2]: e.module for e in ENTRIES}


def functions() -> dict[str, str]:
    """Module by name of function, of all that `equimodal.functional` offers of the methods."""
    return {
        name: module for e in ENTRIES for module, _, name in (f.partition(":") for f in e.functions)
    }


def settings(name: str) -> dict[str, Any]:
    """Arguments of a method that may be set, with their defaults."""
    if COMPOSED in name:
        parts = name.split(COMPOSED)
        return {f"{p}.{key}": value for p in parts for key, value in settings(p).items()}
    parameters = inspect.signature(load(name)).parameters.values()
    return {p.name: p.default for p in parameters} | dict(entry(name).preset)


def window_settings(name: str) -> dict[str, float]:
    """The shares of the training that bound when a method acts, with their defaults.

    A method that acts at no stage has none, nor one that changes what the trained model predicts,
    and none has one that is an argument by that name.
    """
    if COMPOSED in name:
        parts = name.split(COMPOSED)
        return {f"{p}.{k}": value for p in parts for k, value in window_settings(p).items()}
    from equimodal.balancing.method import STAGES, Method  # imports torch

    kind = load(name)
    taken = inspect.signature(kind).parameters
    acts = kind.lists_items or any(
        getattr(kind, stage) is not getattr(Method, stage) for stage in STAGES
    )
    free = asdict(Window()) if acts and kind.windowed else {}
    return {key: value for key, value in free.items() if key not in taken}


def refuse_objective(name: str) -> None:
    """Raise `BalanceError` where a method is named by an objective."""
    if name in OBJECTIVES:
        raise BalanceError(
            f"Unknown method {name!r}: it is an objective, the loss under a method. Write "
            f"objective={name!r} to Balancer, or --objective {name} on the command line, beside a "
            "method; without one they are 'joint' and 'joint+unimodal'."
        )


def create(name: str, **given: Any) -> "Method":
    """A method by its registered name, or several joined by ``~``: ``create("amss~relearn")``.

    The arguments of a part carry its name: ``**{"relearn.lam": 2.0}``. Every method also takes
    `window_settings`, such as ``end=0.5``: outside its window the base objective is trained.

    Raises:
        BalanceError: unknown name, unknown argument, a value out of its range, or methods that
            cannot be combined.
    """
    entry(name)
    taken, bounds = settings(name), window_settings(name)
    for key in given:
        if key not in taken and key not in bounds:
            raise BalanceError(
                f"{name} has no setting {key!r}: {_hint(key, taken)}"
                f"Known: {', '.join(taken) or 'none'}."
            )
    if COMPOSED in name:
        return load(name)(*(create(part, **_own(part, given)) for part in name.split(COMPOSED)))
    arguments = {**entry(name).preset, **given}
    made = load(name)(**{k: v for k, v in arguments.items() if k not in bounds})
    made.window = Window(**{k: v for k, v in arguments.items() if k in bounds})
    if made.window.needs_epochs:
        made.needs |= {"epochs"}
    return made


def _found(name: str) -> Entry | None:
    """The entry of one method; other packages are read only where it is none of ours."""
    return _REGISTRY.get(name) or plugins.found().entries.get(name)


@cache
def _tell_of_troubles() -> None:
    for text in plugins.found().troubles:
        warnings.warn(text, stacklevel=3)


def _attribute(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _own(part: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of one part of a composition."""
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in given.items() if k.startswith(prefix)}


def _composed(name: str, parts: Sequence[Entry]) -> Entry:
    """The entry of a composition: held against its first part, which lacks only the others.

    Raises:
        BalanceError: its parts bring different models.
    """
    brought = {p.fusion: p.name for p in parts if p.fusion}
    if len(brought) > 1:
        raise BalanceError(
            f"{' and '.join(brought.values())} cannot be combined: each brings a fusion of its own."
        )
    return Entry(
        name, "; then: ".join(p.summary for p in parts), f"{__name__}.composition:Composition",
        objective="own" if any(p.objective == "own" for p in parts) else "any",
        family="combination", controls=(parts[0].name,), fusion="".join(brought),
        depends=tuple(dict.fromkeys(row for p in parts for row in p.depends)),
        records={name: title for p in parts for name, title in p.records.items()},
        cost=in_order((c for p in parts for c in p.cost), COSTS),
        needs=in_order((n for p in parts for n in p.needs), NEEDS),
        targets=tuple(t for t in parts[0].targets if all(t in p.targets for p in parts)),
    )  # fmt: skip


def _hint(name: str, known: Iterable[str]) -> str:
    """``"did you mean 'a' or 'b'? "`` for the closest known names; empty where none is close."""
    near = close_names(name, known, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(map(repr, near))}? " if near else ""
