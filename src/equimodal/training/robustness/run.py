"""The corrupted test samples of a run: judged at its end, and kept in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equimodal.data.dataset import MultimodalDataset
from equimodal.errors import BalanceError
from equimodal.measures.robustness import KINDS
from equimodal.storage.files import atomic
from equimodal.training.prediction import Prediction, again
from equimodal.training.robustness.corruption import Spread
from equimodal.training.robustness.passes import Stress, Stressed
from equimodal.training.run_folder import ROBUSTNESS
from equimodal.training.setup import EVALUATION_ROWS, Batches, Setup


@torch.inference_mode()
def stressed(setup: Setup, dataset: MultimodalDataset, clean: Prediction) -> Stressed:
    """What the model of a run predicts on corrupted samples of ``dataset``, and ``clean`` on them
    as they are."""
    spread = Spread(setup.source.modalities)
    for m in spread.modalities:
        for indices in torch.split(torch.arange(dataset.modality_len(m)), EVALUATION_ROWS):
            spread.add(m, dataset.take_modality(m, indices)[0])
    setup.network.eval()
    found = Stress(setup.network, setup.source.modalities, spread, seed=setup.config.seed)
    start = 0
    for inputs, labels in Batches(dataset):
        end = start + len(labels)
        own = {m: rows[start:end].to(labels.device) for m, rows in clean.features.items()}
        found.add(inputs, own)
        start = end
    return found.result(clean.logits)


def curves(found: Stressed, clean: Prediction) -> dict[str, Any]:
    """The main score at each level, as the result of a run holds it."""
    scores = {
        kind: {m: [clean.score_of(one) for one in each] for m, each in own.items()}
        for kind, own in found.predicted.items()
    }
    return {"levels": list(found.levels), "scores": scores}


def write_stressed(folder: Path, found: Stressed, *, classes: bool) -> None:
    """Keep what was predicted at all levels but the first; ``classes``: of logits the largest."""
    names = list(found.predicted[KINDS[0]])
    arrays = {"levels": np.array(found.levels), "modalities": np.array(names)}
    for kind, own in found.predicted.items():
        changed = torch.stack(list(own.values()))[:, 1:]
        arrays[kind] = (changed.argmax(-1).int() if classes else changed).numpy()
    with atomic(folder / ROBUSTNESS) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_stressed(folder: Path, clean: Tensor) -> Stressed | None:
    """What `write_stressed` kept, with ``clean`` (N, C) first; None where a run kept nothing.

    Raises:
        BalanceError: the file is damaged, or not of these samples.
    """
    path = folder / ROBUSTNESS
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            names, levels = archive["modalities"].tolist(), archive["levels"].tolist()
            kept = {kind: torch.from_numpy(archive[kind]) for kind in KINDS}
        wanted = (len(names), len(levels) - 1, *clean.shape)
        if any(tuple(own.shape) not in (wanted, wanted[:-1]) for own in kept.values()):
            raise ValueError(f"its arrays are not of the shape {wanted}")
    except Exception as error:  # a damaged archive can fail anywhere inside the reader
        raise BalanceError(f"'{path}' is missing or damaged ({error}); {again(folder)}") from error
    predicted = {
        kind: {m: _after(clean, rows) for m, rows in zip(names, own, strict=True)}
        for kind, own in kept.items()
    }
    return Stressed(tuple(levels), predicted)


def _after(clean: Tensor, changed: Tensor) -> Tensor:
    """The clean samples and those of the other levels in one form."""
    first = clean if changed.ndim > clean.ndim else clean.argmax(1)
    return torch.cat([first[None], changed.to(first)])
