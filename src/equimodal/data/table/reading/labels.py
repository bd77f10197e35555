"""The classes of a manifest, and labels that look like another one misspelled."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher

from equimodal.data.table.reading.findings import Finding

RARE = 10
"""A label is rare beside one that occurs this many times as often."""
CLOSE = 0.8
_MOST = 2000
_JOINS = (";", "|", ",")
_LIST = re.compile(r"[\[({].*[,;].*[\])}]|\[\s*([\d.+'\"-].*)?\]", re.DOTALL)
_NUMBERS = re.compile(r"[\d.+-]+(\s+[\d.+-]+)+")
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(e[+-]?\d{1,2})?", re.IGNORECASE)


def classes(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes in order: by value where all are whole numbers, else by the alphabet."""
    names = set(labels) - {""}
    if all(re.fullmatch(r"[+-]?\d+", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def typos(labels: Sequence[str], rows: Sequence[int]) -> list[Finding]:
    """Labels that differ from a more frequent one in case, blanks, the form of their letters or of
    their number, or, if rare, in a few letters."""
    counts = Counter(label for label in labels if label)
    found = []
    for rare, like in _suspects(counts).items():
        places = [row for label, row in zip(labels, rows, strict=True) if label == rare]
        text = (
            f"the label '{rare}' ({counts[rare]} times) looks like '{like}' ({counts[like]} "
            "times) misspelled"
        )
        found.append(Finding("typo", text, places[0]))
    return found


def _suspects(counts: Counter[str]) -> dict[str, str]:
    """Suspicious label -> the one it may stand for."""
    common = [label for label, _ in counts.most_common()]
    first: dict[str, str] = {}
    found = {}
    for label in common:
        same = first.setdefault(_plain(label), label)
        if same != label:
            found[label] = same
    if len(counts) > _MOST:
        return found
    for place, rare in enumerate(common):
        near = next((label for label in common[:place] if _alike(rare, label, counts)), None)
        if near is not None:
            found.setdefault(rare, near)
    return found


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
        if joined or _LIST.fullmatch(label):
            text = (
                f"the label '{label}' looks like a list, of several labels or of a number's parts; "
                "a sample has one label here"
            )
            return [Finding("several", text, row)]
    return []


def _parts(label: str) -> list[str]:
    sign = next((sign for sign in _JOINS if sign in label), None)
    if sign is None:
        return label.split() if _NUMBERS.fullmatch(label) else [label]
    return [part.strip() for part in label.split(sign)]


def _alike(rare: str, frequent: str, counts: Counter[str]) -> bool:
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
