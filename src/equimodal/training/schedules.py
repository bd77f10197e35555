"""Learning rates over the training, by the text that names a schedule; the same for every row."""

from __future__ import annotations

import math
from itertools import pairwise

from equimodal.checks import require_text
from equimodal.errors import BalanceError, did_you_mean

COSINE = "cosine"
FORMS = (COSINE, "constant", "step:60:0.1", "multistep:80,90:0.1")


def cosine_rate(lr: float, progress: float) -> float:
    """Learning rate after a share ``progress`` of the training: ``lr`` at 0, zero at 1."""
    return lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def scheduled_rate(schedule: str, lr: float, *, epoch: int, progress: float) -> float:
    """The learning rate of a step.

    Args:
        schedule: as `check_schedule` takes it.
        lr: learning rate at the first step.
        epoch: of the step, from 0; ``step`` and ``multistep`` change the rate between epochs.
        progress: share of the training before the step, for ``cosine``.
    """
    if schedule == COSINE:
        return cosine_rate(lr, progress)
    if schedule == "constant":
        return lr
    return lr * decay(schedule, epoch)


def decay(schedule: str, epoch: int) -> float:
    """What ``step`` or ``multistep`` multiplies the first rate by in an epoch.

    ``step:S:g`` is g ** floor(epoch / S); ``multistep:a,b:g`` is g to the number of a, b that are
    not after the epoch.
    """
    kind, epochs, factor = _parts(schedule)
    if kind == "step":
        return factor ** (epoch // epochs[0])
    return factor ** sum(milestone <= epoch for milestone in epochs)


def check_schedule(schedule: str) -> str:
    """The schedule, which is ``cosine`` (to zero, at every step), ``constant``,
    ``step:<epochs>:<factor>`` or ``multistep:<epoch>,<epoch>:<factor>``.

    Raises:
        BalanceError: it is none of these.
    """
    if require_text("schedule", schedule) in (COSINE, "constant"):
        return schedule
    try:
        kind, epochs, factor = _parts(schedule)
    except ValueError as error:
        raise _unknown(schedule) from error
    rising = all(early < late for early, late in pairwise(epochs))
    counts = {"step": len(epochs) == 1, "multistep": len(epochs) > 0}
    if not (counts.get(kind) and epochs[0] > 0 and rising and 0 < factor < math.inf):
        raise _unknown(schedule)
    return schedule


def in_words(schedule: str) -> str:
    """The schedule as results.json holds it."""
    return "cosine to zero, per step" if schedule == COSINE else schedule


def from_words(words: str) -> str:
    """The schedule that `in_words` wrote."""
    return COSINE if words == in_words(COSINE) else words


def _parts(schedule: str) -> tuple[str, list[int], float]:
    kind, epochs, factor = schedule.split(":")
    return kind, [int(epoch) for epoch in epochs.split(",")], float(factor)


def _unknown(schedule: str) -> BalanceError:
    *most, last = FORMS
    return BalanceError(
        f"There is no schedule '{schedule}'; write {', '.join(most)} or {last} (epochs, then the "
        f"factor).{did_you_mean(str(schedule), (COSINE, 'constant'))}"
    )
