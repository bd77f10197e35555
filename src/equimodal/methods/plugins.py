"""Methods of other packages: entry points of the group ``equimodal.methods``.

An entry point leads to an `Entry`, or to several in a list or tuple. A package that cannot be taken
is left out as a whole and says why; it takes nothing from any other. docs/your-own-method.md
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from equimodal.errors import BalanceError
from equimodal.methods.entries import ENTRIES
from equimodal.methods.entry import FIELD, Entry

GROUP = "equimodal.methods"
OTHER_ROWS = ("untrained", "ensemble", FIELD)
"""Rows of a comparison that are no methods."""
_NAME = re.compile(r"[a-z0-9]+([-+]+[a-z0-9]+)*\+?")


@dataclass(frozen=True)
class Found:
    """Entries of other packages by name, and one sentence for each package that is left out."""

    entries: Mapping[str, Entry]
    troubles: tuple[str, ...]


@cache
def found() -> Found:
    """What the installed packages register, read once a process, in the order of their names."""
    entries: dict[str, Entry] = {}
    troubles = []
    for package, point in sorted((_package(p), p) for p in entry_points(group=GROUP)):
        try:
            added = _listed(point.load())
            _check(added, [*ENTRIES, *entries.values()])
        except (Exception, SystemExit) as error:
            troubles.append(
                f"The package '{package}' adds no methods: {reason(error)}; mend or uninstall it."
            )
        else:
            entries |= {entry.name: replace(entry, package=package) for entry in added}
    return Found(entries, tuple(troubles))


def reason(error: BaseException) -> str:
    """An error in one line: ours as it is, any other with its type."""
    said = " ".join(str(error).split()).rstrip(".")
    return said if isinstance(error, BalanceError) else f"{type(error).__name__}: {said}"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _listed(loaded: object) -> list[Entry]:
    given = [loaded] if isinstance(loaded, Entry) else loaded
    if not isinstance(given, list | tuple) or not all(isinstance(e, Entry) for e in given):
        raise BalanceError(
            f"its entry point must be an Entry or a list of them, found {type(loaded).__name__}"
        )
    return list(given)


def _check(added: Iterable[Entry], before: Iterable[Entry]) -> None:
    """Raise `BalanceError` for a name that is taken, and for a control that nobody registers."""
    taken = {entry.name: entry.package or "equimodal" for entry in before}
    for entry in added:
        if not _NAME.fullmatch(entry.name) or entry.name in OTHER_ROWS:
            raise BalanceError(
                f"'{entry.name}' cannot be a method's name; write lower-case letters and digits, "
                "such as my-method"
            )
        if entry.name in taken:
            owner = taken[entry.name]
            raise BalanceError(f"the name '{entry.name}' is taken by a method of '{owner}'")
        taken[entry.name] = "itself"
    for entry in added:
        for control in entry.controls:
            if control not in taken:
                raise BalanceError(f"'{control}', a control of '{entry.name}', is not registered")
