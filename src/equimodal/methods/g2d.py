r"""G2D: features and predictions of teachers, and the encoder with the surer teacher waits.

The fused model learns from a frozen teacher of each modality, its features and its logits. For the
first part of the training encoders whose teacher is surer get no gradient, so that the weakest
leads.

Rakib, Bagavathi: G2D: boosting multimodal learning with gradient-guided distillation. ICCV 2025;
https://arxiv.org/abs/2506.21514

================  ============  =============================================================
symbol            name here     shape and meaning
================  ============  =============================================================
:math:`z^m, t^m`                (N, D_m) features of encoder m, and of its teacher
:math:`o, k^m`                  (N, C) fused logits, and those of teacher m
:math:`\rho^m`    ``sureness``  (M,) mean probability of the true class in teacher m's logits
================  ============  =============================================================

Written from the released code, which has two modalities; for more, all but the weakest wait, which
is ours. ``docs/methods/g2d.md`` says what else differs.
"""

import torch
from torch import Tensor
from torch.nn import functional

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.balancing.windows import Window
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.methods.umt import feature_distance, require_width
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.modalities import ModalityMap

_SURENESS = "sureness"


class G2D(Method):
    r"""Learn from a teacher of each modality, and let the weakest modality lead.

    .. math:: L + \sum_m \Big[ w_l T^2\, \mathrm{KL}\big(\mathrm{softmax}(k^m / T) \,\|\,
        \mathrm{softmax}(o / T)\big) + w_f\, \mathrm{mean}\,(z^m - t^m)^2 \Big]

    means over the rows in which the modality is present. In the first ``until`` of the training
    every encoder but that of the least sure teacher has its gradients multiplied by 0; encoders
    whose teachers are equally sure all learn. Sureness is that of an update, over all ranks.

    Records: ``sureness`` and ``gate`` (1 for an encoder that learns) of every update with a gate.

    Args:
        logits: weight of the distillation of logits, >= 0; released: 1.
        features: weight of the distillation of features, >= 0; released: 1.
        temperature: T, > 0; released: 1.
        until: share of the training with the gate, in [0, 1]; released: 0.5. 0 for none; above 0
            the planned epochs must be known.
        scope: what the gate stops: "all" parameters of an encoder; "conv", its convolutions alone,
            as released.

    Raises:
        BalanceError: an argument out of range, or a teacher without a head or of another width.

    Example::

        teachers = {"audio": (audio_encoder, audio_head), "video": (video_encoder, video_head)}
        Balancer(model, G2D(), encoders, teachers=teachers, epochs=100)
    """

    needs: frozenset[str] = frozenset({"features", "teachers"})

    def __init__(
        self,
        logits: float = 1.0,
        features: float = 1.0,
        *,
        temperature: float = 1.0,
        until: float = 0.5,
        scope: str = "all",
    ) -> None:
        super().__init__()
        self.logits = require_number("G2D logits", logits, low=0)
        self.features = require_number("G2D features", features, low=0)
        self.temperature = require_number("G2D temperature", temperature, above=0)
        self.until = require_number("G2D until", until, low=0, high=1)
        self.scope = require_choice("G2D scope", scope, ("all", "conv"))
        if logits == 0:
            self.refuse_set("temperature", why="with logits=0")
        if until == 0:
            self.refuse_set("scope", why="with until=0")
        self._gating = Window(end=until) if until else None
        if self._gating is not None and self._gating.needs_epochs:
            self.needs = self.needs | {"epochs"}

    def unsuited(self, task: Task) -> str:
        """It compares predictions of classes, and sureness is of one class a sample."""
        if "classes" in task.lacks and (self.logits or self.until):
            return "its teachers predict one class a sample"
        return ""

    def on_start(self, modalities: ModalityMap) -> None:
        """Look for what the gate stops, and for the teachers' heads."""
        assert modalities.teachers is not None
        without = modalities.teachers.lacking_heads()
        if without and (self.logits or self.until):
            raise BalanceError(
                f"G2D reads the logits of its teachers; found none of {without}. Give each as a "
                "pair, teachers={'audio': (encoder, head), ...}, or write logits=0, until=0."
            )
        if self.until:
            found = [p for m in modalities.names for p in modalities.selected(m, self.scope)]
            require(bool(found), f"G2D(scope={self.scope!r}) must find some in an encoder", 0)

    def edits_gradients(self) -> bool:
        """Whether it has a gate."""
        return bool(self.until)

    def on_loss(self, step: Step) -> Tensor:
        """The objective, and what is learned from the teachers."""
        if step.logits is not None:
            # Two losses read them: in half precision their gradients would be rounded one by one.
            step.logits = widened(step.logits)
        loss, sureness = step.objective_loss, []
        for m in step.modalities.names:
            if m not in step.outputs or not len(step.targets[m]):
                sureness.append(loss.new_zeros(2))
                continue
            taught, logits = step.taught(m)
            if self.features:
                require_width(m, step.features[m], taught)
                loss = loss + self.features * feature_distance(step.features[m], taught)
            if logits is not None and self.logits:
                loss = loss + self.logits * self._of_logits(step, m, logits)
            if logits is not None and self.until:
                score = step.task.score(logits, step.targets[m])
                sureness.append(step.task.summed(score, logits, step.targets[m]))
        if self.until:
            step.drawn[_SURENESS] = torch.stack(sureness).detach()
        return loss

    def _of_logits(self, step: Step, modality: str, taught: Tensor) -> Tensor:
        """Divergence of the fused logits from a teacher's, where the modality is present. -> ()"""
        if step.logits is None:
            raise BalanceError(
                "G2D holds the fused logits against its teachers'; found unpaired batches. Give "
                "paired ones, or write logits=0."
            )
        fused = step.of_present({modality: step.logits})[modality]
        return distilled(fused, taught, self.temperature)

    def on_gradients(self, step: Step) -> None:
        """Stop the encoders that wait."""
        gating = self._gating
        if gating is None or not gating.holds(step.epoch_index, step.total_epochs):
            return
        sums, rows = sum_over_ranks(sum(d[_SURENESS] for d in step.every_drawn)).unbind(1)
        sureness = sums / rows
        gate = open_gates(sureness)
        step.record(_SURENESS, sureness)
        step.record("gate", gate)
        step.scale(dict(zip(step.modalities.names, gate.unbind(), strict=True)), self.scope)


def distilled(logits: Tensor, taught: Tensor, temperature: float = 1.0) -> Tensor:
    r"""Divergence of a prediction from a teacher's, a mean over rows, in nats. -> ()

    .. math:: T^2\, \mathrm{KL}(\mathrm{softmax}(k / T) \,\|\, \mathrm{softmax}(o / T))

    (N, C), (N, C), in single precision at least.

    Raises:
        BalanceError: logits that are not of the same samples and classes, or no temperature.
    """
    require_tensor("logits", logits, axes="N,C", floating=True)
    require_tensor("taught", taught, axes="N,C", floating=True)
    same = logits.shape == taught.shape
    require(same, "The teacher's logits must be of the same samples and classes",
            tuple(taught.shape))  # fmt: skip
    require_number("temperature", temperature, above=0)
    own, other = ((widened(z) / temperature).log_softmax(1) for z in (logits, taught))
    each = functional.kl_div(own, other, reduction="batchmean", log_target=True)
    return temperature**2 * each


def open_gates(sureness: Tensor) -> Tensor:
    """1 for the encoder of the least sure teacher and its equals, else 0. (M,) -> (M,)

    One whose sureness is no number, as of a modality without a row, is 1.

    Raises:
        BalanceError: ``sureness`` is no vector of real numbers.
    """
    require_tensor("sureness", sureness, axes="M", floating=True)
    known = torch.where(sureness.isnan(), torch.inf, sureness)
    return (sureness.isnan() | (known <= known.min())).to(sureness.dtype)
