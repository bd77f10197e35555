"""How many rows each modality gets in DUS: the cumulative score, and the rules that follow it.

Only the score and its running mean are the paper's; **the rules are our own design**.
"""

import math

import torch
from torch import Tensor

from equimodal.checks import require, require_number, require_tensor
from equimodal.errors import BalanceError


def cumulative_score(previous: Tensor, score: Tensor, t: int) -> Tensor:
    r"""Running mean :math:`\hat s_t = \frac{t-1}{t} \hat s_{t-1} + \frac{1}{t} s_t`.

    (M,), (M,) -> (M,). The first score replaces ``previous`` wholly (t = 1).

    Raises:
        BalanceError: ``t`` is no whole number from 1, or the scores are no vectors of one length.
    """
    require_tensor("previous", previous, axes="M", floating=True)
    require_tensor("score", score, axes="M", floating=True)
    one = previous.shape == score.shape
    require(one, f"score must have {len(previous)} entries as previous has", len(score))
    require_number("t", t, low=1, whole=True)
    return previous + (score - previous) / t


def running_score(
    previous: Tensor, score: Tensor, t: int, *, ema: float | None, missed: bool
) -> Tensor:
    """The running or, by ``ema``, exponential mean of the scores. (M,), (M,) -> (M,)

    ``missed``: some scores are NaN, of modalities that were missing; they leave the mean as it is.
    """
    mean = cumulative_score(previous, score, t) if ema is None else torch.lerp(score, previous, ema)
    if missed:
        mean = torch.where(score.isnan(), previous, mean)
        mean = torch.where(previous.isnan(), score, mean)
    return mean


def sampling_shares(scores: Tensor, gamma: float = 1.0) -> Tensor:
    r"""Share of the budget, the larger the lower the score (our design). (M,) -> (M,), sums to 1

    .. math:: q^j \propto (S - \hat s^j)^\gamma, \quad S = \sum_k \hat s^k

    With gamma = 1 this is :math:`(S - \hat s^j) / ((M - 1) S)`; all scores 0 give equal shares.
    """
    rest = (scores.sum() - scores).clamp_min(0)
    rest = (rest / rest.max()) ** gamma  # as ratios a large gamma neither vanishes nor overflows
    total = rest.sum()
    return rest / total if total > 0 else torch.full_like(scores, 1 / scores.numel())


def sample_counts(
    scores: Tensor,
    budget: int,
    minimum: int,
    *,
    multiple: int = 1,
    gamma: float = 1.0,
    dead_zone: float = 0.01,
) -> Tensor:
    """Rows of every modality by the heuristic rule (our design). (M,) -> (M,) int64, sums to budget

    Args:
        scores: cumulative scores in [0, 1].
        budget: rows of all modalities together.
        minimum: least rows of one modality.
        multiple: rows come in multiples of this, >= 1; what does not divide goes to the neediest.
        gamma: sharpness of the rule.
        dead_zone: scores that differ by less than this share the budget equally.

    Raises:
        BalanceError: the budget cannot give every modality its minimum, or an argument is out of
            range.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    require(len(scores) > 0, "There must be a modality to give rows to", 0)
    for name, value in {"budget": budget, "minimum": minimum}.items():
        require_number(name, value, low=0, whole=True)
    require_number("multiple", multiple, low=1, whole=True)
    require_number("gamma", gamma, above=0)
    require_number("dead_zone", dead_zone, low=0)
    equal = torch.full_like(scores, 1 / scores.numel())
    near = bool(scores.max() - scores.min() < dead_zone)
    shares = equal if near else sampling_shares(scores, gamma)
    return divide(shares, budget, minimum, multiple)


def divide(shares: Tensor, budget: int, minimum: int, multiple: int = 1) -> Tensor:
    """Split ``budget`` by ``shares`` into multiples, by largest remainders. (M,) -> (M,) int64

    Every part is at least ``minimum``; the parts sum to ``budget``.
    """
    count = shares.numel()
    if minimum * count > budget:
        raise BalanceError(
            f"A budget of {budget} rows cannot give {count} modalities {minimum} each: raise the "
            "batch size or lower the minimum."
        )
    # Equal counts need not be multiples: rounding them would make equal modalities unequal.
    if budget % count == 0 and torch.allclose(shares, shares.mean()):
        return torch.full((count,), budget // count)
    least = math.ceil(minimum / multiple) * multiple
    # In a tight budget the minimum, rounded up, may not fit: then any size is allowed.
    if least * count > budget:
        least, multiple = minimum, 1
    # Only what lies above the minimum is split, in float64: float32 cannot tell the remainders of
    # large budgets apart. The order is stable, so that every machine breaks ties alike.
    floor = torch.full((count,), least)
    wanted = torch.maximum(shares.double() * budget, floor)
    above = wanted - floor
    free = (budget - least * count) // multiple
    exact = above / above.sum().clamp_min(1e-12) * free
    parts = exact.floor().long()
    order = torch.argsort(exact - parts, descending=True, stable=True)
    parts[order[: free - int(parts.sum())]] += 1
    counts = floor + parts * multiple
    # What is less than a multiple goes to the neediest, so that the parts sum to the budget.
    counts[int(torch.argmax(shares))] += budget - int(counts.sum())
    return counts


def shrunk_counts(
    scores: Tensor, batch_size: int, multiple: int, *, gamma: float | None, dead_zone: float
) -> Tensor:
    """Rows by the ratio to the weakest, which keeps all its rows (our design). (M,) -> (M,) int64

    The share kept is 1 / ratio, or 1 - tanh(gamma (ratio - 1)) with a ``gamma``; scores that
    differ by less than ``dead_zone`` keep all rows.
    """
    if float(scores.max() - scores.min()) < dead_zone:
        return torch.full((len(scores),), batch_size)
    ratio = scores / scores.min().clamp_min(1e-12)
    # The weakest has the ratio 1 also where its score is 0 or was never taken.
    ratio = ratio.clamp_min(1).nan_to_num(1)
    share = 1 / ratio if gamma is None else 1 - torch.tanh(gamma * (ratio - 1))
    lost = ((1 - share) * batch_size / multiple).round() * multiple
    return (batch_size - lost).long()
