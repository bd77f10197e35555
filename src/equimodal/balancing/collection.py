"""Features of a whole split, read without a trace on the training."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.presence import rows_present
from equimodal.parts.quiet import quiet

Forward = Callable[[nn.Module, Any], tuple[Any, ...]]
"""``forward(model, batch) -> (output, target)``, or ``(output, target, present)``."""


def default_forward(model: nn.Module, batch: Any) -> tuple[Any, Tensor]:
    """Of batches ``(inputs, target)``."""
    return model(batch[0]), batch[1]


def collect_features(
    modalities: ModalityMap,
    loader: Iterable[Any],
    forward: Forward,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Features and labels of all batches by modality, on the CPU. -> {m: (N_m, D)}, {m: (N_m,)}

    Rows in which a modality is missing are left out of it, where ``forward`` tells them.
    In evaluation mode; the global random stream is left as it was.
    """
    features: dict[str, list[Tensor]] = {m: [] for m in modalities.names}
    labels: dict[str, list[Tensor]] = {m: [] for m in modalities.names}
    with quiet(modalities.model):
        for batch in loader:
            modalities.take_features()
            output, target, *present = forward(modalities.model, batch)
            rows = rows_present(present[0] if present else None, len(target), modalities.names)
            count = dict.fromkeys(modalities.names, len(target))
            for m, found in modalities.take_features(output, None, count).items():
                kept = slice(None) if rows is None else rows[m].cpu()
                features[m].append(found.float().flatten(1).cpu()[kept])
                labels[m].append(target.cpu()[kept])
    empty = [m for m in modalities.names if not labels[m]]
    if empty:
        raise BalanceError(
            f"A loader of the balancer gave no batch with {empty[0]!r}: it must be iterable again "
            "and again, so pass a DataLoader or a list, not a generator."
        )
    absent = [m for m in modalities.names if not any(map(len, labels[m]))]
    if absent:
        raise BalanceError(
            f"A loader of the balancer gave no sample that holds {absent[0]!r}, so that nothing is "
            "known of its encoder there; found it missing in every row. Give a split that holds it."
        )
    return ({m: torch.cat(f) for m, f in features.items()},
            {m: torch.cat(y) for m, y in labels.items()})  # fmt: skip
