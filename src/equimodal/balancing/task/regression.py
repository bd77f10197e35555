"""Numbers."""

import torch
import torch.nn.functional as F
from torch import Tensor

from equimodal.balancing.task.task import Task, check_pair, on_host
from equimodal.checks import require_choice
from equimodal.errors import BalanceError
from equimodal.numerics.explained import (
    explained_share,
    gaussian_information,
    moments,
    summable,
    variance,
)
from equimodal.numerics.purity import explained_purity

_CLUSTERS = 10


class Regression(Task):
    """Numbers, with the mean squared or absolute error.

    ``logits``, the model's output, and ``target`` are both (N, D). What methods read is our own
    extension of the papers' formulas, by the squared error whatever is trained: information is the
    bound for normal numbers, the sum of ½ log(Var(y) / MSE); the score of a batch is the mean of
    1 - MSE / Var(y), from 0 to 1; purity is the share of variance that ten clusters explain.

    Var(y) of the information is that of all samples, which the bound of normal numbers asks for.
    That of the score is the estimate from the rows of one batch, with n - 1: its mean over batches
    is the same for modalities of few rows and of many, and so is that of MSE, as predictions are
    not fitted to the batch. With n the modality of n = 8 rows would be held for an eighth worse.

    Args:
        error: "squared" or "absolute".
    """

    name = "regression"
    lacks = frozenset({"classes", "likelihood"})
    whole_numbers = True

    def __init__(self, error: str = "squared") -> None:
        require_choice("Regression error", error, ("squared", "absolute"))
        self.error = error

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean error over samples and outputs. (N, D), (N, D) -> ()"""
        error = F.mse_loss if self.error == "squared" else F.l1_loss
        return error(logits, target.to(logits.dtype))

    def score_sums(self, logits: Tensor, target: Tensor) -> Tensor:
        """Squared errors, and the moments of the target. (N, D), (N, D) -> (1 + 3 D,)"""
        return torch.cat([_squares(logits, target), moments(target)])

    def mean_score(self, sums: Tensor) -> Tensor:
        """Bounded share of explained variance. (M, 1 + 3 D) -> (M,)"""
        width = (sums.shape[1] - 1) // 3
        count = sums[:, width : width + 1]
        spread = variance(sums[:, width:], sample=True)
        return explained_share(sums[:, :width] / count, spread)

    def information_sums(self, logits: Tensor, target: Tensor) -> Tensor:
        """Squared errors, and how many. (N, D), (N, D) -> (D + 1,)"""
        squares = _squares(logits, target)
        return torch.cat([squares, squares.new_full((1,), len(target))])

    def information(self, counts: Tensor, sums: Tensor) -> Tensor:
        """Bound for normal numbers, in nats. (1 + 2 D,), (M, D + 1) -> (M,)"""
        return gaussian_information(sums[:, :-1] / sums[:, -1:], variance(counts, sample=False))

    def label_counts(self, target: Tensor, outputs: int) -> Tensor:
        """Rows, sums and sums of squares. (N, D) -> (1 + 2 D,)"""
        return moments(target)

    def purity(self, features: Tensor, target: Tensor, most: int) -> float | None:
        """Mean over the numbers of what ten clusters explain. (N, D), (N, D) -> [0, 1]"""
        return explained_purity(features, target, clusters=_CLUSTERS, most=most)

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless output and target are of one shape (N, D) and, where
        the host can look, targets are numbers."""
        if logits.ndim != 2 or target.shape != logits.shape:
            raise BalanceError(
                "Regression takes outputs and targets of one shape (N, D); found "
                f"{tuple(logits.shape)} and {tuple(target.shape)}. One number a sample is a "
                "column: write output[:, None] and target[:, None] where they are (N,)."
            )
        check_pair(logits, target)
        if on_host(target) and target.is_floating_point() and not target.isfinite().all():
            raise BalanceError(
                f"Regression targets must be finite; found NaN or infinity in "
                f"{int((~target.isfinite()).any(1).sum())} of {len(target)} rows. Leave these rows "
                "out, or fill them in before training."
            )


def _squares(logits: Tensor, target: Tensor) -> Tensor:
    """Sum over the rows of squared errors. (N, D), (N, D) -> (D,)"""
    return (summable(logits) - summable(target)).square().sum(0)
