"""The classes of a manifest, and labels or groups that look like another one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from equimodal.data.table.items.numbers import MISSING, single
from equimodal.data.table.reading.findings import Finding

RARE = 10
"""A label is rare beside one that occurs this many times as often."""
CLOSE = 0.8
FRACTIONS = 20
"""So many distinct numbers may be measured, or be classes."""
_MOST = 2000
_JOINS = (";", "|", ",")
_LIST = re.compile(r"[\[({].*[,;].*[\])}]|\[\s*([\d.+'\"-].*)?\]", re.DOTALL)
_NUMBERS = re.compile(r"[\d.+-]+(\s+[\d.+-]+)+")
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(e[+-]?\d{1,2})?", re.IGNORECASE)

_ONE, _NONE = "number 1.0", "number 0.0"
# Words for them wherever they stand, and words that are others too, such as letters of an alphabet.
_LOGICAL = {"true": _ONE, "false": _NONE}
_TRUTHS = {**_LOGICAL, "yes": _ONE, "no": _NONE, "t": _ONE, "f": _NONE, "y": _ONE, "n": _NONE}


def classes(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes in order: by value where all are whole numbers, else by the alphabet."""
    names = set(labels) - {""}
    if all(re.fullmatch(r"[+-]?\d+", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def typos(labels: Sequence[str], rows: Sequence[int]) -> list[Finding]:
    """Labels that are `alike`, and rare ones that differ from a frequent one in a few letters."""
    counts = Counter(label for label in labels if label)
    same = _same(counts)
    near = {rare: like for rare, like in _near(counts).items() if rare not in same}
    found = _told("label", "written otherwise", same, labels, rows)
    return found + _told("label", "misspelled", near, labels, rows)


def alike(
    cells: Sequence[str], rows: Sequence[int], what: str = "group", modality: str | None = None
) -> list[Finding]:
    """Groups, or values of a category, that differ from a more frequent one in case, blanks, the
    form of their letters, of their number or of true and false."""
    counts = Counter(cell for cell in cells if cell)
    return _told(what, "written otherwise", _same(counts), cells, rows, modality)


def _told(
    what: str, how: str, suspects: Mapping[str, str], cells: Sequence[str], rows: Sequence[int],
    modality: str | None = None,
) -> list[Finding]:  # fmt: skip
    """A finding for each suspicious cell -> the one it may stand for, at its first row."""
    counts = Counter(cells)
    places: dict[str, int] = {}
    for cell, row in zip(cells, rows, strict=True):
        places.setdefault(cell, row)
    return [
        Finding(
            "typo",
            f"the {what} '{cell}' ({counts[cell]} times) looks like '{like}' ({counts[like]} "
            f"times) {how}",
            places[cell],
            modality,
        )
        for cell, like in suspects.items()
    ]


def _same(counts: Counter[str]) -> dict[str, str]:
    """Each name that the eye takes for a more frequent one -> that one."""
    plain = {name: _plain(name) for name, _ in counts.most_common()}
    truths = _TRUTHS if set(plain.values()) <= {*_TRUTHS, _ONE, _NONE} else _LOGICAL
    first: dict[str, str] = {}
    likes = {name: first.setdefault(truths.get(form, form), name) for name, form in plain.items()}
    return {name: like for name, like in likes.items() if name != like}


def _near(counts: Counter[str]) -> dict[str, str]:
    """Each rare name that is a few letters away from a frequent one -> that one."""
    common = [label for label, _ in counts.most_common()]
    found: dict[str, str] = {}
    if len(counts) > _MOST:
        return found
    for place, rare in enumerate(common):
        near = next((label for label in common[:place] if _is_near(rare, label, counts)), None)
        if near is not None:
            found[rare] = near
    return found


def continuous(labels: Sequence[str], rows: Sequence[int]) -> list[Finding]:
    """The first label of a column that may hold measured numbers: many, or some not whole."""
    values = {name: single(name) for name in set(labels) - {""}}
    if len(values) < FRACTIONS or None in values.values():
        return []
    broken = {name for name, value in values.items() if value is not None and value % 1}
    place = next(i for i, label in enumerate(labels) if label in (broken or values))
    text = (
        f"the label '{labels[place]}' and {len(values) - 1} others are numbers: measured ones, or "
        "classes? Write task: regression, or task: classification, in the YAML"
    )
    return [Finding("continuous", text, rows[place])]


def several(labels: Sequence[str], rows: Sequence[int]) -> list[Finding]:
    """The first label that is a list, or that joins what other labels hold too."""
    names = set(labels) - {""}
    parts = {name: _parts(name) for name in names}
    shared: dict[str, set[str]] = defaultdict(set)
    for name, pieces in parts.items():
        for part in pieces:
            shared[part].add(name)
    for label, row in zip(labels, rows, strict=True):
        own = parts.get(label, [])
        joined = len(own) > 1 and all(len(shared[part]) > 1 for part in own)
        if joined or is_list(label):
            text = (
                f"the label '{label}' looks like a list, of several labels or of a number's parts; "
                "a sample has one label here. Write task: multi-label and separator: in the YAML "
                "if it has several"
            )
            return [Finding("several", text, row)]
    return []


def is_list(label: str) -> bool:
    """Whether a label stands in brackets, with commas or empty."""
    return bool(_LIST.fullmatch(label))


def state(cell: str) -> bool | None:
    """Whether a cell says 1, true or yes; None where it says neither that nor the opposite."""
    form = _plain(cell)
    return {_ONE: True, _NONE: False}.get(_TRUTHS.get(form, form))


def placeholders(
    cells: Sequence[str], rows: Sequence[int], what: str, modality: str | None = None
) -> Iterator[Finding]:
    """The first cell of each placeholder: a missing value, or a word like others?"""
    said: set[str] = set()
    for cell, row in zip(cells, rows, strict=bool(cells)):
        if cell.lower() in MISSING and cell not in said:
            said.add(cell)
            count = sum(other == cell for other in cells)
            text = f"{what} is '{cell}' ({count} times), as programs write a missing value"
            yield Finding("placeholder", text, row, modality)


def _parts(label: str) -> list[str]:
    sign = next((sign for sign in _JOINS if sign in label), None)
    if sign is None:
        return label.split() if _NUMBERS.fullmatch(label) else [label]
    return [part.strip() for part in label.split(sign)]


def _is_near(rare: str, frequent: str, counts: Counter[str]) -> bool:
    # Labels such as class1 and class2, or -1 and 10, differ on purpose.
    if _undigited(rare) == _undigited(frequent) or counts[rare] * RARE > counts[frequent]:
        return False
    return SequenceMatcher(None, _plain(rare), _plain(frequent)).ratio() >= CLOSE


def _plain(label: str) -> str:
    """A label without what the eye does not see, or sees as the same; of a number, its value."""
    label = unicodedata.normalize("NFKC", label)
    label = "".join(c for c in label if unicodedata.category(c) != "Cf")
    if _NUMBER.fullmatch(label.strip()):
        return f"number {float(label) + 0.0!r}"
    folded = unicodedata.normalize("NFKC", label.casefold())
    return re.sub(r"[\s_-]+", " ", folded).strip()


def _undigited(label: str) -> str:
    return re.sub(r"[+-]?\d+", "", label)
