"""Which rows a data set can have: a method without a meaning for its task has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from equimodal import methods
from equimodal.data.target import Target
from equimodal.errors import BalanceError
from equimodal.methods import FIELD
from equimodal.training.config import RATE_FACTORS, create_method


def suited_rows(
    rows: Sequence[str], given: Sequence[str] | None, target: Target,
    settings: Mapping[str, Mapping[str, Any]],
) -> tuple[tuple[str, ...], dict[str, str]]:  # fmt: skip
    """The rows that a target can have, and of the others the reason.

    Args:
        rows: all, in order.
        given: as the user wrote them; None, or "field", for rows that nobody named.
        target: what is predicted.
        settings: of the rows.

    Raises:
        BalanceError: a row that was named has no meaning for the task.
    """
    reasons = {row: why for row in rows if (why := _unsuited(row, target, settings.get(row, {})))}
    if reasons and given is not None and FIELD not in given:
        raise BalanceError(next(iter(reasons.values())))
    return tuple(row for row in rows if row not in reasons), reasons


def _unsuited(row: str, target: Target, settings: Mapping[str, Any]) -> str:
    """Why a row has no meaning for a target, "" where it has."""
    from equimodal.balancing.requirements.arguments import require_suited
    from equimodal.training.task import task_of  # imports torch

    if not methods.known(row) or row in RATE_FACTORS:
        return ""
    own = {name: value for name, value in settings.items() if name != "on"}
    try:
        require_suited(create_method(row, own), task_of(target))
    except BalanceError as error:
        return f"{row}: {error}"
    return ""
