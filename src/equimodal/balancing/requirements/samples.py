"""Whether a sample of the features is a sample of the logits, where no shape tells.

The layers after the encoders run again on one batch, in evaluation mode, with noise on the first
sample alone: where the features are read rightly, one row of the logits changes, and no other.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from equimodal.balancing.readouts import logits_of
from equimodal.errors import BalanceError
from equimodal.parts.distributed import world_size
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.outputs import disturbed
from equimodal.parts.quiet import kept_streams


def check_samples(modalities: ModalityMap, names: Iterable[str], count: int) -> set[str]:
    """Refuse features that the model itself reads along another axis. -> modalities that are told

    Shapes tell most of them. What both readings mix is left as it is, and so is all on several
    ranks, where a batch may leave one rank alone with the question.

    Raises:
        BalanceError: the first sample of the features reaches other rows of the logits, and, read
            the other way, its own row alone.
    """
    return {m for m in names if _is_told(modalities, m, count)}


@torch.no_grad()
def _is_told(modalities: ModalityMap, modality: str, count: int) -> bool:
    found = modalities.record.readings(modality, count)
    if not found or world_size() > 1:
        return True
    base = _logits(modalities, None)
    if base is None or len(base) != count:
        return True
    (mine, place), (other, elsewhere) = found.items()
    changed = _rows_changed(base, _logits(modalities, modality, place))
    if changed == {0} or not changed:
        return bool(changed)
    if _rows_changed(base, _logits(modalities, modality, elsewhere)) == {0}:
        raise BalanceError(
            f"The features of {modality!r} are read by Encoder(..., {mine}), and the model reads "
            "them otherwise: what is one sample's there reaches the logits of several. Write "
            f"Encoder(..., {other})."
        )
    return True


def _logits(
    modalities: ModalityMap, modality: str | None, place: tuple[slice, ...] = ()
) -> Tensor | None:
    """(N, ...) logits where one place of a modality's features is disturbed."""

    def change(value: Tensor) -> Tensor:
        changed = value.clone()
        changed[place] = disturbed(value[place])
        return changed

    record = modalities.record
    with kept_streams(modalities.model):
        return logits_of(record.rerun_disturbed(modality, change), record.logits_name)


def _rows_changed(base: Tensor, logits: Tensor | None) -> set[int]:
    """Numbers of the rows that differ."""
    assert logits is not None
    return set((base != logits).flatten(1).any(1).nonzero().flatten().tolist())
