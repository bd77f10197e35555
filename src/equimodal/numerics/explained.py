"""How much of numbers is explained: by predictions of them, and by clusters of features."""

import torch
from torch import Tensor

from equimodal.checks import require_tensor
from equimodal.errors import BalanceError

_LEAST = 1e-6
"""Least share of the variance that an error is taken for: information stays finite."""


def summable(values: Tensor) -> Tensor:
    """In float64, where sums of squares keep their digits; as float32 where there is none."""
    return values.float() if values.device.type == "mps" else values.double()


def moments(values: Tensor) -> Tensor:
    """Rows, sums and sums of squares, which add up over batches and ranks. (N, D) -> (1 + 2 D,)"""
    wide = summable(values)
    return torch.cat([wide.new_full((1,), len(wide)), wide.sum(0), wide.square().sum(0)])


def variance(found: Tensor, *, sample: bool) -> Tensor:
    """Variance by :func:`moments`, of the sample (n - 1) or as it is; 0 for equal values.

    (..., 1 + 2 D) -> (..., D)
    """
    count = found[..., :1]
    total, squares = found[..., 1:].chunk(2, -1)
    mean_square = squares / count
    spread = mean_square - (total / count).square()
    spread = torch.where(spread > 1e-12 * mean_square, spread, 0.0)
    return spread * count / (count - 1).clamp_min(1) if sample else spread


def gaussian_information(error: Tensor, spread: Tensor) -> Tensor:
    r"""Information of predictions about normal numbers, in nats: :math:`\sum_d \frac12 \log
    (\mathrm{Var}\,y_d / \mathrm{MSE}_d)`. (M, D), (D,) -> (M,)

    A lower bound of the mutual information for normal y, an estimate for others; below 0 for
    predictions that are worse than the mean. No variance, no information.
    """
    share = (error / spread).clamp_min(_LEAST)
    return -0.5 * torch.where(spread > 0, share.log(), 0.0).sum(-1)


def explained_share(error: Tensor, spread: Tensor) -> Tensor:
    r"""Mean over the numbers of :math:`1 - \mathrm{MSE}_d / \mathrm{Var}\,y_d`, from 0 to 1.

    (M, D), (M, D) -> (M,). A number without variance has the share 0, one without an error to speak
    of NaN.
    """
    share = torch.where(spread > 0, 1 - error / spread, 0.0).clamp(0, 1)
    return torch.where(error.isnan(), error, share).mean(-1)


def cluster_explained(values: Tensor, clusters: Tensor) -> float:
    r"""Mean over the columns of :math:`\eta^2`, the share of their variance between clusters.

    (N, D), (N,) -> [0, 1]. Columns without variance are left out; 1 where none has any.

    Raises:
        BalanceError: no samples, or other numbers of values and clusters.
    """
    require_tensor("values", values, axes="N,D")
    require_tensor("clusters", clusters, axes="N")
    if not len(values) or len(values) != len(clusters):
        raise BalanceError(
            "cluster_explained needs one cluster for each of at least one sample; found "
            f"{len(values)} samples and {len(clusters)} clusters."
        )
    centred = values.double() - values.double().mean(0)
    _, own, counts = torch.unique(clusters, return_inverse=True, return_counts=True)
    sums = centred.new_zeros(len(counts), values.shape[1]).index_add_(0, own, centred)
    between, total = (sums.square() / counts[:, None]).sum(0), centred.square().sum(0)
    varied = total > 1e-12 * values.double().square().sum(0)
    return float((between[varied] / total[varied]).mean()) if bool(varied.any()) else 1.0
