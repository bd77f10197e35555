r"""AGM: adaptive gradient modulation.

The fused logits are split into one response a modality by an attribution over coalitions, for any
fusion. How well each response does now is held against how it has done on average, and what flows
back through it is scaled: a modality ahead of its own reference is slowed, one behind is sped up.

Li, Li, Hu, Lei, Li, Zhou: boosting multi-modal model performance with adaptive gradient modulation.
ICCV 2023; https://arxiv.org/abs/2308.07686

=========================  ========  ==========================================================
symbol                     shape     meaning
=========================  ========  ==========================================================
:math:`f(S)`               (N, C)    fused logits, the features outside S zero
:math:`\phi^m`             (N, C)    mono-modal response
:math:`s^m, \hat s^m`      ()        its mean cross-entropy now, and their running mean
:math:`r^m, \tau^m`        ()        discrepancy now, and of the reference
:math:`\kappa^m`           ()        coefficient, above 0
=========================  ========  ==========================================================

.. math::
    \phi^m = \sum_{S \not\ni m} \tfrac{|S|!\,(M-|S|-1)!}{M!} [f(S + m) - f(S)],

    r^m = e^{\frac{M}{M-1}(\bar s - s^m)}, \quad
    \kappa^m = e^{\alpha \min(\tau^m - r^m, \mathrm{cap})}

with nothing for the empty coalition (``empty="subtract"``, ours: the true Shapley value). Instead
of the responses the encoders' gradients may be scaled, ``apply="encoders"``, which is the same for
encoders before an additive head. Differences: the release blanks raw inputs, we blank features; it
clips gradients whenever an entry of the head's is large, which is left to the loop here. A known
port has the sign of the discrepancy reversed. The full text was not available to us: this follows
the release.
"""

import math
from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.errors import BalanceError, quoted
from equimodal.parts.distributed import sum_over_ranks


def mono_modal_responses(logits: Mapping[frozenset[str], Tensor]) -> dict[str, Tensor]:
    """Response of each modality. {S: (N, ..., C)} -> {m: (N, ..., C)}

    They sum to the logits of all; with the empty coalition to what these are above its own, as
    Shapley values do.

    Args:
        logits: of every coalition, with or without the empty one, which is left out as released.

    Raises:
        BalanceError: a coalition is missing.
    """
    if not isinstance(logits, Mapping) or not logits:
        raise BalanceError(
            "Responses need the logits of every coalition, {frozenset of names: (N, C)}; found "
            f"{quoted(logits)}."
        )
    for s, given in logits.items():
        require(isinstance(s, frozenset), "A coalition must be a frozenset of names", s)
        require_tensor("Logits of a coalition", given, axes="N,C,...", floating=True)
    nobody = frozenset[str]()
    names = sorted(frozenset().union(*logits))
    count = len(names)
    sets = [frozenset(s) for n in range(1, count + 1) for s in combinations(names, n)]
    missing = [sorted(s) for s in sets if s not in logits]
    if missing:
        raise BalanceError(f"Responses need the logits of every coalition; {missing} are missing.")
    found = {}
    for m in names:
        terms = []
        for with_m in (s for s in sets if m in s):
            others = with_m - {m}
            counted = others or nobody in logits
            gain = logits[with_m] - logits[others] if counted else logits[with_m]
            terms.append(gain / (count * math.comb(count - 1, len(others))))
        found[m] = torch.stack(terms).sum(0)
    return found


def response_coefficients(
    losses: Tensor, reference: Tensor, alpha: float = 1.0, cap: float = 7.0
) -> Tensor:
    """Coefficient of what flows back through each response. (M,), (M,) -> (M,), above 0

    NaN, of modalities that are missing, leaves the others as they are and has 1.

    Raises:
        BalanceError: no floating-point tensors (M,) of two or more modalities.
    """
    require_tensor("losses", losses, axes="M", floating=True)
    require_tensor("reference", reference, axes="M", floating=True)
    if len(losses) != len(reference) or len(losses) < 2:
        raise BalanceError(
            "Losses and reference must be of the same two or more modalities; found "
            f"{len(losses)} and {len(reference)}."
        )
    gap = _discrepancies(reference) - _discrepancies(losses)
    return torch.exp(alpha * gap.clamp_max(cap)).nan_to_num(1.0, posinf=torch.inf)


def _discrepancies(losses: Tensor) -> Tensor:
    """How far each modality is ahead of the mean; above 1 it does better. (M,) -> (M,)"""
    count = (~losses.isnan()).sum()
    return torch.exp((losses.nanmean() - losses) * count / (count - 1).clamp_min(1))


class AGM(Method):
    """Scale what flows back through each modality's response by how it does for its own measure.

    Args:
        alpha: sharpness of the coefficients; released: 1 by default, 2.5 in its one command.
        cap: largest difference of discrepancies that counts; released: 7 or 10.
        coefficient: "adaptive"; "mean", the mean of the step's for every modality: the control.
        apply: to what flows back through each "response", as released, or to the gradients of the
            "encoders", whose coalitions then carry no gradient.
        empty: what the logits without any modality are: "left_out", as released; "subtract", from
            every response in equal parts, ours.
    """

    per_forward = True
    needs = frozenset({"features"})

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        cap: float = 7.0,
        coefficient: str = "adaptive",
        apply: str = "response",
        empty: str = "left_out",
    ) -> None:
        super().__init__()
        self.alpha = require_number("AGM alpha", alpha, low=0)
        self.cap = require_number("AGM cap", cap, above=0)
        kinds = ("adaptive", "mean")
        self.coefficient = require_choice("AGM coefficient", coefficient, kinds)
        self.apply = require_choice("AGM apply", apply, ("response", "encoders"))
        self.empty = require_choice("AGM empty", empty, ("left_out", "subtract"))
        self.state = {"t": None, "s_hat": None}

    def has_stage(self, stage: str) -> bool:
        """Whether it acts at a stage: at gradients only where it scales these."""
        scales = self.apply == "encoders"
        return super().has_stage(stage) and (scales or stage != "on_gradients")

    def unsuited(self, task: Task) -> str:
        """Responses are judged by the cross-entropy of the label."""
        lacks = "likelihood" in task.lacks
        return "its responses are judged by the cross-entropy of a label" if lacks else ""

    def on_loss(self, step: Step) -> Tensor:
        """The objective, with what flows back through each response scaled."""
        names = step.modalities.names
        with torch.set_grad_enabled(self.apply == "response"):
            responses, nobody = self._responses(step)
        coefficients = self._coefficients(step, responses)
        step.record("coefficient", coefficients)
        assert step.logits is not None and step.target is not None
        if self.apply == "encoders":
            step.drawn[_COEFFICIENTS] = coefficients
            return step.objective_loss
        routed = step.logits.detach()
        if nobody is not None:
            routed = routed + (nobody - nobody.detach())
        for m, coefficient in zip(names, coefficients.unbind(), strict=True):
            if m in responses:
                own = responses[m]
                routed = routed + (own - own.detach()) * coefficient.to(own.dtype)
        return step.objective_of(step.task.loss(routed, step.target))

    def on_gradients(self, step: Step) -> None:
        """Scale encoders by their coefficients, of several micro-batches by their mean."""
        each = torch.stack([drawn[_COEFFICIENTS] for drawn in step.every_drawn]).mean(0)
        step.scale(dict(zip(step.modalities.names, each.unbind(), strict=True)), "all")

    def _responses(self, step: Step) -> tuple[dict[str, Tensor], Tensor | None]:
        """Response of each modality to the paired batch, and the logits without any where they are
        subtracted. -> {m: (N, ..., C)}, (N, ..., C)"""
        readout, nobody = step.readout, None
        if self.empty == "subtract":
            zeros = {m: torch.zeros_like(f) for m, f in step.outputs.items()}
            nobody = step.logits_of(zeros, training=False)
        if readout is not None and readout.additive:
            found = readout(step.modalities, step.outputs)
            share = None if nobody is None else nobody / len(found)
            return {m: z if share is None else z - share for m, z in found.items()}, nobody
        every = step.coalitions() | ({} if nobody is None else {frozenset[str](): nobody})
        return mono_modal_responses(every), nobody

    def _coefficients(self, step: Step, responses: Mapping[str, Tensor]) -> Tensor:
        """Coefficient of every modality, and the reference of the next step. -> (M,)"""
        sums = []
        for m in step.modalities.names:
            own = responses.get(m, step.logits)
            assert own is not None
            own = own.detach()
            if step.rows is not None:
                own = own[step.rows[m].to(own.device)]
            losses = step.task.log_loss(own, step.targets[m]).clamp_max(_MOST)
            sums.append(step.task.summed(losses, own, step.targets[m]))
        totals = sum_over_ranks(torch.stack(sums))
        losses = totals[:, 0] / totals[:, 1]  # NaN for a modality that no sample holds
        return self._judged(losses)

    def _judged(self, losses: Tensor) -> Tensor:
        """Coefficients by the losses and their running means, which follow. (M,) -> (M,)"""
        state, missing = self.state, losses.isnan()
        if state["t"] is None:
            state["t"], state["s_hat"] = torch.zeros_like(losses), torch.zeros_like(losses)
        before, times = state["s_hat"].to(losses), state["t"].to(losses) + ~missing
        reference = before.masked_fill(missing, torch.nan)
        coefficients = response_coefficients(losses, reference, self.alpha, self.cap)
        moved = before + (losses - before) / times
        state["t"], state["s_hat"] = times, torch.where(missing, before, moved)
        if self.coefficient == "mean":
            return coefficients.mean().expand_as(coefficients)
        return coefficients


_COEFFICIENTS = "agm"
_MOST = -math.log(1e-8)
"""The release's floor of a probability, as a cross-entropy."""
