"""The linear probe: how much of the label an encoder's features hold, whatever the head does."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from equimodal.errors import BalanceError
from equimodal.numerics.single_thread import single_thread


def probe_predictions(
    train_features: Tensor, train_labels: Tensor, *others: Tensor
) -> list[Tensor]:
    """What a linear model on frozen features says of other rows.

    Classes: those of a logistic regression, (N, D), (N,), (n, D)... -> (n,)... Several labels: the
    logits of one for each label, numbers: a ridge regression, both (N, D), (N, C), (n, D)... ->
    (n, C)...

    It is fitted to the training rows, once for all others. The features are standardised by the
    training rows; regressions are scikit-learn's with an L2 penalty of 1, logistic ones by lbfgs,
    on one thread. It draws no random number.

    Raises:
        BalanceError: a feature is not finite, or there are no training rows.
    """
    check_rows(train_features, train_labels, "training")
    train = train_features.detach().cpu().double()
    mean, scale = train.mean(0), train.std(0, correction=0)
    # Rounding leaves a constant column a deviation of about 1e-16 of its mean.
    scale = torch.where(scale > 1e-7 * mean.abs(), scale, torch.ones_like(scale))
    rows = [(other.detach().cpu().double() - mean) / scale for other in others]
    train, labels = (train - mean) / scale, train_labels.cpu()
    with single_thread(), warnings.catch_warnings():
        # The iterations are bounded on purpose: a probe that stops early is still a probe.
        warnings.simplefilter("ignore")
        if labels.ndim == 1:
            return _classes(train, labels, rows)
        if labels.is_floating_point():
            return _numbers(train, labels, rows)
        each = [_logits(train, labels[:, c], rows) for c in range(labels.shape[1])]
        return [torch.stack(columns, 1) for columns in zip(*each, strict=True)]


def _classes(train: Tensor, labels: Tensor, others: Sequence[Tensor]) -> list[Tensor]:
    """Classes that a logistic regression on (train, labels) gives the other rows."""
    from sklearn.linear_model import LogisticRegression  # importing scikit-learn takes a second

    if (labels == labels[0]).all():
        return [labels[:1].expand(len(rows)) for rows in others]
    regression = LogisticRegression(max_iter=200).fit(train.numpy(), labels.numpy())
    return [torch.from_numpy(regression.predict(rows.numpy())) for rows in others]


def _logits(train: Tensor, states: Tensor, others: Sequence[Tensor]) -> list[Tensor]:
    """Logits of one label by a logistic regression; 1 or -1 where training has one state."""
    from sklearn.linear_model import LogisticRegression

    if (states == states[0]).all():
        return [torch.full((len(rows),), 2.0 * float(states[0]) - 1).double() for rows in others]
    regression = LogisticRegression(max_iter=200).fit(train.numpy(), states.numpy())
    return [torch.from_numpy(regression.decision_function(rows.numpy())) for rows in others]


def _numbers(train: Tensor, numbers: Tensor, others: Sequence[Tensor]) -> list[Tensor]:
    """Numbers by a ridge regression, within the range of those that it was fitted to.

    A feature that hardly varies in training, and does elsewhere, would lead out of any range.
    """
    from sklearn.linear_model import Ridge

    known = numbers.double()
    ridge = Ridge(alpha=1.0).fit(train.numpy(), known.numpy())
    found = [
        torch.from_numpy(ridge.predict(rows.numpy())).view(-1, known.shape[1]) for rows in others
    ]
    return [rows.clamp(known.amin(0), known.amax(0)) for rows in found]


def check_rows(features: Tensor, labels: Tensor, split: str) -> None:
    """Raise `BalanceError` unless there is a finite feature row for each of some labels."""
    if len(labels) == 0 or len(features) != len(labels):
        raise BalanceError(
            f"The probe needs one {split} feature row per label, found {len(features)} rows and "
            f"{len(labels)} labels."
        )
    if not features.isfinite().all():
        raise BalanceError(
            f"The {split} features hold values that are not finite: the encoder diverged; "
            "write a smaller learning rate."
        )
