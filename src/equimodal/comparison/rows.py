"""The rows of a comparison: registered methods and what they are held against."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from equimodal import methods
from equimodal.data.target import CLASSIFICATION, Target
from equimodal.errors import BalanceError, did_you_mean
from equimodal.methods import COMPOSED, FIELD
from equimodal.methods.entry import MISSING
from equimodal.training.config import ALONE, JOINT, RATE_FACTORS, UNTRAINED, create_method

__all__ = [
    "ALONE", "ENSEMBLE", "EVERY_ALONE", "JOINT", "RATE_FACTORS", "REFERENCES", "UNIMODAL",
    "UNTRAINED", "alone_row", "controls_of", "expand_rows", "known_rows", "own_fusions", "reads",
    "run_place", "slug", "suited_rows", "suited_to", "with_rows_for_missing",
]  # fmt: skip

ENSEMBLE = "ensemble"
UNIMODAL = f"{JOINT}+unimodal"
EVERY_ALONE = f"{ALONE}*"
REFERENCES = (UNTRAINED, EVERY_ALONE, ENSEMBLE, JOINT, UNIMODAL)
"""Joint training and all that it is held against."""


def alone_row(modality: str) -> str:
    """The row that trains one modality alone."""
    return f"{ALONE}{modality}"


def expand_rows(given: Sequence[str] | None, modalities: Iterable[str]) -> tuple[str, ...]:
    """Names of all rows in order: ``alone:*`` resolved, what a row reads put before it.

    Args:
        given: rows as the user wrote them, "field" for every method there is beside the references;
            None for the default rows.
        modalities: names of the data set's modalities.

    Raises:
        BalanceError: an unknown row, or one that is written twice.
    """
    alone = [alone_row(m) for m in modalities]
    known = known_rows(alone)
    rows: list[str] = []
    wanted_rows = _default_rows() if given is None else list(given)
    if FIELD in wanted_rows:
        _check_field(wanted_rows)
        wanted_rows = _every_row()
    for name in wanted_rows:
        wanted = alone if name == EVERY_ALONE else [name]
        if EVERY_ALONE in reads(name):
            wanted = [row for row in alone if row not in rows] + [name]
        for row in wanted:
            _check_row(row, rows, known)
            rows.append(row)
    if not rows:
        raise BalanceError(f"A comparison needs at least one row; write {', '.join(known)}.")
    return tuple(rows)


def known_rows(alone: Iterable[str]) -> tuple[str, ...]:
    """Every row that can be asked for."""
    return (UNTRAINED, *alone, ENSEMBLE, *methods.names(), *RATE_FACTORS)


def controls_of(row: str) -> tuple[str, ...]:
    """The rows that a method is held against, the one that isolates its main idea first."""
    return methods.entry(row).controls if methods.known(row) else ()


def own_fusions(rows: Iterable[str], fusion: str) -> dict[str, str]:
    """The fusions that rows bring, where these are not that of the comparison. {row: fusion}"""
    brought = {row: methods.entry(row).fusion for row in rows if methods.known(row)}
    return {row: own for row, own in brought.items() if own and own != fusion}


def reads(row: str) -> tuple[str, ...]:
    """The rows of trained models that a row reads."""
    if row == ENSEMBLE:
        return (EVERY_ALONE,)
    return methods.entry(row).depends if methods.known(row) else ()


def slug(row: str) -> str:
    """A row as the name of a folder: ``alone:sound`` is alone-sound, ``amss+`` is amss-plus."""
    spelled = re.sub(r"\+(?=\w)", "-plus-", row).replace("+", "-plus")
    return re.sub(r"[^\w.-]+", "-", spelled)


def run_place(row: str, seed: int) -> str:
    """The folder of a run below that of its comparison, but for what tells learning rates apart."""
    return f"runs/{slug(row)}/seed-{seed}"


def _default_rows() -> list[str]:
    return [r for r in _every_row() if not methods.known(r) or not methods.entry(r).on_request]


def _every_row() -> list[str]:
    return [UNTRAINED, EVERY_ALONE, ENSEMBLE, *methods.names()]


def _check_field(rows: Sequence[str]) -> None:
    if len(rows) > 1:
        raise BalanceError(
            f"'{FIELD}' stands for every row and is written alone; found {', '.join(rows)}."
        )


def _check_row(row: str, rows: Sequence[str], known: Sequence[str]) -> None:
    if row in rows:
        raise BalanceError(f"The row '{row}' is asked for twice; write it once.")
    if COMPOSED in row:
        methods.create(row)
    elif row not in known:
        methods.refuse_objective(row)
        raise BalanceError(
            f"There is no row '{row}'; write some of {', '.join(known)}.{did_you_mean(row, known)}"
        )


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
    if target.task == CLASSIFICATION and not missing:
        return tuple(rows), {}
    each = {row: _unsuited(row, target, settings.get(row, {}), missing=missing) for row in rows}
    reasons = {row: why for row, why in each.items() if why}
    if reasons and given is not None and FIELD not in given:
        raise BalanceError(next(iter(reasons.values())))
    return tuple(row for row in rows if row not in reasons), reasons


def suited_to(rows: Iterable[str], task: str) -> list[str]:
    """Of some rows those that have a meaning for a task."""
    target = Target(task)
    return [row for row in rows if not _unsuited(row, target, {}, missing=False)]


def _unsuited(row: str, target: Target, settings: Mapping[str, Any], *, missing: bool) -> str:
    """Why a row has no meaning for a target, "" where it has."""
    from equimodal.balancing.requirements.arguments import require_suited  # imports torch

    if not methods.known(row) or row in RATE_FACTORS:
        return ""
    own = {name: value for name, value in settings.items() if name != "on"}
    method = create_method(row, own)
    try:
        require_suited(method, target.loss_task)
        if missing and method.keeps_pairs:
            return (
                f"{type(method).__name__} reads paired and unpaired rows at once, which samples "
                "that lack a modality do not have."
            )
        if missing and methods.entry(row).depends:
            return (
                f"{type(method).__name__} learns from modalities trained alone, and asks them "
                "about samples that lack theirs."
            )
    except BalanceError as error:
        return str(error)
    return ""
