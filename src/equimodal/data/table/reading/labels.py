"""The classes of a manifest, and labels that look like another one misspelled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from equimodal.data.table.reading.findings import Finding

RARE = 10
"""A label is rare beside one that occurs this many times as often."""
CLOSE = 0.8
_MOST = 2000


def classes(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes in order: by value where all are whole numbers, else by the alphabet."""
    names = set(labels) - {""}
    if all(re.fullmatch(r"[+-]?\d+", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def typos(labels: Sequence[str], rows: Sequence[int]) -> list[Finding]:
    """Labels that differ from a more frequent one in case, blanks, or, if rare, a few letters."""
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
    if len(counts) > _MOST:
        return {}
    common = [label for label, _ in counts.most_common()]
    found = {}
    for place, rare in enumerate(common):
        like = next((label for label in common[:place] if _alike(rare, label, counts)), None)
        if like is not None:
            found[rare] = like
    return found


def _alike(rare: str, frequent: str, counts: Counter[str]) -> bool:
    if _plain(rare) == _plain(frequent):
        return True
    # Labels such as class1 and class2, or -1 and 10, differ on purpose.
    if _undigited(rare) == _undigited(frequent) or counts[rare] * RARE > counts[frequent]:
        return False
    return SequenceMatcher(None, _plain(rare), _plain(frequent)).ratio() >= CLOSE


def _plain(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label.casefold()).strip()


def _undigited(label: str) -> str:
    return re.sub(r"[+-]?\d+", "", label)
