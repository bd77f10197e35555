r"""AUG: sustained boosting with adaptive classifier assignment.

Every modality has a classifier of its own. Whenever one lags in confidence it gets one more, which
learns most where the earlier ones are wrong, while all of them go on learning.

Jiang, Huang, Yang: rethinking multimodal learning from the perspective of mitigating classification
ability disproportion. NeurIPS 2025; https://arxiv.org/abs/2502.20120

========================  =========  ===========================================================
symbol                    shape      meaning
========================  =========  ===========================================================
:math:`g^m_j`             (N, C)     classifier j of modality m, :math:`B\,\mathrm{relu}(A^m_j
                                     u^m)`, with one B for all
:math:`F^m, F'^m`         (N, C)     the sum of all of them, and of all but the newest
:math:`p^m`               (N,)       probability of the true class in F', held fixed
:math:`s^m`               ()         mean probability of the true class in F over an epoch
========================  =========  ===========================================================

.. math::
    L = \sum_m \mathrm{CE}(F^m, y) + \mathrm{CE}(F'^m, y)
        + \overline{(1 - \lambda p^m)\,\mathrm{CE}(g^m_n, y)}

without the last two terms for a single classifier. Every so many epochs each m with :math:`\max_k
s^k - \sigma s^m > \tau` gets one more; the prediction is the mean of the F. Differences: released
classifiers are in no optimizer, so that added ones stay random (``train_added=False``); the code
steps after each modality (``alternate=True``) and compares a ratio (``test="ratio"``). The paper
has a sum over classifiers in place of p, which may exceed 1; p is the code's. It gives no rule for
three modalities, and this one, of the strongest against each, is ours, as are the bound on the
number of classifiers and equal weights of the modalities, which the code has at .4 and .6.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.moment import Moment
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task, require_labels
from equimodal.checks import (
    require,
    require_choice,
    require_flag,
    require_number,
    require_tensor,
    require_whole,
)
from equimodal.errors import BalanceError
from equimodal.methods.aug_heads import BoostedHeads
from equimodal.methods.reconboost import residual_weights
from equimodal.numerics.scores import true_class_probability, widened
from equimodal.parts.distributed import sum_over_ranks

TESTS = ("difference", "ratio")


def boosting_loss(parts: Tensor, labels: Tensor, lam: float, loss: Any = F.cross_entropy) -> Tensor:
    """Loss of a modality's classifiers: of their sum, and, of several, of all but the newest and of
    what these leave to it. (n, N, C), (N,) -> ()

    Args:
        parts: logits of each classifier, the newest last.
        labels: of the rows.
        lam: how much less a row weighs for the newest that the others know, in [0, 1].
        loss: of logits and labels, (N, C), (N,) -> ().

    Raises:
        BalanceError: no real numbers (n, N, C), or labels that are not theirs.
    """
    require_tensor("parts", parts, axes="n,N,C", floating=True)
    require_tensor("labels", labels, axes="N")
    same = parts.shape[1] == len(labels)
    require(same, "parts must have a label a row", f"{parts.shape[1]} rows, {len(labels)} labels")
    if loss is F.cross_entropy:  # a task's own loss looks at them itself
        require_labels(labels, parts.shape[2])
    whole: Tensor = loss(parts.sum(0), labels)
    if len(parts) == 1:
        return whole
    before = parts[:-1].sum(0)
    weights = residual_weights(before, labels, 1.0, lam)
    newest = weights * F.cross_entropy(widened(parts[-1]), labels, reduction="none")
    total: Tensor = whole + loss(before, labels) + newest.mean()
    return total


def lagging(scores: Tensor, tau: float, sigma: float = 1.0, test: str = "difference") -> Tensor:
    """Which modalities are behind the strongest. (M,) -> (M,) bool

    Args:
        scores: mean probability of the true class; not a number for one that nothing is known of.
        tau: what is no lag, at least 0.
        sigma: factor on the weaker score, at least 1.
        test: "difference", or "ratio" against 1 + tau.

    Raises:
        BalanceError: ``scores`` is no vector of real numbers, or a number is out of range.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    require_number("tau", tau, low=0)
    require_number("sigma", sigma, low=1)
    strongest = scores.nan_to_num(0.0).max()
    if require_choice("test", test, TESTS) == "ratio":
        return strongest > (1 + tau) * sigma * scores
    return strongest - sigma * scores > tau


class AUG(Method):
    """Give a modality that lags one more classifier, which learns what the others leave.

    Records: ``classifiers`` of each modality, at every decision.

    Args:
        lam: how much less a row weighs for the newest classifier that the earlier ones know, in
            [0, 1]; 0 is a control.
        every: epochs between two decisions; None: a tenth of the planned ones.
        tau: lead in mean probability that is none, at least 0.
        sigma: factor on the weaker score, at least 1.
        test: "difference" of scores, or their "ratio", as released.
        most: classifiers that a modality may have.
        classifiers: those of each at the start; with as many as ``most`` none is added, the other
            control.
        train_added: whether added classifiers are trained; released: no.
        alternate: whether each modality has an update of its own on every batch; released: yes.
    """

    needs = frozenset({"unimodal_logits", "features", "widths"})
    objective = "fused"
    windowed = False
    brings_heads = True

    def __init__(
        self,
        lam: float = 0.5,
        *,
        every: int | None = None,
        tau: float = 0.01,
        sigma: float = 1.0,
        test: str = "difference",
        most: int = 10,
        classifiers: int = 1,
        train_added: bool = True,
        alternate: bool = False,
    ) -> None:
        super().__init__()
        self.lam = require_number("AUG lam", lam, low=0, high=1)
        self.every = None if every is None else require_whole("AUG every", every, low=1)
        self.tau = require_number("AUG tau", tau, low=0)
        self.sigma = require_number("AUG sigma", sigma, low=1)
        self.test = require_choice("AUG test", test, TESTS)
        self.most = require_whole("AUG most", most, low=1)
        self.classifiers = require_whole("AUG classifiers", classifiers, low=1)
        self.train_added = require_flag("AUG train_added", train_added)
        self.alternate = require_flag("AUG alternate", alternate)
        if classifiers > most:
            raise BalanceError(
                f"AUG classifiers must be at most {most}, most; found {classifiers}."
            )
        if classifiers == most:
            self.refuse_set("every", "tau", "sigma", "test", why="where none can be added")
        elif every is None:
            self.needs = self.needs | {"epochs"}
        self.state = {"scores": None}
        self._heads: BoostedHeads

    def unsuited(self, task: Task) -> str:
        """Its scores are probabilities of one class."""
        lacks = "classes" in task.lacks
        return "it scores modalities by the probability of one class" if lacks else ""

    def has_stage(self, stage: str) -> bool:
        """Modalities take turns where asked for, and without decisions an epoch has no end."""
        if stage == "turn":
            return self.alternate
        return super().has_stage(stage) and (stage != "on_epoch_end" or self._grows)

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module:
        """All classifiers that there may be: an optimizer and a checkpoint know them at once."""
        self._heads = BoostedHeads(
            widths, outputs, most=self.most, count=self.classifiers, train_added=self.train_added
        )
        return self._heads

    def turn(self, moment: Moment) -> tuple[str, ...]:
        """All encoders, or one after the other."""
        names = moment.modalities.names
        return (names[moment.index % len(names)],) if self.alternate else names

    def repeats(self, modalities: int) -> int:
        """A batch is for all modalities at once, or for each."""
        return modalities if self.alternate else 1

    def on_loss(self, step: Step) -> Tensor:
        """The losses of all modalities' classifiers, or of those in turn. -> ()"""
        assert step.logits is not None
        # So that under DDP every parameter of the output has a gradient, which is zero.
        loss = 0 * step.logits.sum()
        parts = self._heads.parts(step.features)
        scores = loss.new_zeros(len(step.modalities.names), 2).to(widened(loss))
        for k, m in enumerate(step.modalities.names):
            if m not in self.turn(step) or not len(step.targets[m]):
                continue
            loss = loss + boosting_loss(parts[m], step.targets[m], self.lam, step.task.loss)
            known = true_class_probability(parts[m].detach().sum(0), step.targets[m])
            scores[k] = torch.stack([known.sum(), known.new_tensor(len(known))])
        if self._grows:
            before = self.state["scores"]
            total = sum_over_ranks(scores)
            self.state["scores"] = total if before is None else before.to(total) + total
        return loss

    def on_epoch_end(self, epoch: Epoch) -> None:
        """After so many epochs: one more classifier for those that lag."""
        sums, self.state["scores"] = self.state["scores"], None
        every = self.every or max(1, round((epoch.total_epochs or 0) / 10))
        if sums is None or (epoch.epoch_index + 1) % every:
            return
        behind = lagging(sums[:, 0] / sums[:, 1], self.tau, self.sigma, self.test)
        for m, adds in zip(epoch.modalities.names, behind.tolist(), strict=True):
            if adds and self._heads.counts[m] < self.most:
                self._heads.grow(m)
        epoch.record("classifiers", [float(self._heads.counts[m]) for m in epoch.modalities.names])

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """The mean of the modalities' sums. {m: (N, C)}, (N, C) -> (N, C)"""
        return torch.stack(list(unimodal_logits.values())).mean(0)

    @property
    def acted(self) -> bool:
        """Whether a classifier was added, where one could be."""
        return not self._grows or max(self._heads.counts.values()) > self.classifiers

    @property
    def _grows(self) -> bool:
        return self.classifiers < self.most
