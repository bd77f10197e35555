"""Which rows of a batch hold which modality."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from equimodal.errors import BalanceError


def rows_present(
    present: Tensor | None, count: int, names: Sequence[str]
) -> dict[str, Tensor] | None:
    """Rows of a batch in which each modality is present; None where nothing is missing.

    Args:
        present: (N, M) bool, columns in the order of the encoders. On the CPU no device waits.
        count: rows of the batch, N.
        names: modalities.

    Returns:
        {m: (N_m,)} int64, or None.

    Raises:
        BalanceError: another shape or type, or a row without any modality.
    """
    if present is None:
        return None
    if not isinstance(present, Tensor) or present.dtype != torch.bool:
        kind = present.dtype if isinstance(present, Tensor) else type(present).__name__
        raise BalanceError(f"present must be an (N, M) tensor of bool; found {kind}.")
    if present.shape != (count, len(names)):
        raise BalanceError(
            f"present must be ({count}, {len(names)}), a column for each of {list(names)}; found "
            f"{tuple(present.shape)}."
        )
    if not bool(present.any(1).all()):
        empty = int((~present.any(1)).nonzero()[0])
        raise BalanceError(f"present has no modality in row {empty}; leave such samples out.")
    if bool(present.all()):
        return None
    return _rows(present, names)


def rows_kept(
    kept: Tensor, rows: Mapping[str, Tensor] | None, names: Sequence[str]
) -> dict[str, Tensor]:
    """Rows in which each modality is present and kept, (N, M) bool on the CPU. -> {m: (N_m,)}

    A row may have none of them: ``rows`` are those in which each is present, None for all.
    """
    if rows is None:
        return _rows(kept, names)
    return {m: rows[m][kept[rows[m].cpu(), k]] for k, m in enumerate(names)}


def _rows(present: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    return {m: present[:, k].nonzero().squeeze(1) for k, m in enumerate(names)}
