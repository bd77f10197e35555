r"""Modality dropout: in training, whole modalities of a sample are left out at random.

A head that sometimes misses the strong modality must learn from the weak one, and the model
survives inputs that are missing when it is used. A remedy in use without one canonical paper;
AutoGluon-Multimodal has it at the input (Apache-2.0; https://github.com/autogluon/autogluon). Here
it acts on features, which works for every kind of input in every loop.

===================  =================  =====================================================
symbol               name here          shape and meaning
===================  =================  =====================================================
:math:`p_m`          ``probabilities``  (M,) chance that a modality of a row is dropped
:math:`K`            ``kept``           (N, M) bool, what of each row is kept
:math:`c^m`          ``fill``           (D_m,) what the head reads in a dropped one's place
:math:`s_m`          ``scores``         (M,) running score of own logits, of the adaptive form
===================  =================  =====================================================

The adaptive form, which drops the confident modality more often, is ours. Who leaves out what, and
how, differs elsewhere: ``docs/methods/modality_dropout.md``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.moment import TrainingPass
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import (
    require,
    require_choice,
    require_flag,
    require_number,
    require_tensor,
)
from equimodal.methods.dus_counts import running_score
from equimodal.parts.modalities import ModalityMap

_MOST = 0.9


class ModalityDropout(Method):
    """Leave out modalities of single samples, or of whole batches, at random.

    The loss is of all rows; a modality's own logits, scores and losses are of the rows in which it
    was kept. Evaluation is untouched. Rows are drawn from the seed, the update and the number of
    the micro-batch, for the rows of all ranks together.

    Args:
        rate: chance to be dropped, in [0, 1): one for all modalities, or a list of one each.
        at_least_one: a row that would lose all modalities keeps one, drawn evenly: the true rate is
            then rate - rate**M / M.
        granularity: "row", each sample for itself; "batch", one draw for all rows of a pass.
        fill: what stands in the place of dropped features: "zero", or their "mean" over the batch.
        scale: "none"; "inverted" multiplies what is kept by 1 / (1 - true rate), so that a linear
            head's expected logits stay.

    Raises:
        BalanceError: an argument out of range, or encoders that are named by parameters only.

    Example::

        Balancer(model, ModalityDropout(0.2), encoders)
    """

    needs: frozenset[str] = frozenset({"features"})
    per_forward = True

    def __init__(
        self,
        rate: float | Sequence[float] = 0.2,
        *,
        at_least_one: bool = True,
        granularity: str = "row",
        fill: str = "zero",
        scale: str = "none",
    ) -> None:
        super().__init__()
        self.rate = rate
        self.at_least_one = at_least_one
        self.granularity = granularity
        self.fill = fill
        self.scale = scale
        for one in rate if isinstance(rate, (list, tuple)) else [rate]:
            number = require_number("A rate of ModalityDropout", one, low=0)
            require(number < 1, "A rate of ModalityDropout must be below 1", one)
        require_flag("ModalityDropout at_least_one", at_least_one)
        require_choice("ModalityDropout granularity", granularity, ("row", "batch"))
        require_choice("ModalityDropout fill", fill, ("zero", "mean"))
        require_choice("ModalityDropout scale", scale, ("none", "inverted"))

    def on_start(self, modalities: ModalityMap) -> None:
        """Hold the rates against the modalities."""
        if isinstance(self.rate, (list, tuple)):
            rule = f"ModalityDropout needs a rate for each of {list(modalities.names)}"
            require(len(self.rate) == len(modalities.names), rule, self.rate)

    def on_features(self, modality: str, features: Tensor, passing: TrainingPass) -> Tensor:
        """Leave out the rows that were drawn; nothing is drawn at a rate of 0."""
        probabilities = self.probabilities(passing)
        if not bool(probabilities.any()):
            return features
        if passing.kept is None:
            passing.keep(self._draw(passing, probabilities, len(features)))
        kept, k = passing.kept, passing.modalities.names.index(modality)
        assert kept is not None
        rule = f"Modality dropout needs paired rows; {modality!r} has {len(features)} in a batch"
        require(len(kept) == len(features), rule, len(kept))
        mask = kept[:, k].to(features.device, non_blocking=True)
        mask = mask.view(-1, *[1] * (features.ndim - 1))
        fill = features.detach().mean(0) if self.fill == "mean" else features.new_zeros(())
        if self.scale == "inverted":
            rates = true_drop_rates(probabilities) if self.at_least_one else probabilities
            features = features / (1 - float(rates[k]))
        return torch.where(mask, features, fill)

    def probabilities(self, passing: TrainingPass) -> Tensor:
        """Chance of each modality to be dropped in a pass. -> (M,)"""
        rates = torch.as_tensor(self.rate, dtype=torch.float64)
        return rates.expand(len(passing.modalities.names))

    def _draw(self, passing: TrainingPass, probabilities: Tensor, rows: int) -> Tensor:
        """What of each row is kept. -> (N, M)"""
        whole = self.granularity == "batch"
        draws = passing.uniform(rows, len(probabilities) + 1, same=whole)
        return kept_modalities(probabilities, draws, at_least_one=self.at_least_one)


class AdaptiveModalityDropout(ModalityDropout):
    """Drop a modality the more often, the better its own logits score; ours.

    Records: ``score`` (the running score) and ``drop`` (the chance) of every pass.

    Args:
        rate: mean chance to be dropped, in [0, 0.9].
        sharpness: how far chances follow the scores, >= 0; 0 is the fixed form.
        ema: None for the running mean of all scores; a number in (0, 1) for an exponential mean.
        at_least_one: as of `ModalityDropout`.
        granularity: as of `ModalityDropout`.
        fill: as of `ModalityDropout`.
        scale: as of `ModalityDropout`.
    """

    needs: frozenset[str] = frozenset({"features", "unimodal_logits"})

    def __init__(
        self,
        rate: float = 0.2,
        *,
        sharpness: float = 1.0,
        ema: float | None = None,
        at_least_one: bool = True,
        granularity: str = "row",
        fill: str = "zero",
        scale: str = "none",
    ) -> None:
        super().__init__(
            rate, at_least_one=at_least_one, granularity=granularity, fill=fill, scale=scale
        )
        self.sharpness = sharpness
        self.ema = ema
        self._base = require_number("AdaptiveModalityDropout rate", rate, low=0, high=_MOST)
        require_number("AdaptiveModalityDropout sharpness", sharpness, low=0)
        if ema is not None:
            require_number("AdaptiveModalityDropout ema", ema, above=0, high=1)
        self.state = {"t": 0, "s_hat": None}

    def unsuited(self, task: Task) -> str:
        """Its score is the probability of the truth."""
        reason = "its chances follow the probability of the true class, which numbers have not"
        return reason if "score" in task.lacks else ""

    def probabilities(self, passing: TrainingPass) -> Tensor:
        """The base rate, moved by the scores so far. -> (M,)"""
        if self.state["s_hat"] is None:
            return super().probabilities(passing)
        return drop_probabilities(self.state["s_hat"].double(), self._base, self.sharpness)

    def on_loss(self, step: Step) -> Tensor:
        """The objective, and the new running score."""
        score = step.scores()
        self.state["t"] += 1
        previous = score if self.state["s_hat"] is None else self.state["s_hat"].to(score)
        mean = running_score(previous, score, self.state["t"], ema=self.ema, missed=True)
        self.state["s_hat"] = mean.cpu()
        step.record("score", mean)
        step.record("drop", drop_probabilities(mean, self._base, self.sharpness))
        return step.objective_loss


def kept_modalities(
    probabilities: Tensor,
    draws: Tensor,
    *,
    at_least_one: bool = True,
    present: Tensor | None = None,
) -> Tensor:
    """Which modalities of each row are kept. (M,), (N, M + 1) -> (N, M) bool

    Args:
        probabilities: chance of each modality to be dropped, in [0, 1).
        draws: even draws in [0, 1): one a modality, and one that says which modality a row keeps
            that would lose all.
        at_least_one: whether such a row keeps one of its modalities.
        present: (N, M) bool, where some are missing anyway; a missing one is never kept.

    Raises:
        BalanceError: ``probabilities`` and ``draws`` do not fit each other.
    """
    require_tensor("probabilities", probabilities, axes="M", floating=True)
    require_tensor("draws", draws, axes="N,M", floating=True)
    fits = draws.shape[1] == len(probabilities) + 1
    require(fits, f"draws must have {len(probabilities) + 1} columns", tuple(draws.shape))
    held = torch.ones_like(draws[:, 1:], dtype=torch.bool) if present is None else present
    kept = (draws[:, :-1] >= probabilities.to(draws)) & held
    if not at_least_one:
        return kept
    place = (draws[:, -1:] * held.sum(1, keepdim=True)).floor()
    chosen = held & (held.cumsum(1) == place + 1)
    return torch.where(kept.any(1, keepdim=True), kept, chosen)


def true_drop_rates(probabilities: Tensor) -> Tensor:
    r"""Chance to be dropped where a row keeps one modality at least. (M,) -> (M,)

    .. math:: p_m - \frac{1}{M} \prod_j p_j
    """
    require_tensor("probabilities", probabilities, axes="M", floating=True)
    return probabilities - probabilities.prod() / len(probabilities)


def drop_probabilities(scores: Tensor, base: float, sharpness: float) -> Tensor:
    r"""Chance of each modality to be dropped, more for a better score; ours. (M,) -> (M,)

    .. math:: p_m = \mathrm{clip}(p + \gamma (s_m - \bar s), 0, 0.9)

    Args:
        scores: score of each modality in [0, 1]; one that is no number leaves the base.
        base: p, in [0, 0.9].
        sharpness: gamma, >= 0.

    Raises:
        BalanceError: ``scores`` is no vector of real numbers, or a number is out of range.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    require_number("base", base, low=0, high=_MOST)
    require_number("sharpness", sharpness, low=0)
    moved = base + sharpness * (scores - scores.nanmean())
    return moved.nan_to_num(base).clamp(0, _MOST)
