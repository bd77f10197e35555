"""Which methods a test of many runs with: those of `make test`, and those of `make test-all` alone.

All of it follows from the registry, so a new method finds its place by itself. Names that are left
to `make test-all` carry the mark ``full``.
"""

from collections.abc import Callable, Hashable, Iterable

import pytest

from equimodal import methods

STAGES = ("on_plan", "turn", "on_features", "on_loss", "on_gradients", "on_epoch_end")


def every(names=None):
    """Every name, always: for what costs next to nothing."""
    return [*(methods.names() if names is None else names)]


def by_class(names=None):
    """One name of each class always: for the promises, which the plain loop is held to."""
    return _marked(every(names), one_of_each(every(names), methods.load))


def by_stage(names=None):
    """One name of each kind of stage always: for other loops, several ranks and half precision."""
    return _marked(every(names), one_of_each(every(names), stage))


def stages(names=None):
    """The names that :func:`by_stage` runs always, and no others."""
    return one_of_each(every(names), stage)


def together():
    """All of a test that trains several methods in one go: `stages` always, `every` besides."""
    return [
        pytest.param(stages(), id="stages"),
        pytest.param(every(), id="every", marks=pytest.mark.full),
    ]


def stage(name):
    """The first stage at which a method acts; empty for one that leaves training as it is."""
    method = methods.create(name)
    if method.lists_items:
        return "on_epoch_start"
    return next((s for s in STAGES if method.has_stage(s)), "")


def one_of_each(
    names: Iterable[str],
    kind: Callable[[str], Hashable],
    last: Callable[[str], bool] = lambda name: methods.entry(name).is_control,
) -> list[str]:
    """The first name of each kind, in their order; one that comes ``last`` only where all do."""
    names = list(names)
    chosen: dict[Hashable, str] = {}
    for name in sorted(names, key=last):
        chosen.setdefault(kind(name), name)
    return [name for name in names if name in chosen.values()]


def _marked(names, always):
    return [n if n in always else pytest.param(n, marks=pytest.mark.full) for n in names]
