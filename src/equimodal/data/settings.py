"""A loader's settings: their defaults, and checks that raise `DataError`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial

from equimodal.checks import require_choice, require_flag, require_number, require_whole
from equimodal.errors import DataError

number = partial(require_number, error=DataError)
whole = partial(require_whole, error=DataError)
flag = partial(require_flag, error=DataError)
choice = partial(require_choice, error=DataError)


def defaults(loader: Callable[..., object]) -> dict[str, object]:
    """The settings of a loader, its arguments that have a default, with these defaults."""
    parameters = inspect.signature(loader).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
