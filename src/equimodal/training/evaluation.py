"""What a model predicts on a split, and how good that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from equimodal.data.dataset import MultimodalDataset
from equimodal.data.target import main_keys
from equimodal.measures.scoring import loss, scores_of
from equimodal.training.prediction import Prediction, joined
from equimodal.training.probe import check_rows, probe_predictions
from equimodal.training.setup import EVALUATION_ROWS, Batches, Setup

TRACKED = 512
"""Training rows, at most, on which the fused loss is measured after an epoch."""


@torch.inference_mode()
def predict(setup: Setup, dataset: MultimodalDataset) -> Prediction:
    """The model's prediction on every sample of ``dataset``, in evaluation mode."""
    setup.model.eval()
    parts = []
    for inputs, labels in Batches(dataset):
        output = setup.model(inputs)
        # Beside its forward pass: a readout may run the head again.
        unimodal = setup.unimodal_logits(output.features)
        parts.append(Prediction(output.logits, labels, output.features, unimodal))
    return joined(parts, dataset, setup.source.target)


def tracked_rows(count: int, seed: int) -> Tensor:
    """Training rows whose loss is followed: all, or `TRACKED` that the seed draws. -> (n,)"""
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return drawn[:TRACKED].sort().values


@torch.inference_mode()
def fused_loss(setup: Setup, epoch: int) -> float | None:
    """Mean plain loss of the fused logits on `tracked_rows`; None for one modality.

    In evaluation mode, on paired rows as the epoch varied them, whatever a row's own loss and
    batches are: the same measure for every row.
    """
    if setup.config.alone:
        return None
    setup.model.eval()
    seed = setup.config.seed
    samples = setup.source.train.varied(seed, epoch)
    rows, total = tracked_rows(len(samples), seed), 0.0
    for indices in torch.split(rows, EVALUATION_ROWS):
        inputs, labels = samples.take(indices)
        logits = setup.model(inputs).logits
        total += loss(logits, labels).sum().item()
    return total / len(rows)


def probed(train: Prediction, splits: Mapping[str, Prediction]) -> dict[str, dict[str, Tensor]]:
    """What linear probes fitted on ``train``'s features predict: {split: {m: (N, ...)}}.

    They are fitted on the samples that have the modality; what they say of others means nothing.

    Raises:
        BalanceError: a feature is not finite.
    """
    found: dict[str, dict[str, Tensor]] = {name: {} for name in splits}
    for m, features in train.features.items():
        own = train.having(m)
        labels = train.labels if own is None else train.labels[own]
        for name, split in splits.items():
            check_rows(split.features[m], split.labels, name)
        rows = [split.features[m] for split in splits.values()]
        predicted = probe_predictions(features if own is None else features[own], labels, *rows)
        for name, classes in zip(splits, predicted, strict=True):
            found[name][m] = classes
    return found


def measures(prediction: Prediction, probes: Mapping[str, Tensor]) -> dict[str, Any]:
    """All that a table shows of a split; ``probes`` holds what each linear probe predicts."""
    main, by_modality, by_probe = main_keys(prediction.main)
    named = {
        name: score.value(*prediction.scored(prediction.logits))
        for name, score in scores_of(prediction.labels).items()
    }
    return {
        main: named[prediction.main],
        **named,
        by_modality: prediction.modality_scores,
        by_probe: {
            m: prediction.score_of(found, prediction.having(m)) for m, found in probes.items()
        },
        **({"patterns": patterns} if (patterns := prediction.by_pattern()) else {}),
        **losses(prediction),
    }


def losses(prediction: Prediction) -> dict[str, Any]:
    """Mean plain loss of the fused and of each modality's own prediction, see `scoring.loss`."""

    def mean(logits: Tensor) -> float:
        return loss(logits, prediction.labels).mean().item()

    own = prediction.unimodal_logits.items()
    return {"loss": mean(prediction.logits), "modality_loss": {m: mean(z) for m, z in own}}
