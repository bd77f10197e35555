r"""LFM: dynamically learning the modality gap.

Fitting labels is what opens the gap between modalities, so training starts by matching their
predictions to each other and moves its weight over to classification, epoch by epoch.

Yang, Wan, Jiang, Xu: facilitating multimodal classification via dynamically learning modality gap.
NeurIPS 2024; https://openreview.net/forum?id=QbsPz0SnyV

====================  ======  ==================================================================
symbol                shape   meaning
====================  ======  ==================================================================
:math:`p^m`           (N, C)  softmax of the modality's own logits
:math:`\alpha_t`      ()      weight of matching in epoch t = 1, 2, ..., which falls
====================  ======  ==================================================================

.. math::
    L = s\,[(1 - \alpha_t) L_\mathrm{cls} + \alpha_t L_\mathrm{mat}], \qquad \alpha_t = 1 - e^{-1/t}

    L_\mathrm{mat} = \tfrac{1}{2} \overline{\mathrm{KL}(\mu \Vert p) + \mathrm{KL}(\mu \Vert q)},
    \quad \mu = \tfrac{1}{2}(p + q)

mean over the pairs of modalities. The arguments are the reverse of the Jensen-Shannon divergence,
as released: it is unbounded. The learned weight descends, once an epoch, the held-out loss F of
classes after one step of SGD from here:

.. math::
    \alpha \leftarrow \mathrm{clip}(\alpha - \eta\,s, .05, .95), \qquad
    s = -\cos(\nabla F, \nabla L_\mathrm{mat} - \nabla L_\mathrm{cls})

Differences: the release has no fused head and classifies by the mean of the unimodal logits
(``classify="mean"``), with s = 2 (``scale=2``); its polynomial for 200 epochs of one data set is
``schedule="fitted"``, stretched to the planned epochs, and 0 where it falls below, to -.01. That
the paper's formula is the weight of matching is inferred from the released schedule. The learned
rule, what the paper calls bi-level optimisation, is ours: the release takes the mean entry of a
Hessian's product at the first parameter tensor, which is the derivative of nothing in alpha. The
paper's contrastive loss is not here.
"""

import math

import torch
from torch import Tensor

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require_choice, require_number
from equimodal.errors import BalanceError
from equimodal.methods.lfm_learned import LIMITS, epoch_gradients, matching_slope
from equimodal.numerics.mixing import log_middle

_FITTED = (
    2.04623704e-1, 3.35472727e-3, 1.22989557e-4, -2.92947416e-6, 2.23835486e-8, -5.39717505e-11,
)  # fmt: skip
_FITTED_EPOCHS = 200


def alignment(one: Tensor, other: Tensor) -> Tensor:
    """How far two predictions are from their mean, a mean over the samples. (N, C), (N, C) -> ()

    Raises:
        BalanceError: logits that are not of the same samples and classes.
    """
    logp, logq, middle = log_middle(one, other)
    return (middle.exp() * (middle - (logp + logq) / 2)).sum(1).mean()


def matching_weight(epoch: int, schedule: str = "heuristic", epochs: int | None = None) -> float:
    """Weight of matching in an epoch, counted from 1. -> in [0, 1)

    Args:
        epoch: from 1.
        schedule: "heuristic", or the released "fitted" polynomial, which takes the planned epochs.
        epochs: planned epochs.

    Raises:
        BalanceError: another schedule, an epoch below 1, or no planned epochs for "fitted".
    """
    require_choice("schedule", schedule, ("heuristic", "fitted"))
    require_number("epoch", epoch, low=1, whole=True)
    if schedule == "heuristic":
        return 1 - math.exp(-1 / epoch)
    if epochs is None:
        raise BalanceError("The fitted schedule needs the planned epochs; found none.")
    place = min(_FITTED_EPOCHS * (epoch - 1) / epochs, _FITTED_EPOCHS - 1)
    return max(0.0, 1 - sum(c * place**k for k, c in enumerate(_FITTED)))


class LFM(Method):
    """Begin by matching the modalities' predictions to each other, end by classification.

    Args:
        schedule: of the weight of matching: "heuristic", 1 - exp(-1/t); "fitted", the released
            polynomial; "learned", from held-out data, a step an epoch; "fixed", the control.
        weight: of matching in every epoch, with schedule="fixed", in [0, 1].
        classify: by the "fused" logits, or the "mean" of the unimodal ones, as released.
        scale: factor on the whole loss; released: 2.
        initial: weight in the first epoch, with schedule="learned", from .05 to .95; released.
        rate: step of the learned weight, whose slope is a cosine, > 0; ours.
        share: of the training and of the held-out batches that a step reads, in (0, 1]; ours.
        look_ahead: learning rate of the step of SGD at whose end the held-out gradient is taken;
            0, the default, takes it here, to first order.
    """

    needs = frozenset({"unimodal_logits"})
    objective = "fused+unimodal"

    def __init__(
        self,
        schedule: str = "heuristic",
        *,
        weight: float = 0.5,
        classify: str = "fused",
        scale: float = 1.0,
        initial: float = 0.95,
        rate: float = 0.05,
        share: float = 0.1,
        look_ahead: float = 0.0,
    ) -> None:
        super().__init__()
        schedules = ("heuristic", "fitted", "learned", "fixed")
        self.schedule = require_choice("LFM schedule", schedule, schedules)
        self.weight = require_number("LFM weight", weight, low=0, high=1)
        self.classify = require_choice("LFM classify", classify, ("fused", "mean"))
        self.scale = require_number("LFM scale", scale, above=0)
        if schedule != "fixed":
            self.refuse_set("weight", why="but with schedule='fixed'")
        if schedule == "fitted":
            self.needs = self.needs | {"epochs"}
        low, high = LIMITS
        self.initial = require_number("LFM initial", initial, low=low, high=high)
        self.rate = require_number("LFM rate", rate, above=0)
        self.share = require_number("LFM share", share, above=0, high=1)
        self.look_ahead = require_number("LFM look_ahead", look_ahead, low=0)
        if schedule == "learned":
            self.needs = self.needs | {"train_loader", "val_loader"}
            self.state, self.single_losses = {"weight": self.initial}, True
        else:
            why = "but with schedule='learned'"
            self.refuse_set("initial", "rate", "share", "look_ahead", why=why)

    def unsuited(self, task: Task) -> str:
        """Predictions are matched as distributions over classes."""
        return "it matches distributions over one class" if "classes" in task.lacks else ""

    def on_loss(self, step: Step) -> Tensor:
        """Matching and classification at the weights of the epoch."""
        share = self._share(step)
        matching, classes = self._losses(step)
        return self.scale * ((1 - share) * classes + share * matching)

    def on_epoch_end(self, epoch: Epoch) -> None:
        """A step of the learned weight."""
        if self.schedule != "learned":
            return
        weight = self.state["weight"]
        found = epoch_gradients(epoch, self._losses, weight, self.share, self.look_ahead)
        slope = float(matching_slope(*found))
        low, high = LIMITS
        self.state = {"weight": min(max(weight - self.rate * slope, low), high)}
        epoch.record("matching", [self.state["weight"]] * len(epoch.modalities.names))

    def _share(self, step: Step) -> float:
        if self.schedule == "learned":
            return float(self.state["weight"])
        if self.schedule == "fixed":
            return self.weight
        return matching_weight(step.epoch_index + 1, self.schedule, step.total_epochs)

    def _losses(self, step: Step) -> tuple[Tensor, Tensor]:
        """Matching, the mean over the pairs, and classification. -> (), ()"""
        pairs = [alignment(z, u) for _, _, z, u, _ in step.pairs()]
        classes = self._classification(step)
        return torch.stack(pairs).mean() if pairs else torch.zeros_like(classes), classes

    def _classification(self, step: Step) -> Tensor:
        """The loss of the fused logits, or of the mean of those that a row has. -> ()"""
        if self.classify == "fused":
            return step.fused_loss
        assert step.target is not None and step.logits is not None
        total = torch.zeros_like(step.logits)
        for k, m in enumerate(step.modalities.names):
            own = step.unimodal_logits[m].to(total.dtype)
            rows = step.present()[:, k].nonzero()[:, 0] if step.rows is not None else None
            total = total + own if rows is None else total.index_add(0, rows, own)
        mean = total / step.present().sum(1, keepdim=True)
        return step.task.loss(mean, step.target)
