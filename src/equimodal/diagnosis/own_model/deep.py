"""Measures that take the model itself: gradients, Fisher information, purity of the features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from equimodal.diagnosis.own_model.fisher import fisher_traces
from equimodal.diagnosis.own_model.purity import purity_gap
from equimodal.diagnosis.own_model.subject import Subject
from equimodal.parts.gradients import conflict, gradient_norm, gradient_shares
from equimodal.parts.quiet import quiet
from equimodal.training.prediction import Prediction

BATCHES = 8
"""Batches over which gradients are averaged."""
SAMPLES = 64
"""Samples of the Fisher information, each of which takes a backward pass."""


def purities(train: Prediction, unseen: Prediction) -> dict[str, Any]:
    """Purity gap of every modality, None where the features collapsed."""
    return {
        m: purity_gap(
            train.features[m].flatten(1), train.labels, unseen.features[m].flatten(1), unseen.labels
        )
        for m in train.features
    }


def gradient_measures(subject: Subject, loader: Iterable[Any]) -> dict[str, Any]:
    """Families ``gradients`` and ``fisher_trace`` of the model as it is, on its training batches.

    Modalities whose encoder is frozen or shared, with no parameter of its own, are left out.
    """
    own = {m: _trained(subject, m) for m in subject.modalities.names}
    own = {m: parameters for m, parameters in own.items() if parameters}
    if not own:
        return {}
    rows: list[dict[str, Tensor]] = []
    traces: Tensor | None = None
    with quiet(subject.modalities.model, grad=True):
        for batch in islice(loader, BATCHES):
            logits, labels, features = subject.run(batch)
            if traces is None:
                each = functional.cross_entropy(logits, labels, reduction="none")[:SAMPLES]
                traces = fisher_traces(each, own)
            rows.append(_gradients(subject, logits, labels, features, own))
    assert traces is not None
    return {
        "gradients": _means(rows, list(own)),
        "fisher_trace": dict(zip(own, traces.tolist(), strict=True)),
    }


def _trained(subject: Subject, modality: str) -> list[Tensor]:
    return [p for p in subject.modalities.parameters(modality).values() if p.requires_grad]


def _gradients(
    subject: Subject,
    logits: Tensor,
    labels: Tensor,
    features: dict[str, Tensor],
    own: Mapping[str, list[Tensor]],
) -> dict[str, Tensor]:
    """Norm, share and conflict of each encoder's gradient on one batch. {name: (M,)}"""
    loss = functional.cross_entropy(logits, labels)
    fused = {m: _gradient(loss, parameters) for m, parameters in own.items()}
    norms = torch.stack([gradient_norm(g).cpu() for g in fused.values()])
    found = {"norm": norms, "share": gradient_shares(norms)}
    if subject.readout is not None and subject.readout.differentiable:
        unimodal = subject.readout(subject.modalities, features)
        losses = {m: functional.cross_entropy(unimodal[m], labels) for m in own}
        alone = {m: _gradient(losses[m], parameters) for m, parameters in own.items()}
        cosines = [conflict(fused[m], alone[m]).cpu() for m in own]
        found["conflict"] = torch.stack(cosines)
    return found


def _gradient(loss: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


def _means(rows: list[dict[str, Tensor]], names: list[str]) -> dict[str, Any]:
    """Means over batches by modality; None for what is not finite, as a cosine of no gradient."""
    means = {name: torch.stack([row[name] for row in rows]).mean(0) for name in rows[0]}
    return {
        m: {name: float(v[i]) if bool(v[i].isfinite()) else None for name, v in means.items()}
        for i, m in enumerate(names)
    }
