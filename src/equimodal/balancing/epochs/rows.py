"""Rows of a data set by index, as it gives them: all modalities of a sample, or one."""

from typing import Any

from torch import Tensor
from torch.utils.data import default_collate

from equimodal.errors import BalanceError


def paired_rows(dataset: Any, indices: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Rows of all modalities: ``dataset.take(indices)`` beside ``take_modality``, or items."""
    if hasattr(dataset, "take_modality"):
        inputs, labels = dataset.take(indices)
        return inputs, labels
    inputs, labels = default_collate([_item(dataset, int(i)) for i in indices])
    return inputs, labels


def rows_of(dataset: Any, modality: str) -> int:
    """How many rows ``take_modality`` counts: ``dataset.modality_len(m)`` where it exists."""
    counted = getattr(dataset, "modality_len", None)
    return len(dataset) if counted is None else counted(modality)


def modality_rows(dataset: Any, modality: str, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of one modality: ``dataset.take_modality(m, indices)`` where it exists."""
    if hasattr(dataset, "take_modality"):
        rows, labels = dataset.take_modality(modality, indices)
        return rows, labels
    items = [_item(dataset, int(i)) for i in indices]
    rows, labels = default_collate([(inputs[modality], label) for inputs, label in items])
    return rows, labels


def _item(dataset: Any, index: int) -> tuple[dict[str, Any], Any]:
    item = dataset[index]
    if not (isinstance(item, tuple) and len(item) >= 2 and isinstance(item[0], dict)):
        raise BalanceError(
            "batches() needs items ({modality: tensor}, label) or ({modality: tensor}, label, "
            f"index); found {type(item).__name__}. Wrap the data set so that it gives them."
        )
    return item[0], item[1]
