"""Bytes of a step or between two epochs, as formulas: what `collectives.py` counts, at any size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

RANKS, LINK = 1000, 50e9
"""How many ranks, and the bytes that one sends a second, which is an assumption (400 Gbit/s)."""


@dataclass(frozen=True)
class Size:
    """What a training is of; two modalities, numbers of four bytes."""

    classes: int
    features: int
    parameters: int
    rows: int
    modalities: int = 2

    @property
    def heads(self) -> int:
        """Numbers of a linear head for each modality."""
        return self.modalities * self.classes * (self.features + 1)


INTERNET = Size(classes=1000, features=4096, parameters=10**10, rows=10**9)


@dataclass(frozen=True)
class Exchange:
    """What some methods hand to their collectives."""

    method: str
    """One that `collectives.py` counts."""
    place: str
    """``step`` or ``epoch``."""
    what: str
    told: str
    bytes: Callable[[Size], int]


EXCHANGES = (
    Exchange("ogm", "step", "sums of scores and of rows", "8 M", lambda s: 8 * s.modalities),
    Exchange(
        "amss", "step", "entropies, cross-entropies and counts of labels", "4 (C + 4 M)",
        lambda s: 4 * (s.classes + 4 * s.modalities),
    ),
    Exchange("mla", "step", "a mean feature", "4 (D + 1)", lambda s: 4 * (s.features + 1)),
    Exchange(
        "cggm-fixed", "step", "gradients of heads beside the model", "4 (M C (D + 1) + 2 M)",
        lambda s: 4 * (s.heads + 2 * s.modalities),
    ),
    Exchange(
        "mmpareto", "step", "gradients of each loss, beside those of DDP", "4 P",
        lambda s: 4 * s.parameters,
    ),
    Exchange(
        "qmf", "step", "the same heads, and a loss of every row of the data", "4 (M C (D + 1) + "
        "4 M + M N)", lambda s: 4 * (s.heads + (4 + s.rows) * s.modalities),
    ),
    Exchange("relearn", "epoch", "purities of rank 0", "16 M", lambda s: 16 * s.modalities),
    Exchange("pmr", "epoch", "prototypes", "4 M C (D + 1)", lambda s: 4 * s.heads),
    Exchange(
        "igm", "epoch", "second moments of features", "4 M D²",
        lambda s: 4 * s.modalities * s.features**2,
    ),
    Exchange(
        "remix", "epoch", "a value of every row and modality, and its label", "4 ((1 + M) N + 1)",
        lambda s: 4 * ((1 + s.modalities) * s.rows + 1),
    ),
    Exchange(
        "smv", "epoch", "a label and six values of every row", "4 (7 N + 1)",
        lambda s: 4 * (7 * s.rows + 1),
    ),
    Exchange(
        "lfm-learned", "epoch", "three gradients of the model", "12 (P + 1)",
        lambda s: 12 * (s.parameters + 1),
    ),
)  # fmt: skip


def ring(handed: float, ranks: int = RANKS) -> float:
    """Bytes that each rank sends where so many are all-reduced in a ring."""
    return 2 * (ranks - 1) / ranks * handed


def table(size: Size = INTERNET) -> Iterator[str]:
    """All of them at a size, beside the gradients that DDP averages in any step."""
    yield "| method | where | what a rank hands over | bytes | at this size | seconds of the link |"
    yield "|---|---|---|---|---:|---:|"
    ddp = Exchange("any", "step", "gradients, by DDP", "4 P", lambda s: 4 * s.parameters)
    for one in (ddp, *EXCHANGES):
        handed = one.bytes(size)
        name = one.method if one is ddp else f"`{one.method}`"
        where = {"step": "a step", "epoch": "between epochs"}[one.place]
        seconds = f"{ring(handed) / LINK:.2g}"
        yield f"| {name} | {where} | {one.what} | {one.told} | {in_units(handed)} | {seconds} |"


def in_units(count: float) -> str:
    """Bytes in words: 16 B, 32.8 MB, 40.0 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
