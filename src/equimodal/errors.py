"""Users' mistakes. A message says what is wrong, what was found and what to write.

What was found may come from anybody's file: a message is one printable line of bounded length.
"""

import unicodedata
from collections.abc import Callable, Iterable
from difflib import get_close_matches

LONGEST = 2000
"""Characters of a message; of a longer one the middle is left out."""
LONGEST_VALUE = 200
"""Characters of a value in a message."""
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_KEPT = "\n\t\u200c\u200d"  # the last two join letters and emoji


def printable(text: str, encoding: str = "utf-8") -> str:
    """The text with escapes for what steers a terminal, is no letter, or is not in the encoding.

    These are control and formatting characters other than new line and tab, and halves of
    characters: ``"\\x1b[2J"`` -> ``"\\\\x1b[2J"``
    """
    if not text.isprintable():
        text = "".join(map(_shown, text))
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _shown(sign: str) -> str:
    hidden = sign not in _KEPT and unicodedata.category(sign) in _HIDDEN
    return sign.encode("unicode_escape").decode("ascii") if hidden else sign


def bounded(text: str, most: int = LONGEST) -> str:
    """The text, or its beginning and its end where it is longer than ``most`` characters."""
    if len(text) <= most:
        return text
    left = f" [... {len(text) - most:,} characters ...] "
    head = max(0, most * 2 // 3 - len(left))
    return text[:head] + left + text[-(most // 3) :]


def one_line(text: str) -> str:
    """The text as one printable line of bounded length."""
    return printable(bounded(" ".join(text.split())))


def counted(count: int, one: str, several: str = "") -> str:
    """``1 problem``, ``2 problems``; ``several`` is the word where it is not formed by an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def quoted(value: object) -> str:
    """A value as it stands in a message: in one line, shortened where it is long.

    A tensor or an array is told by its shape and its type.
    """
    kind = type(value).__name__
    if getattr(value, "ndim", 0) and hasattr(value, "dtype"):
        return f"{kind} of shape {tuple(value.shape)} and type {value.dtype}"  # type: ignore[attr-defined]
    try:
        text = repr(value)
    except Exception:  # whatever another's object raises; a number of thousands of digits too
        text = f"a value of the type {kind}"
    return bounded(" ".join(text.split()), LONGEST_VALUE)


class BalanceError(ValueError):
    """The library was used in a way it cannot honour; the message says what to change."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class DataError(BalanceError):
    """A data set is missing, damaged or not what its loader expects; the message names the file."""


class ToldElsewhere(BalanceError):
    """One of several processes that end together: another one says why."""


def check_all(*checks: Callable[[], object]) -> None:
    """Make every check; what several of them find is told at once.

    Raises:
        BalanceError: of the only check that failed, or with the messages of all that did.
    """
    found: list[BalanceError] = []
    for check in checks:
        try:
            check()
        except BalanceError as error:
            found.append(error)
    if len(found) == 1:
        raise found[0]
    if found:
        raise BalanceError(" Besides: ".join(map(str, found))) from found[0]


def close_names(name: str, known: Iterable[str], *, n: int = 1, cutoff: float = 0.6) -> list[str]:
    """The known names that are closest, whatever their capitals; none where none is close."""
    by_form: dict[str, str] = {}
    for each in known:
        by_form.setdefault(each.casefold(), each)
    return [by_form[form] for form in get_close_matches(name.casefold(), by_form, n, cutoff)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'amss'?"` for the closest of the known names, "" where none is close."""
    close = close_names(name, known)
    return f" Did you mean '{close[0]}'?" if close else ""
