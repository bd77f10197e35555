r"""Mixup of multimodal samples: pairs of samples are mixed, in all modalities alike.

Every sample of a training batch is replaced by a mix with another one, with one partner and one
weight for all modalities, and is asked for both labels in that proportion. A regulariser rather
than a balancer; it slows the fast modality, because certain answers are never right.

A remedy in use; the paper of mixup (Zhang, Cisse, Dauphin, Lopez-Paz, ICLR 2018;
https://arxiv.org/abs/1710.09412) has one input, and the form for several is a practice.

=================  ==============  ============================================================
symbol             name here       shape and meaning
=================  ==============  ============================================================
:math:`\pi`        ``partners``    (N,) permutation of the batch, one for all modalities
:math:`\lambda`    ``weight``      share of a row's own sample, drawn from Beta(alpha, alpha)
=================  ==============  ============================================================

Features are mixed and not inputs, so that texts can be, and the loss of the mix is the mix of
losses: ``docs/methods/mixup.md`` says what other implementations do.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.moment import TrainingPass
from equimodal.balancing.step import Step
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.numerics.scores import widened

_DRAWN = "mixed"


@dataclass(frozen=True)
class _Mix:
    """What one pass drew."""

    weight: float
    partners: dict[str, Tensor]


class MultimodalMixup(Method):
    r"""Mix the features of pairs of samples, and the losses of their labels.

    .. math:: \tilde z^m_i = \lambda z^m_i + (1 - \lambda) z^m_{\pi(i)}, \quad
        L = \lambda \, \ell(\tilde o, y) + (1 - \lambda) \, \ell(\tilde o, y_\pi)

    For cross-entropy this is the loss to the mixed label. Own losses of the modalities, where the
    objective has them, are mixed in the same way. Evaluation is untouched. Partners are of the
    same micro-batch and the same rank; the score of a row means nothing while rows are mixed.

    Records: ``weight`` of every pass, the same for all modalities.

    Args:
        alpha: of the Beta distribution of the weight, > 0; AutoGluon takes 0.8.
        probability: chance that a batch is mixed at all, in [0, 1].
        partner: "shared", one for all modalities; "own", another one for each, so that modalities
            of a row come from several samples and its label is the mean of theirs: the control
            that shows what pairing is worth.

    Raises:
        BalanceError: an argument out of range, or encoders that are named by parameters only.

    Example::

        Balancer(model, MultimodalMixup(), encoders)
    """

    needs: frozenset[str] = frozenset({"features"})
    per_forward = True

    def __init__(
        self, alpha: float = 0.8, *, probability: float = 1.0, partner: str = "shared"
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.probability = probability
        self.partner = partner
        require_number("MultimodalMixup alpha", alpha, above=0)
        require_number("MultimodalMixup probability", probability, low=0, high=1)
        require_choice("MultimodalMixup partner", partner, ("shared", "own"))

    def on_features(self, modality: str, features: Tensor, passing: TrainingPass) -> Tensor:
        """The mix of a pass, which its first modality draws."""
        if _DRAWN not in passing.drawn:
            passing.drawn[_DRAWN] = self._draw(passing, len(features))
        mix = passing.drawn[_DRAWN]
        if mix is None:
            return features
        partners = mix.partners[modality]
        rule = f"Mixup needs paired rows; {modality!r} has {len(features)} in a batch"
        require(len(partners) == len(features), rule, len(partners))
        return mixed(features, partners.to(features.device, non_blocking=True), mix.weight)

    def on_loss(self, step: Step) -> Tensor:
        """The objective, each loss mixed from those of the two labels."""
        mix = step.drawn.get(_DRAWN)
        if mix is None or step.logits is None or step.target is None:
            return step.objective_loss
        step.record("weight", [mix.weight] * len(mix.partners))
        # Widened once, so that half precision rounds the sum of both losses' gradients.
        logits, target = widened(step.logits), step.target
        others = [self._loss(step, logits, target[p.to(target.device)])
                  for p in self._distinct(mix)]  # fmt: skip
        own = self._loss(step, logits, target)
        fused = torch.lerp(torch.stack(others).mean(), own, mix.weight)
        if step.objective == "fused":
            return fused
        unimodal = torch.stack(self._unimodal(step, mix)).sum()
        return torch.add(fused, unimodal, alpha=step.unimodal_weight)

    def _unimodal(self, step: Step, mix: _Mix) -> list[Tensor]:
        """Mixed losses of own logits: of rows whose partner has the modality too."""
        losses = []
        for m, logits in step.unimodal_logits.items():
            partners, target, logits = mix.partners[m], step.target, widened(logits)
            assert target is not None
            if step.rows is not None:
                rows = step.rows[m].cpu()
                both = torch.isin(partners[rows], rows)
                logits = logits[both.to(logits.device)]
                rows, partners = rows[both], partners[rows[both]]
                own = target[rows.to(target.device)]
            else:
                own = target
            if len(logits):
                other = self._loss(step, logits, target[partners.to(target.device)])
                losses.append(torch.lerp(other, self._loss(step, logits, own), mix.weight))
        return losses or [step.fused_loss.new_zeros(())]

    def _loss(self, step: Step, logits: Tensor, target: Tensor) -> Tensor:
        return step.task.loss(logits, target)

    def _distinct(self, mix: _Mix) -> list[Tensor]:
        """The permutations of the modalities, one where they share it."""
        every = list(mix.partners.values())
        return every[:1] if self.partner == "shared" else every

    def _draw(self, passing: TrainingPass, rows: int) -> _Mix | None:
        draw, names = passing.generator(), passing.modalities.names
        if float(torch.rand((), generator=draw)) >= self.probability:
            return None
        shape = torch.full((2,), float(self.alpha), dtype=torch.float64)
        one, other = torch._standard_gamma(shape, generator=draw).tolist()
        weight = one / (one + other) if one + other else 0.5
        count = 1 if self.partner == "shared" else len(names)
        found = [torch.randperm(rows, generator=draw) for _ in range(count)]
        return _Mix(weight, {m: found[k % count] for k, m in enumerate(names)})


def mixed(features: Tensor, partners: Tensor, weight: float) -> Tensor:
    r"""Every row mixed with its partner: :math:`\lambda z_i + (1 - \lambda) z_{\pi(i)}`.

    (N, ...), (N,) -> (N, ...)

    Args:
        features: of one modality.
        partners: row of each row's partner.
        weight: share of the row itself, in [0, 1].

    Raises:
        BalanceError: other shapes, or a weight out of range.
    """
    require_tensor("features", features, axes="N,...", floating=True)
    require_tensor("partners", partners, axes="N")
    same = len(partners) == len(features)
    require(same, f"partners must have {len(features)} entries", len(partners))
    require_number("weight", weight, low=0, high=1)
    return torch.lerp(features[partners], features, weight)
