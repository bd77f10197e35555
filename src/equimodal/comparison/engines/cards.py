"""The cards of this machine: which worker has which, and whose fault it is where one fails."""

from __future__ import annotations

import os
from collections.abc import Sequence


def visible_cards() -> list[str]:
    """The names, as CUDA_VISIBLE_DEVICES takes them, of the cards that PyTorch sees."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(count)) if named is None else (n.strip() for n in named.split(","))
    return list(names)[:count]


class Cards:
    """Cards that are shared out by turns, and those that are set aside.

    A card on which a run fails by the card's own error is set aside while the run is tried on
    another. Where that works, the card is not used again; where it does not, the run is at fault,
    and its cards come back.

    Args:
        names: of the cards; without any there is nothing to share out, and no other to try.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._aside: dict[str, set[int]] = {}

    def of(self, index: int) -> str | None:
        """The card of the worker of this number, or None."""
        return self._names[index % len(self._names)] if self._names else None

    def usable(self, card: str | None) -> bool:
        """Whether the card is not set aside."""
        return card not in self._aside

    def lost(self, card: str | None, run: int) -> bool:
        """Note that a run failed by an error of its card; whether another is to be tried."""
        if card is not None and not any(run in runs for runs in self._aside.values()):
            self._aside.setdefault(card, set()).add(run)
            if self._aside.keys() < set(self._names):
                return True
            self._aside.clear()  # with none left to compare with nothing can be said of any
        blamed = {name: runs - {run} for name, runs in self._aside.items()}
        self._aside = {name: runs for name, runs in blamed.items() if runs}
        return False
