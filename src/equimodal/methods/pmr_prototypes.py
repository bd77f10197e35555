"""Prototypes of classes, by which :class:`~equimodal.methods.pmr.PMR` judges a modality."""

import torch
from torch import Tensor

from equimodal.balancing.step import Step
from equimodal.balancing.task import require_labels
from equimodal.checks import require, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened


def class_sums(features: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Sum of the features and number of samples of each class. (N, D), (N,) -> (C, D), (C,)"""
    counts = torch.bincount(labels, minlength=classes)
    return features.new_zeros(classes, features.shape[1]).index_add_(0, labels, features), counts


def class_prototypes(features: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Mean features of each class (Eq. 6), zeros where it is absent, and whether it is there.

    (N, D), (N,) int64 in [0, C) -> (C, D), (C,) bool

    Shapes that do not belong together raise BalanceError.
    """
    require_tensor("features", features, axes="N,D", floating=True)
    require_tensor("labels", labels, axes="N")
    rule = "There must be a label for each row of features"
    require(len(features) == len(labels), rule, (len(features), len(labels)))
    require_number("classes", classes, low=1, high=2**31, whole=True)
    require_labels(labels, classes)
    sums, counts = class_sums(features, labels, classes)
    return sums / counts.clamp_min(1)[:, None], counts > 0


def prototype_probabilities(
    features: Tensor, prototypes: Tensor, present: Tensor | None = None
) -> Tensor:
    """Probability of each class by the distance to its prototype (Eq. 7), 0 for those without one.

    (N, D), (C, D), (C,) bool -> (N, C)

    Shapes that do not belong together raise BalanceError.
    """
    require_tensor("features", features, axes="N,D", floating=True)
    require_tensor("prototypes", prototypes, axes="C,D", floating=True)
    if features.shape[1] != prototypes.shape[1]:
        raise BalanceError(
            f"Features and prototypes must be equally wide; found {features.shape[1]} and "
            f"{prototypes.shape[1]}."
        )
    return log_probabilities(features, prototypes, present).exp()


def log_probabilities(features: Tensor, prototypes: Tensor, present: Tensor | None) -> Tensor:
    """Logarithms of `prototype_probabilities`. (N, D), (C, D), (C,) bool -> (N, C)"""
    # The mode whose gradient at a prototype itself is 0, and that loses no digits near it.
    distance = torch.cdist(
        widened(features), prototypes, compute_mode="donot_use_mm_for_euclid_dist"
    )
    logits = -distance if present is None else (-distance).masked_fill(~present, -torch.inf)
    return torch.log_softmax(logits, dim=1)


def step_sums(step: Step) -> dict[str, Tensor]:
    """`class_sums` of one batch, the numbers in the last column. -> {m: (C, D_m + 1)}"""
    step.check()
    found = {}
    assert step.logits is not None
    for m, features in step.features.items():
        rows = widened(features.detach()).flatten(1)
        sums, counts = class_sums(rows, step.targets[m], step.logits.shape[1])
        found[m] = torch.cat([sums, counts[:, None].to(sums)], 1)
    return found
