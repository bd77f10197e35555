r"""MBSD: self-distillation from the dominant to the weaker modality.

Within one model and batch, the modality that knows a sample's class better teaches the other: the
prediction of the weak one is pulled to that of the strong one, sample by sample, weighted by how
much they differ.

Liu, Li, Song, Yang, Zeng: multimodal pre-training with self-distillation for product understanding
in e-commerce. WSDM 2023; https://doi.org/10.1145/3539597.3570423

=====================  =======  ============================================================
symbol                 shape    meaning
=====================  =======  ============================================================
:math:`p^m`            (N, C)   softmax of the modality's own logits
:math:`t^m`            (N,)     its probability of the true class
:math:`w^{jk}`         (N,)     :math:`|t^j - t^k|` where one of the two is right, else 0
=====================  =======  ============================================================

.. math::
    L = L_\mathrm{fused} + \sum_m L^m
        + \frac{\lambda_\mathrm{KL}}{P} \sum_{j<k} \overline{w\,\mathrm{KL}(p^s \Vert p^r)}
        + \frac{\lambda_\mathrm{RS}}{P} \sum_{j<k} \overline{\tfrac{w}{C} \lVert p^s - p^r \rVert^2}

with the strong side s and w held fixed, r the weak one, P pairs. The paper's formulas were not
available to us, no code of the authors is known, and the name is that of its pre-trained model:
this form is ours. ``variant="port"`` is a known port's, whose strong side moves towards the weak
one and whose divergence is negative; choose it only to compare with its numbers.
"""

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task, require_labels
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.numerics.scores import widened

SPACES = ("probabilities", "logits")


def teaching_weights(one: Tensor, other: Tensor, labels: Tensor) -> Tensor:
    """How much one modality has to teach the other, sample by sample: the gap of their
    probabilities of the true class, where one is right. (N, C), (N, C), (N,) -> (N,), in [0, 1]

    Raises:
        BalanceError: logits are no floating-point tensors (N, C).
    """
    require_tensor("one", one, axes="N,C", floating=True)
    require_tensor("other", other, axes="N,C", floating=True)
    require_tensor("labels", labels, axes="N")
    require(
        one.shape == other.shape and len(labels) == len(one),
        "Predictions must be of one shape, with a label a row",
        (tuple(one.shape), tuple(other.shape), len(labels)),
    )
    require_labels(labels, one.shape[1])
    chances = [widened(z).softmax(1).gather(1, labels[:, None]).squeeze(1) for z in (one, other)]
    right = (one.argmax(1) == labels) | (other.argmax(1) == labels)
    return (chances[0] - chances[1]).abs() * right


class MBSD(Method):
    """Pull the weak modality's prediction of each sample to the strong one's.

    Args:
        lam_kl: weight of the divergence of the predictions.
        lam_rs: weight of the squared distance.
        space: of the squared distance: "probabilities" or "logits".
        variant: "reference", ours; "port", a known port's terms.
        weighting: "gap", by how much the two differ; "one", the same for every sample: the control.
    """

    needs = frozenset({"unimodal_logits"})
    objective = "fused+unimodal"

    def __init__(
        self,
        lam_kl: float = 1.0,
        lam_rs: float = 1.0,
        *,
        space: str = "probabilities",
        variant: str = "reference",
        weighting: str = "gap",
    ) -> None:
        super().__init__()
        self.lam_kl = require_number("MBSD lam_kl", lam_kl, low=0)
        self.lam_rs = require_number("MBSD lam_rs", lam_rs, low=0)
        self.space = require_choice("MBSD space", space, SPACES)
        self.variant = require_choice("MBSD variant", variant, ("reference", "port"))
        self.weighting = require_choice("MBSD weighting", weighting, ("gap", "one"))
        if variant == "port":
            self.refuse_set("space", why="with variant='port', which sets it by the modalities")

    def unsuited(self, task: Task) -> str:
        """What a modality knows is its probability of one class."""
        return "it compares probabilities of one class" if "classes" in task.lacks else ""

    def on_loss(self, step: Step) -> Tensor:
        """All losses, and the distillation of every pair."""
        two = len(step.modalities.names) == 2  # where the port has distances of logits
        terms = [self._distilled(z, u, y, two) for _, _, z, u, y in step.pairs()]
        if not terms:
            return step.objective_loss
        divergence, distance = torch.stack(terms).mean(0).unbind()
        return step.objective_loss + self.lam_kl * divergence + self.lam_rs * distance

    def _distilled(self, one: Tensor, other: Tensor, labels: Tensor, two: bool) -> Tensor:
        """Weighted divergence and squared distance of a pair, means over its rows. -> (2,)"""
        one, other = widened(one), widened(other)
        weights = teaching_weights(one, other, labels)
        if self.weighting == "one":
            weights = torch.ones_like(weights)
        logp = torch.stack([one.log_softmax(1), other.log_softmax(1)])
        own = logp.gather(2, labels[None, :, None].expand(2, -1, 1)).squeeze(2)
        strong = (own[1] > own[0]).long()  # the first on a tie
        rows = torch.arange(len(labels), device=labels.device)
        if self.variant == "port":
            return self._ported(torch.stack([one, other]), logp, own, weights, two)
        weights = weights.detach()
        teacher, pupil = logp[strong, rows].detach(), logp[1 - strong, rows]
        divergence = (teacher.exp() * (teacher - pupil)).sum(1)
        if self.space == "logits":
            raw = torch.stack([one, other])
            gap = raw[strong, rows].detach() - raw[1 - strong, rows]
        else:
            gap = teacher.exp() - pupil.exp()
        distance = gap.square().mean(1)
        return torch.stack([(weights * divergence).mean(), (weights * distance).mean()])

    def _ported(
        self, raw: Tensor, logp: Tensor, own: Tensor, weights: Tensor, on_logits: bool
    ) -> Tensor:
        """The port's terms, which carry gradient on every side. -> (2,)"""
        weak, strong = own.min(0).values.exp(), own.max(0).values.exp()
        gap = raw[0] - raw[1] if on_logits else logp[0].exp() - logp[1].exp()
        divergence = weak * (weak.log() - strong)
        distance = gap.square().mean(1)
        return torch.stack([(weights * divergence).mean(), (weights * distance).mean()])
