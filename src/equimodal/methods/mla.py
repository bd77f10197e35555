r"""MLA: alternating unimodal adaptation.

Every batch is used for one update a modality, one after the other, each on its own loss through a
head that all share. The gradient of that head is projected so that an update for one modality
disturbs least what the head does with features seen before; predictions are mixed by confidence.

Zhang, Yoon, Bansal, Yao: multimodal representation learning by alternating unimodal adaptation.
CVPR 2024; https://arxiv.org/abs/2311.10707

===================  =========  ================================================================
symbol               shape      meaning
===================  =========  ================================================================
:math:`f^m`          (N, D)     features, of one width for all modalities
:math:`o^m`          (N, C)     logits of the shared head :math:`W f^m + b`
:math:`P`            (D, D)     projection of the head's gradient, one for all; at first I
:math:`r`            (D,)       mean features of the update that was made last
:math:`e^m_i`        (N,)       entropy of :math:`\mathrm{softmax}(o^m_i)`, nats
===================  =========  ================================================================

.. math::
    \nabla_W L^m \leftarrow \nabla_W L^m P, \qquad
    P \leftarrow P - \frac{P r (P r)^\top}{\alpha + r^\top P r}, \qquad
    z_i = \sum_m \frac{e^{-e^m_i}}{\sum_k e^{-e^k_i}} o^m_i

Differences: the released code never projects, as it looks for the head under another name, and
would divide element by element where the recursion divides by a number. It takes the current
modality's features into P before it projects that modality's gradient (``projection="current"``);
here those before it, as recursive least squares does, and the paper's first matrix is not told
(``"previous"``, ours). The bare recursion drains the head: ``scale="rms"``, ours, keeps the mean
square eigenvalue at 1; the code divides by the norm (``"frobenius"``), which makes the head's rate
about :math:`D^{-1/2}` of the others'. The code's entropy is one number a batch; here it is one a
sample, as in the paper.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.moment import Moment
from equimodal.balancing.readouts.shared_head import SharedHead
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_flag, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.mixing import confidence_weights, weighted_sum
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks

PROJECTIONS = ("previous", "current", "none")
SCALES = ("rms", "frobenius", "none")


def next_projection(projection: Tensor, mean: Tensor, alpha: float, scale: str = "rms") -> Tensor:
    """The projection that also spares the direction of ``mean``. (D, D), (D,) -> (D, D)

    Args:
        projection: P, symmetric and positive semi-definite.
        mean: r, mean features.
        alpha: above 0; the smaller, the less of the direction is left.
        scale: "rms": the mean square eigenvalue is 1 afterwards; "frobenius": the sum of their
            squares is; "none".

    Raises:
        BalanceError: another shape or kind.
    """
    require_tensor("projection", projection, axes="D,D", floating=True)
    require_tensor("mean", mean, axes="D", floating=True)
    square = projection.shape == (len(mean), len(mean))
    require(square, "projection must be (D, D) for D means", tuple(projection.shape))
    require_number("alpha", alpha, above=0)
    require_choice("scale", scale, SCALES)
    spared = projection @ mean
    found: Tensor = projection - torch.outer(spared, spared) / (alpha + mean @ spared)
    size = found.norm().clamp_min(torch.finfo(found.dtype).tiny)
    if scale == "none":
        return found
    wanted = len(mean) ** 0.5 if scale == "rms" else 1.0
    scaled: Tensor = found * (wanted / size)
    return scaled


class MLA(Method):
    """Train the encoders in turn, each on its own loss through one head.

    Args:
        projection: of the head's gradient: by the features of the updates before, "previous"; also
            by those of this one, "current", as released; or "none", the control.
        scale: of the projection after each update: "rms", "frobenius", as released, or "none".
        alpha: how much of a direction is left, above 0, at the beginning of an epoch; released:
            0.1.
        decay: whether alpha falls to its tenth over each epoch, as released; in the first, whose
            length is not known yet, it does not.
        fusion: how predictions are mixed: by "entropy", as in the paper, or "uniform".
    """

    needs = frozenset({"unimodal_logits", "features", "shared_head"})
    objective = "fused"
    windowed = False

    def __init__(
        self,
        projection: str = "previous",
        *,
        scale: str = "rms",
        alpha: float = 0.1,
        decay: bool = True,
        fusion: str = "entropy",
    ) -> None:
        super().__init__()
        self.projection = require_choice("MLA projection", projection, PROJECTIONS)
        self.scale = require_choice("MLA scale", scale, SCALES)
        self.alpha = require_number("MLA alpha", alpha, above=0)
        self.decay = require_flag("MLA decay", decay)
        self.fusion = require_choice("MLA fusion", fusion, ("entropy", "uniform"))
        if projection == "none":
            self.refuse_set("scale", "alpha", "decay", why='with projection="none"')
        self.rewrites = projection != "none"
        self.state = {"projection": None, "begun": None, "length": None}

    def unsuited(self, task: Task) -> str:
        """Its predictions are mixed by the entropy of classes."""
        return "it mixes distributions over one class" if "classes" in task.lacks else ""

    def has_stage(self, stage: str) -> bool:
        """Without a projection gradients are left alone."""
        return super().has_stage(stage) and (stage != "on_gradients" or self.rewrites)

    def turn(self, moment: Moment) -> tuple[str, ...]:
        """One modality after the other."""
        names = moment.modalities.names
        return (names[moment.index % len(names)],)

    def repeats(self, modalities: int) -> int:
        """Every batch is for each modality once."""
        return modalities

    def on_epoch_start(self, epoch: Epoch) -> None:
        """How long the epoch before was."""
        begun = self.state["begun"]
        if begun is not None:
            self.state["length"] = epoch.index - begun
        self.state["begun"] = epoch.index

    def on_loss(self, step: Step) -> Tensor:
        """The loss of the modality whose turn it is; 0 where no row has it. -> ()"""
        if self.projection != "none":
            _linear(step)
        (m,) = self.turn(step)
        logits = step.unimodal_logits[m]
        return step.task.loss(logits, step.targets[m]) if len(logits) else logits.sum()

    def on_gradients(self, step: Step) -> None:
        """Project the head's gradient, and take the features of this update into the projection."""
        weight, (m,) = _linear(step).weight, self.turn(step)
        if m not in step.features:
            return
        rows = widened(step.features[m]).flatten(0, -2)
        before = self.state["projection"]
        first = before is None
        if first:
            before = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
        before = before.to(rows)
        after = self._after(step, before, rows)
        if weight.grad is not None:
            used = after if self.projection == "current" else before
            if not first or self.projection == "current":
                weight.grad.copy_(weight.grad.to(used.dtype) @ used)
            after = torch.where(weight.grad.isfinite().all(), after, before)
        self.state["projection"] = after

    def _after(self, step: Step, before: Tensor, rows: Tensor) -> Tensor:
        """The projection with the features of all ranks taken in; as before without a row."""
        sums = sum_over_ranks(torch.cat([rows.sum(0), rows.new_tensor([len(rows)])]))
        mean, count = sums[:-1] / sums[-1].clamp_min(1), sums[-1]
        after = next_projection(before, mean, self._alpha(step), self.scale)
        return torch.where(count > 0, after, before)

    def _alpha(self, step: Step) -> float:
        """Of the batch: it falls to a tenth over an epoch whose length is known."""
        length = self.state["length"]
        if not self.decay or not length:
            return self.alpha
        count = len(step.modalities.names)
        done = (step.index - self.state["begun"]) // count / (length / count)
        return float(self.alpha * 0.1 ** min(done, 1.0))

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """Own logits mixed by confidence, row by row. {m: (N, C)}, (N, C) -> (N, C)"""
        own = torch.stack(list(unimodal_logits.values()))
        if self.fusion == "uniform":
            return own.mean(0)
        return weighted_sum(own, confidence_weights(own))


def _linear(step: Step) -> nn.Linear:
    """The shared head. Raises BalanceError where it has no weight to project the gradient of."""
    assert isinstance(step.readout, SharedHead)
    head = step.readout.module(step.modalities)
    if not isinstance(head, nn.Linear):
        raise BalanceError(
            f"MLA projects the gradient of a linear head; found {type(head).__name__} in "
            f'{step.readout.title}. Name an nn.Linear, or leave it out: MLA(projection="none").'
        )
    return head
