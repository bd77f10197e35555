r"""AMCo's port: adaptive mask co-optimization as BalanceBenchmark reads it.

When one modality holds most of the probability, the logits that it gives to a random set of classes
are zero in the next batch, of more classes the later in the training, so that the fused loss leans
on the others.

Zhou, Liang, Zheng, Xuan, Kumada: adaptive mask co-optimization for modal dependence in multimodal
learning. ICASSP 2023; https://ieeexplore.ieee.org/document/10096641. Neither its text nor code of
its authors was available to us: what is here is a port's, and no claim about the paper.

==================  =========  =================================================================
symbol              shape      meaning
==================  =========  =================================================================
:math:`o^m`         (N, C)     unimodal logits, exact parts of the head's
:math:`d_m`         bool       whether m was dependent in the batch before
:math:`k`           (C,)       0 or 1, the same for all rows; zeros at :math:`\lfloor pC \rfloor`
                               random classes
:math:`p`           ()         :math:`\sin(\tfrac{\pi}{2} \min(1, t / \epsilon))`, t the share of
                               the training that is over
==================  =========  =================================================================

.. math::
    \tilde o^m = o^m k \text{ where } d_m, \text{ else } o^m, \qquad
    L = \mathrm{CE}\Bigl(\sum_m \tilde o^m, y\Bigr) + \sum_m \mathrm{CE}(o^m, y), \qquad
    d_m \leftarrow \overline{\textstyle\sum_c \mathrm{softmax}_{mc}(\tilde o)} > \sigma

Differences to the port: its p restarts in every epoch and is 1 after a few batches of the second
(``ramp="port"``); its own losses are of masked logits, which push all probability to the classes
that are not masked (``own="masked"``); its C x C layer behind the sum is left out, and its mask has
the shape of two devices.
"""

import math

import torch
from torch import Tensor

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require_choice, require_number, require_tensor
from equimodal.numerics.blanking import spread_rows
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks

RAMPS, OWN, MASKED = ("training", "port"), ("unmasked", "masked"), ("dominant", "first")
_ROUNDING = 1e-9


def mask_share(progress: float, eps: float) -> float:
    """Share of the classes that is masked. -> in [0, 1]

    Args:
        progress: from 0; from ``eps`` on all are.
        eps: above 0.

    Raises:
        BalanceError: an argument out of range.
    """
    require_number("progress", progress, low=0)
    require_number("eps", eps, above=0)
    return math.sin(math.pi / 2 * min(progress, eps) / eps)


def modality_masses(logits: Tensor) -> Tensor:
    """Share of the probability over all modalities' logits that each holds, row by row.
    (M, N, C) -> (M, N), sums to 1 over the modalities

    Args:
        logits: -inf for a modality that a row lacks.

    Raises:
        BalanceError: ``logits`` are no real numbers (M, N, C).
    """
    require_tensor("logits", logits, axes="M,N,C", floating=True)
    return widened(logits).logsumexp(-1).softmax(0)


class AMCo(Method):
    """Zero the dominant modality's logits of random classes in the fused loss.

    Records: ``mass`` of the probability that each modality holds.

    Args:
        sigma: mass above which a modality is dependent, in [0.5, 1), so that one is at most;
            the port's: 0.5.
        eps: share of the training after which all classes are masked, in (0, 1]; the port's: 0.3.
        ramp: over the "training", epoch by epoch; or the "port"'s, which restarts in every epoch
            and rises by a tenth of the epoch's number a batch.
        own: the modalities' own losses, of "unmasked" logits; the port's: "masked".
        masked: the "dominant" modality; "first": always the first of ``encoders``, the control.
    """

    needs = frozenset({"unimodal_logits", "head_weights"})
    objective = "fused+unimodal"
    per_forward = True

    def __init__(
        self,
        sigma: float = 0.5,
        *,
        eps: float = 0.3,
        ramp: str = "training",
        own: str = "unmasked",
        masked: str = "dominant",
    ) -> None:
        super().__init__()
        self.sigma = require_number("AMCo sigma", sigma, low=0.5, high=1)
        self.eps = require_number("AMCo eps", eps, above=0, high=1)
        self.ramp = require_choice("AMCo ramp", ramp, RAMPS)
        self.own = require_choice("AMCo own", own, OWN)
        self.masked = require_choice("AMCo masked", masked, MASKED)
        if masked == "first":
            self.refuse_set("sigma", why='with masked="first"')
        if ramp == "training":
            self.needs = self.needs | {"epochs"}
        self.state = {"dependent": None, "begun": 0, "masked": 0}

    def unsuited(self, task: Task) -> str:
        """Masks and masses are of classes."""
        return "it masks the logits of classes" if "classes" in task.lacks else ""

    @property
    def acted(self) -> bool:
        """Whether logits were masked."""
        return bool(self.state["masked"])

    def on_epoch_start(self, epoch: Epoch) -> None:
        """Where the epoch begins, from which the port counts."""
        self.state["begun"] = epoch.index

    def on_loss(self, step: Step) -> Tensor:
        """The loss of the sum with masked logits, and of each modality. -> ()"""
        assert step.target is not None and step.logits is not None
        given = step.unimodal_logits
        kept = self._kept(step, step.logits)
        masked = {m: z * kept[k].to(z) for k, (m, z) in enumerate(given.items())}
        own = masked if self.own == "masked" else given
        losses = [step.task.loss(z, step.targets[m]) for m, z in own.items() if len(z)]
        taken = {m: widened(z) - widened(masked[m]) for m, z in given.items()}
        count = len(step.target)
        hidden = torch.stack([*spread_rows(taken, step.rows, count).values()]).sum(0)
        fused = widened(step.logits) - hidden
        masses = self._masses(step, masked)
        step.record("mass", masses)
        self.state["dependent"] = masses > self.sigma
        return step.task.loss(fused, step.target) + torch.stack(losses).sum()

    def _kept(self, step: Step, logits: Tensor) -> Tensor:
        """Which classes of each modality count. -> (M, C) bool"""
        names, classes = step.modalities.names, logits.shape[-1]
        count = int(classes * mask_share(self._progress(step), self.eps) + _ROUNDING)
        free = torch.ones(len(names), classes, dtype=torch.bool, device=logits.device)
        dependent = self.state["dependent"]
        if self.masked == "first":
            dependent = torch.arange(len(names)) == 0
        if dependent is None or not count:
            return free
        places = torch.randperm(classes, generator=step.generator())
        random = (places >= count).to(logits.device, non_blocking=True)
        dependent = dependent.to(logits.device)
        self.state["masked"] = self.state["masked"] + dependent.any()
        kept: Tensor = free & (random | ~dependent[:, None])
        return kept

    def _progress(self, step: Step) -> float:
        """How far the ramp is, a share of the training or the port's count."""
        if self.ramp == "training":
            assert step.total_epochs is not None
            return step.epoch_index / step.total_epochs
        updates: int = step.index - self.state["begun"]
        return updates * step.epoch_index / 10

    def _masses(self, step: Step, masked: dict[str, Tensor]) -> Tensor:
        """Mean mass of each modality over the rows of all ranks. -> (M,)"""
        assert step.target is not None
        count = len(step.target)
        wide = {m: widened(z.detach()) for m, z in masked.items()}
        spread = torch.stack([*spread_rows(wide, step.rows, count).values()])
        if step.rows is not None:
            there = step.present().T.to(spread.device)
            spread = spread.masked_fill(~there[..., None], -torch.inf)
        sums = modality_masses(spread).sum(1)
        total = sum_over_ranks(torch.cat([sums, sums.new_tensor([count])]))
        return total[:-1] / total[-1]
