r"""QMF: quality-aware multimodal fusion.

Late fusion whose weights are each prediction's own confidence, row by row; a ranking loss lets
confidence follow how hard a row has been for the modality so far. One number is kept for every
training row and modality.

Zhang, Wu, Zhang, Hu, Fu, Zhou, Peng: provable dynamic fusion for low-quality multimodal data. ICML
2023; https://arxiv.org/abs/2306.02050

===================  ============  =============================================================
symbol               shape         meaning
===================  ============  =============================================================
:math:`o^m`          (N, C)        logits of a head of each modality
:math:`c^m`          (N,)          confidence, :math:`\tfrac{1}{10} \log \sum_c e^{o^m_c}`
:math:`H^m`          (n,)          summed losses of each training row, 0 at first
:math:`\kappa^m`     (N,)          H of the batch's rows, from 0 to 1 over the training set
===================  ============  =============================================================

.. math::
    z = \sum_m c^m o^m, \qquad
    R^m = \overline{\max(0, t_i (c^m_i - c^m_{i+1}) - |\kappa^m_i - \kappa^m_{i+1}|)}, \quad
    t_i = \mathrm{sign}(\kappa^m_i - \kappa^m_{i+1}),

    L = \mathrm{CE}(z, y) + \sum_m \mathrm{CE}(o^m, y) + \beta \sum_m R^m

over pairs of neighbours in the batch, the last and the first included. Differences: the released
margin tolerates a harder row that is the more confident by less than the difference in hardness; a
margin proper would ask for that much the other way (``margin="strict"``, ours). Where no loss
differs yet the code divides 0 by 0; here hardness is 0. c is held fixed in z, as in the code for
text and images (``through=True``: as in that for depth). The paper's text was not available to us.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.moment import ITEMS
from equimodal.balancing.readouts import AuxiliaryHeads
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_flag, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.blanking import spread_rows
from equimodal.numerics.mixing import weighted_sum
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks

_TEMPERATURE = 10
MARGINS, WEIGHTS = ("tolerance", "strict"), ("confidence", "uniform")


def energy_confidence(logits: Tensor) -> Tensor:
    """A tenth of the logarithm of the summed exponentials of a row. (..., C) -> (...)

    It is negative where all logits of a row are well below 0.

    Raises:
        BalanceError: ``logits`` is no floating-point tensor (N, C) or with more axes.
    """
    require_tensor("logits", logits, axes="N,C,...", floating=True)
    return widened(logits).logsumexp(-1) / _TEMPERATURE


def row_hardness(history: Tensor, items: Tensor) -> Tensor:
    """Summed losses of some rows, from 0, the least of all rows, to 1. (n,), (N,) -> (N,)

    Args:
        history: of all rows; 0 for each where they are equal.
        items: numbers of the rows asked for.

    Raises:
        BalanceError: no vectors of numbers and of whole numbers.
    """
    require_tensor("history", history, axes="n", floating=True)
    require_tensor("items", items, axes="N")
    low, high = history.min(), history.max()
    return (history[items] - low) / torch.where(high > low, high - low, 1)


def ranking_loss(confidences: Tensor, hardness: Tensor, margin: str = "tolerance") -> Tensor:
    """How far confidences are from the order of hardness, mean over neighbours. (N,), (N,) -> ()

    Args:
        confidences: of the rows of a batch, one at least.
        hardness: of the same rows; it has no gradient.
        margin: "tolerance": the harder of two may be ahead by the difference; "strict": it must
            be behind by that much.

    Raises:
        BalanceError: no vectors of the same rows, or another margin.
    """
    require_tensor("confidences", confidences, axes="N", floating=True)
    require_tensor("hardness", hardness, axes="N", floating=True)
    same = len(confidences) == len(hardness) > 0
    require(same, "There must be a hardness for each confidence",
            (len(confidences), len(hardness)))  # fmt: skip
    require_choice("margin", margin, MARGINS)
    harder = (hardness - hardness.roll(-1)).detach()
    ahead = harder.sign() * (confidences - confidences.roll(-1))
    slack = -harder.abs() if margin == "tolerance" else harder.abs()
    found: Tensor = ((ahead + slack).clamp_min(0) * (harder != 0)).mean()
    return found


class QMF(Method):
    """Weigh each modality's logits by their confidence, which is to follow hardness so far.

    Records: ``confidence``, the mean over the rows of a batch.

    Args:
        beta: weight of the ranking loss, at least 0; released: 1. 0 is a control.
        margin: "tolerance", as released, or "strict".
        weights: by "confidence", or "uniform", 1 each, the other control.
        through: whether the loss of the fused logits also trains the weights.
    """

    needs = frozenset({"unimodal_logits", "features", "widths"})
    objective = "fused+unimodal"
    per_forward = True
    windowed = False
    brings_heads = True
    follows_items = True

    def __init__(
        self,
        beta: float = 1.0,
        *,
        margin: str = "tolerance",
        weights: str = "confidence",
        through: bool = False,
    ) -> None:
        super().__init__()
        self.beta = require_number("QMF beta", beta, low=0)
        self.margin = require_choice("QMF margin", margin, MARGINS)
        self.weights = require_choice("QMF weights", weights, WEIGHTS)
        self.through = require_flag("QMF through", through)
        if beta == 0:
            self.refuse_set("margin", why="with beta=0")
            self.follows_items = False
        if weights == "uniform":
            self.refuse_set("through", why="with weights='uniform'")
        self.state = {"history": None}

    def unsuited(self, task: Task) -> str:
        """Confidence is of logits of classes."""
        return "its confidence is of logits of one class" if "classes" in task.lacks else ""

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module:
        """A linear head for each modality."""
        return AuxiliaryHeads(widths, outputs, attached=True)

    def on_epoch_start(self, epoch: Epoch) -> None:
        """At the first: no row has been hard for a modality. Raises BalanceError at other rows."""
        history = self.state["history"]
        if not self.follows_items or epoch.rows is None:
            return
        if history is None:
            self.state["history"] = torch.zeros(len(epoch.modalities.names), epoch.rows)
        elif history.shape[1] != epoch.rows:
            raise BalanceError(
                f"QMF keeps the losses of each of {history.shape[1]} rows, and the data set of "
                f"batches() now has {epoch.rows}: give it the same rows in every epoch."
            )

    def on_loss(self, step: Step) -> Tensor:
        """The loss of the weighted sum, of each modality, and of the ranking. -> ()"""
        assert step.target is not None and step.logits is not None
        own = {m: widened(z) for m, z in step.unimodal_logits.items()}
        sure = {m: energy_confidence(z) for m, z in own.items()}
        counts = [torch.stack([c.detach().sum(), c.new_tensor(len(c))]) for c in sure.values()]
        total, rows = sum_over_ranks(torch.stack(counts)).unbind(1)
        step.record("confidence", total / rows)
        spread = spread_rows(
            {m: self._weighed(z, sure[m]) for m, z in own.items()}, step.rows, len(step.target)
        )
        loss = step.task.loss(torch.stack(list(spread.values())).sum(0), step.target)
        loss = loss + torch.stack(list(step.unimodal_losses.values())).sum()
        if self.beta:
            loss = loss + self.beta * self._ranking(step, own, sure)
        # So that under DDP every parameter of the output has a gradient, which is zero.
        return loss + 0 * step.logits.sum()

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """Own logits, weighed and summed. {m: (N, C)}, (N, C) -> (N, C)"""
        own = torch.stack(list(unimodal_logits.values()))
        if self.weights == "uniform":
            return own.sum(0)
        return weighted_sum(own, energy_confidence(own))

    def _weighed(self, own: Tensor, sure: Tensor) -> Tensor:
        if self.weights == "uniform":
            return own
        return (sure if self.through else sure.detach())[:, None] * own

    def _ranking(self, step: Step, own: Mapping[str, Tensor], sure: Mapping[str, Tensor]) -> Tensor:
        """The ranking losses of all modalities, of hardness with this batch taken in. -> ()"""
        first = next(iter(own.values()))
        history = self.state["history"].to(first)
        held = step.of_present(dict.fromkeys(own, step.drawn[ITEMS].to(history.device)))
        added = torch.zeros_like(history)
        for k, (m, logits) in enumerate(own.items()):
            added[k].index_add_(0, held[m], step.task.log_loss(logits, step.targets[m]).detach())
        history = self.state["history"] = history + sum_over_ranks(added)
        losses = [
            ranking_loss(sure[m], row_hardness(history[k], held[m]), self.margin)
            for k, m in enumerate(own) if len(held[m])
        ]  # fmt: skip
        return torch.stack(losses).sum()
