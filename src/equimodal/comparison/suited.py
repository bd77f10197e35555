"""Which rows a data set can have: a method without a meaning for its task has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from equimodal import methods
from equimodal.data.target import Target
from equimodal.errors import BalanceError
from equimodal.methods import FIELD
from equimodal.methods.entry import MISSING
from equimodal.training.config import RATE_FACTORS, create_method


def with_rows_for_missing(rows: Sequence[str]) -> tuple[str, ...]:
    """The default rows of data whose samples may lack modalities: with what the registry says fits
    them."""
    return (*rows, *(row for row, _ in methods.fitting(MISSING) if row not in rows))


def suited_rows(
    rows: Sequence[str], given: Sequence[str] | None, target: Target,
    settings: Mapping[str, Mapping[str, Any]], *, missing: bool,
) -> tuple[tuple[str, ...], dict[str, str]]:  # fmt: skip
    """The rows that a target can have, and of the others the reason.

    Args:
        rows: all, in order.
        given: as the user wrote them; None, or "field", for rows that nobody named.
        target: what is predicted.
        settings: of the rows.
        missing: whether samples may lack a modality.

    Raises:
        BalanceError: a row that was named has no meaning for the task.
    """
    each = {row: _unsuited(row, target, settings.get(row, {}), missing=missing) for row in rows}
    reasons = {row: why for row, why in each.items() if why}
    if reasons and given is not None and FIELD not in given:
        raise BalanceError(next(iter(reasons.values())))
    return tuple(row for row in rows if row not in reasons), reasons


def _unsuited(row: str, target: Target, settings: Mapping[str, Any], *, missing: bool) -> str:
    """Why a row has no meaning for a target, "" where it has."""
    from equimodal.balancing.requirements.arguments import require_suited
    from equimodal.training.task import task_of  # imports torch

    if not methods.known(row) or row in RATE_FACTORS:
        return ""
    own = {name: value for name, value in settings.items() if name != "on"}
    try:
        method = create_method(row, own)
        require_suited(method, task_of(target))
        if missing and method.keeps_pairs:
            return (
                f"{row}: reads paired and unpaired rows at once, which samples that lack a "
                "modality do not have."
            )
    except BalanceError as error:
        return f"{row}: {error}"
    return ""
