r"""CGGM: the encoder whose own classifier improves least gets the largest gradients.

A linear classifier on each modality's detached features says in every update how much that modality
has gained. Encoders that gain less have larger gradients, and a loss turns the fused head towards
the classifiers of the modalities that lag behind.

Guo, Jin, Chen, Zhao: classifier-guided gradient modulation for enhanced multimodal learning.
NeurIPS 2024; https://arxiv.org/abs/2411.01409

=========================  ================  ====================================================
symbol                     name here         shape and meaning
=========================  ================  ====================================================
:math:`\epsilon^m_t`       ``scores``        (M,) accuracy of classifier m in this update
:math:`B^m`                ``coefficients``  (M,) balancing coefficient, of sum M - 1
:math:`V^m, W^m`                             (C, D_m) weights of classifier m, and of the fused
                                             head's part that reads modality m
:math:`\rho, \lambda`      ``rho``, ``lam``  strength of the modulation, weight of the direction
=========================  ================  ====================================================

The full paper was not available to us, this is the released code. The release has one head over
all modalities and compares it with each classifier; here it is the block of the head that reads
the modality. ``docs/methods/cggm.md`` says what else differs.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.balancing.method import Method
from equimodal.balancing.readouts.auxiliary_heads import AuxiliaryHeads
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_flag, require_number, require_tensor
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.modalities import ModalityMap

_NOTHING, _RELEASED = 1e-9, 1e-8


class CGGM(Method):
    r"""Modulate each encoder's gradients by how little its own classifier gained.

    .. math:: g^m \leftarrow \rho B^m g^m, \quad
        B^m = \frac{\sum_k \Delta^k - \Delta^m}{\sum_k \Delta^k}, \quad
        \Delta^m = \epsilon^m_t - \epsilon^m_{t-1}

    for all parameters of an encoder, and from the second update on

    .. math:: L + \lambda \frac{1}{M} \sum_m \big(|B^m| - B^m \cos(V^m, W^m)\big)

    with the coefficients of the update before; its gradient reaches the fused head alone. The
    classifiers are trained in the same backward pass, beside the model: they are in
    ``balancer.parameters()``. Accuracies are of all rows of an update, over all ranks.

    Records: ``score`` and ``coefficient`` of every update.

    Args:
        rho: factor on all encoders' gradients, > 0; released: 1.3, and 1 for segmentation.
        lam: weight of the direction, >= 0; 0 leaves it out. Released: 0.2, 0.05 or 0.1 by data
            set. It reads the blocks of a linear head: ``LinearSplit``.
        coefficient: "adaptive"; "fixed" for (M - 1) / M, the mean of the adaptive: the control.
        clamp: keep coefficients in [0, M - 1], and take the mean where nothing changed; ours. The
            release divides by whatever the sum is: a gain of none in all gives 1e7, a loss turns
            gradients round.

    Raises:
        BalanceError: an argument out of range, or a head that has no part of each modality.

    Example::

        balancer = Balancer(model, CGGM(), encoders, LinearSplit("fc"), example=batch)
        optimizer = SGD([*model.parameters(), *balancer.parameters()], lr=0.01)
        balancer.attach(optimizer)
    """

    needs: frozenset[str] = frozenset({"features", "widths", "head_weights"})

    def __init__(
        self,
        rho: float = 1.3,
        lam: float = 0.2,
        *,
        coefficient: str = "adaptive",
        clamp: bool = True,
    ) -> None:
        super().__init__()
        self.rho = require_number("CGGM rho", rho, above=0)
        self.lam = require_number("CGGM lam", lam, low=0)
        self.coefficient = require_choice("CGGM coefficient", coefficient, ("adaptive", "fixed"))
        self.clamp = require_flag("CGGM clamp", clamp)
        self._probes: AuxiliaryHeads | None = None
        if coefficient == "fixed":
            self.refuse_set("clamp", why='with coefficient="fixed"')
        if lam == 0:
            self.needs = frozenset({"features", "widths"} if coefficient == "adaptive" else ())

    def unsuited(self, task: Task) -> str:
        """Its classifiers are of one class a sample, and so is its score."""
        if "classes" in task.lacks and (self.lam or self.coefficient == "adaptive"):
            return "its classifiers follow the accuracy of classes"
        return ""

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module | None:
        """A linear classifier for each modality."""
        self._probes = AuxiliaryHeads(widths, outputs)
        return self._probes

    def on_start(self, modalities: ModalityMap) -> None:
        """Nothing is known of any update."""
        self.state = {"scores": None, "coefficients": None}

    def on_loss(self, step: Step) -> Tensor:
        """The objective, the classifiers' losses, and the direction."""
        loss = step.objective_loss
        for m, logits in self._own_logits(step).items():
            loss = loss + step.task.loss(logits, step.targets[m])
        if self.lam and self.state["coefficients"] is not None:
            loss = loss + self.lam * self._direction(step)
        return loss

    def on_gradients(self, step: Step) -> None:
        """Scores, coefficients, and the modulation."""
        found = self._coefficients(step)
        step.record("coefficient", found)
        self.state["coefficients"] = found
        factors = zip(step.modalities.names, (self.rho * found).unbind(), strict=True)
        step.scale(dict(factors), "all")

    def _own_logits(self, step: Step) -> dict[str, Tensor]:
        """Of the classifiers, for modalities that have a row. -> {m: (N_m, C)}"""
        return {} if self._probes is None else self._probes.of_step(step)

    def _coefficients(self, step: Step) -> Tensor:
        count = len(step.modalities.names)
        if self.coefficient == "fixed":
            return torch.full((count,), (count - 1) / count, dtype=torch.float64)
        scores = self._scores(step)
        step.record("score", scores)
        before = self.state["scores"]
        self.state["scores"] = scores
        return balancing_coefficients(scores, before, clamp=self.clamp)

    def _scores(self, step: Step) -> Tensor:
        """Accuracy of every classifier in this update; as before where it has no row. -> (M,)"""
        some = next(iter(step.outputs.values()))
        if self.state["scores"] is None:
            self.state["scores"] = some.new_zeros(len(step.modalities.names), dtype=torch.float64)
        before = self.state["scores"] = self.state["scores"].to(some.device)
        own = self._own_logits(step)
        counts = some.new_zeros(len(before), 2, dtype=torch.float64)
        for k, m in enumerate(step.modalities.names):
            if m in own:
                counts[k, 0] = (own[m].argmax(1) == step.targets[m]).sum()
                counts[k, 1] = len(own[m])
        right, rows = sum_over_ranks(counts).unbind(1)
        return torch.where(rows > 0, right / rows.clamp_min(1), before)

    def _direction(self, step: Step) -> Tensor:
        """What turns the fused head. -> ()"""
        assert self._probes is not None and step.readout is not None
        blocks = step.readout.weights(step.modalities, step.outputs)
        assert blocks is not None
        own = self._probes.weights(step.modalities, step.outputs)
        given = torch.stack([weight_cosine(v.detach(), blocks[m]) for m, v in own.items()])
        return direction_loss(self.state["coefficients"].to(given), given)


def balancing_coefficients(scores: Tensor, before: Tensor, *, clamp: bool = True) -> Tensor:
    r"""How much each modality lags in what was gained, of sum M - 1. (M,), (M,) -> (M,)

    .. math:: B^m = \frac{D - \Delta^m}{D}, \quad D = \sum_k \Delta^k

    Args:
        scores: of this update.
        before: of the one before; 0 where there was none.
        clamp: in [0, M - 1], whose sum may be another then, and (M - 1) / M each where D is 0; as
            released, D has 1e-8 added and nothing is kept in bounds.

    Raises:
        BalanceError: no vectors of one length.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    require_tensor("before", before, axes="M", floating=True)
    require(len(scores) == len(before), "Both scores must be of one length", len(before))
    gains, others = scores - before, len(scores) - 1
    total = gains.sum()
    if not clamp:
        return (total + _RELEASED - gains) / (total + _RELEASED)
    still = total.abs() < _NOTHING
    shares = (total - gains) / torch.where(still, 1.0, total)
    return torch.where(still, others / len(scores), shares.clamp(0, others))


def weight_cosine(one: Tensor, other: Tensor) -> Tensor:
    """Cosine of two matrices, taken as vectors. (C, D), (C, D) -> ()

    Raises:
        BalanceError: no matrices of one shape.
    """
    require_tensor("one", one, axes="C,D", floating=True)
    require_tensor("other", other, axes="C,D", floating=True)
    require(one.shape == other.shape, "Both weights must be of one shape", tuple(other.shape))
    first, second = (widened(w).flatten() for w in (one, other))
    return nn.functional.cosine_similarity(first, second, dim=0)


def direction_loss(coefficients: Tensor, cosines: Tensor) -> Tensor:
    r"""What turns the head: :math:`\frac{1}{M} \sum_m (|B^m| - B^m c^m)`. (M,), (M,) -> ()

    Raises:
        BalanceError: no vectors of one length.
    """
    require_tensor("coefficients", coefficients, axes="M", floating=True)
    require_tensor("cosines", cosines, axes="M", floating=True)
    same = len(coefficients) == len(cosines)
    require(same, "There must be a cosine for each coefficient", len(cosines))
    return (coefficients.abs() - coefficients * cosines).mean()
