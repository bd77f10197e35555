"""Users' mistakes. A message says what is wrong, what was found and what to write."""

from collections.abc import Iterable
from difflib import get_close_matches


class BalanceError(ValueError):
    """The library was used in a way it cannot honour; the message says what to change."""


class DataError(BalanceError):
    """A data set is missing, damaged or not what its loader expects; the message names the file."""


class ToldElsewhere(BalanceError):
    """One of several processes that end together: another one says why."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'amss'?"` for the closest of the known names, "" where none is close."""
    close = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
