r"""OPM: on-the-fly prediction modulation.

The modality whose own logits give the true class more probability is dropped from the fused
prediction of random samples, the more often the more it leads, so that the fused loss must be met
by the others.

Wei, Hu, Du, Wen: on-the-fly modulation for balanced multimodal learning. IEEE TPAMI 2024;
https://arxiv.org/abs/2410.11582

===================  =======  ==============================================================
symbol               shape    meaning
===================  =======  ==============================================================
:math:`s^m`          ()       mean probability of the true class in the modality's own logits
:math:`\rho^m`       (M,)     discrepancy ratio, mean over the pairs
:math:`q^m`          (M,)     probability with which a sample loses modality m
:math:`k^m`          (N,)     whether a sample keeps it
:math:`\theta`       ()       :math:`\sum_m D_m q^m / \sum_m D_m`, with the widths D
===================  =======  ==============================================================

.. math::
    q^m = [q_\mathrm{base} (1 + \lambda \tanh(\rho^m - 1))]_0^1 \text{ if } \rho^m > 1
    \text{, else } 0, \qquad f'^m_i = k^m_i f^m_i / (1 - \theta)

Differences: the released code drops a batch with the rates of that same batch, the paper with those
of the one before (``rates="previous"``); the rescaling by theta is the code's, and does not keep
the expected input (``rescale``). The released warm-up of six epochs of a hundred is
``warm_up=0.06``.
"""

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require_choice, require_number, require_tensor
from equimodal.numerics.scores import discrepancy_ratios
from equimodal.parts.distributed import rank, world_size


def drop_rates(ratios: Tensor, base: float, lam: float) -> Tensor:
    """Rate at which each modality is dropped: 0 for those that do not lead. (M,) -> (M,), in [0, 1]

    Raises:
        BalanceError: ratios are no floating-point tensor (M,).
    """
    require_tensor("ratios", ratios, axes="M", floating=True)
    require_number("base", base, low=0, high=1)
    require_number("lam", lam, low=0)
    rates = (base * (1 + lam * torch.tanh(ratios - 1))).clamp(0, 1)
    return torch.where(ratios > 1, rates, torch.zeros_like(rates))


class OPM(Method):
    """Drop the modality that leads from the fused prediction of random samples.

    Args:
        base: rate at which a modality is dropped that barely leads, in [0, 1]; released: 0.5.
        lam: how much the rate grows with the lead; released: 0.5. 0 is the control.
        probability: of a batch in which anything is dropped, in [0, 1]; released: 0.7.
        rescale: what the features are divided by: "theta", one minus the mean rate, as released;
            "own", one minus the modality's own rate; "none".
        rates: from the "current" batch, as released, or the "previous" one, as in the paper.
    """

    needs = frozenset({"unimodal_logits", "features"})
    per_forward = True

    def __init__(
        self,
        base: float = 0.5,
        lam: float = 0.5,
        *,
        probability: float = 0.7,
        rescale: str = "theta",
        rates: str = "current",
    ) -> None:
        super().__init__()
        self.base = require_number("OPM base", base, low=0, high=1)
        self.lam = require_number("OPM lam", lam, low=0)
        self.probability = require_number("OPM probability", probability, low=0, high=1)
        self.rescale = require_choice("OPM rescale", rescale, ("theta", "own", "none"))
        self.rates = require_choice("OPM rates", rates, ("current", "previous"))
        self.state = {"previous": None}

    def unsuited(self, task: Task) -> str:
        """The lead is read off the probability of the true class."""
        lacks = "score" in task.lacks
        return "its lead rests on the probability of the true class" if lacks else ""

    def on_loss(self, step: Step) -> Tensor:
        """The objective with some modalities of some samples dropped."""
        rates = self._rates(step)
        step.record("drop", rates)
        coin = torch.rand((), generator=step.generator())
        if float(coin) >= self.probability:
            return step.objective_loss
        assert step.logits is not None and step.target is not None
        scales = self._scales(step, rates)
        scaled = {m: step.outputs[m] * scales[m].to(step.outputs[m].dtype) for m in step.outputs}
        logits = step.logits_of(scaled, kept=self._kept(step, rates))
        # Where nobody leads these are the model's own logits, to the bit.
        logits = torch.where((rates > 0).any(), logits, step.logits)
        return step.objective_of(step.task.loss(logits, step.target))

    def _rates(self, step: Step) -> Tensor:
        """Rate of every modality, the same on all ranks. -> (M,)"""
        rates = drop_rates(discrepancy_ratios(step.scores()), self.base, self.lam)
        if self.rates == "current":
            return rates
        before, self.state["previous"] = self.state["previous"], rates
        return torch.zeros_like(rates) if before is None else before.to(rates)

    def _scales(self, step: Step, rates: Tensor) -> dict[str, Tensor]:
        """What the features of each modality are multiplied by. -> {m: ()}"""
        names = step.modalities.names
        kept = 1 - rates
        if self.rescale == "none":
            kept = torch.ones_like(rates)
        elif self.rescale == "theta":
            sizes = [step.outputs[m].shape[1:].numel() if m in step.outputs else 0 for m in names]
            widths = [size / sum(sizes) for size in sizes]
            kept = 1 - sum(rate * width for rate, width in zip(rates, widths, strict=True))
            kept = kept.expand(len(names))
        # A modality that is always dropped is multiplied by 0 afterwards, never divided by it.
        scales = torch.where(kept > 0, 1 / kept, torch.ones_like(kept))
        return dict(zip(names, scales, strict=True))

    def _kept(self, step: Step, rates: Tensor) -> Tensor:
        """Which modalities each row keeps; a row that would lose all keeps all. -> (N, M) bool"""
        present = step.present()
        ranks = world_size()
        draws = torch.rand(len(present) * ranks, len(rates), generator=step.generator(1))
        mine = draws[rank() :: ranks].to(present.device, non_blocking=True)
        kept = mine >= rates
        empty = ~(kept & present).any(1, keepdim=True)
        return kept | empty
