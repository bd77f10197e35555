r"""DUS: data-aware unimodal sampling; every modality gets its own batch size every iteration.

Modalities learn at different speeds when all are shown the same number of samples. DUS follows how
well each predicts by a cumulative score, and gives the next batches in unequal sizes: by a
heuristic rule (:class:`DUS`) or by a policy trained with REINFORCE
(:class:`~equimodal.methods.dus_learned.DUSLearned`).

Jiang, Chi, Ma, Mao, Yang, Tang: rethinking multimodal learning from the perspective of unimodal
data sampling, 2025; https://arxiv.org/abs/2503.03792

=========================  ==============  ====================================================
symbol                     name here       shape and meaning
=========================  ==============  ====================================================
:math:`s^j_t`              ``score``       (M,) mean probability of the true class, in [0, 1]
:math:`\hat s^j_t`         ``s_hat``       (M,) running mean of the scores
:math:`n_b`                ``batch_size``  nominal rows of one modality
:math:`N_B = M n_b`        ``budget``      rows of all modalities in one iteration, constant
:math:`n^j_t`              ``counts``      (M,) rows of each modality
=========================  ==============  ====================================================

Only the score, its running mean and the names of the two samplers are public. **The sampling rule
(:mod:`equimodal.methods.dus_counts`), the policy, its state, actions and reward are our own
design**; ``docs/methods/dus.md`` says what is known and what is ours.
"""

import math

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.moment import Moment, Plan
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.errors import BalanceError
from equimodal.methods.dus_arguments import EVEN, check_arguments
from equimodal.methods.dus_counts import running_score, sample_counts, shrunk_counts
from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.modalities import ModalityMap


class DUS(Method):
    r"""Unpaired batches whose sizes follow the cumulative score.

    .. math:: L = \sum_j \frac{1}{Z_j} \sum_{i \in B^j} \mathrm{CE}(o^j_i, y_i)

    where every modality j draws its own rows :math:`B^j` from its own shuffled stream
    (``balancer.batches``). A host that gives paired batches gets the nearest thing: each modality's
    loss reads a subset of the batch. Prediction is the head's output.

    Args:
        rule: "inverse", shares by ``sampling_shares``; "shrink", only modalities above the
            weakest lose rows and the budget is not constant; "tanh", the same by
            1 - tanh(gamma (ratio - 1)); "uniform", equal counts: the control.
        gamma: sharpness of the rule, > 0.
        minimum: least rows as a share of n_b, in (0, 1]; never under 8 rows where an encoder has
            batch normalisation.
        multiple: counts come in multiples of this share of n_b, in [0, 1]; 0 for any size.
        dead_zone: scores that differ by less leave equal counts.
        warm_up: epochs at equal counts.
        ema: None for the running mean; a number in (0, 1) for an exponential mean of that decay.
        reset_each_epoch: begin the running mean anew every epoch.
        reduction: "mean", Z_j the rows drawn; "nominal", Z_j = n_b, so that more rows also make
            a larger step.
        plug_in: keep the host's fused loss on a paired batch of n_b rows, and let the sampled
            losses replace its unimodal ones. Needs a readout whose parts sum to the logits.

    Raises:
        BalanceError: an argument out of range.
    """

    needs: frozenset[str] = frozenset({"unimodal_logits"})
    objective = "fused+unimodal"
    unpaired = True
    per_forward = True

    def __init__(
        self,
        rule: str = "inverse",
        *,
        gamma: float = 1.0,
        minimum: float = 0.125,
        multiple: float = 0.125,
        dead_zone: float = 0.01,
        warm_up: int = 1,
        ema: float | None = None,
        reset_each_epoch: bool = False,
        reduction: str = "mean",
        plug_in: bool = False,
    ) -> None:
        super().__init__()
        self.rule = rule
        self.gamma = gamma
        self.minimum = minimum
        self.multiple = multiple
        self.dead_zone = dead_zone
        self.warm_up = warm_up
        self.ema = ema
        self.reset_each_epoch = reset_each_epoch
        self.reduction, self.plug_in, self.keeps_pairs = reduction, plug_in, plug_in
        check_arguments(self)
        self._nominal: int | None = None
        self._planned: dict[str, int] = {}
        self.state = {"t": 0, "epoch": 0, "s_hat": None, "missed": False, "changed": rule in EVEN}

    def unsuited(self, task: Task) -> str:
        """It follows how well each modality predicts."""
        reason = "its counts follow a score between 0 and 1"
        return reason if "score" in task.lacks else ""

    @property
    def acted(self) -> bool:
        """Whether the counts were ever unequal; the uniform control acts by drawing unpaired."""
        return bool(self.state["changed"])

    def on_start(self, modalities: ModalityMap) -> None:
        """Read whether small batches must be avoided."""
        self._least = 8 if modalities.has_batch_norm() else 1

    def on_plan(self, plan: Plan) -> dict[str, int]:
        """Rows of every modality in the next iteration."""
        counts = self._counts(plan, plan.batch_size).tolist()
        plan.record("count", counts)
        self._planned = dict(zip(plan.modalities.names, counts, strict=True))
        return self._planned

    def on_loss(self, step: Step) -> Tensor:
        """Sum of the modalities' losses on their own rows, and the new cumulative score."""
        losses, rows = self._host_loss(step), self._own_rows(step)
        sums, missed = [], self.state.get("missed", True)
        for m, logits in step.unimodal_logits.items():
            whole = rows[m] == slice(0, None)
            own = logits if whole else logits[rows[m]]
            target = step.targets[m] if whole else step.targets[m][rows[m]]
            count = target.shape[0]
            step.task.check(own, target)
            if count:
                loss = step.task.loss(own, target)
                if self.reduction == "nominal":
                    loss = loss * (count / self._nominal_rows())
                losses.append(loss)
            sums.append(step.task.score_sums(own.detach(), target))
            missed = missed or count == 0 or step.task.counted(own, target) is not None
        self.state["missed"] = missed
        self._observe(step, step.task.mean_score(sum_over_ranks(torch.stack(sums))))
        return sum(losses[1:], start=losses[0])

    def _observe(self, step: Step, score: Tensor) -> None:
        """Take one score a modality into the running mean; NaN where it was missing. (M,)"""
        if self.reset_each_epoch and step.epoch_index != self.state["epoch"]:
            self.state.update(t=0, epoch=step.epoch_index)
        self.state["t"] += 1
        previous = score if self.state["t"] == 1 else self.state["s_hat"].to(score)
        self.state["s_hat"] = running_score(
            previous, score, self.state["t"], ema=self.ema, missed=self.state["missed"]
        )
        step.record("score", self.state["s_hat"])

    def _own_rows(self, step: Step) -> dict[str, slice]:
        """Rows of each modality's loss: all its own, or a subset of a paired batch."""
        if step.target is None:
            return {m: slice(self._host_rows(step, m), None) for m in step.targets}
        rows = len(step.target)
        counts = self._counts(step, rows)
        wanted = (rows * counts / counts.max()).ceil().long().tolist()
        read = [min(n, len(y)) for n, y in zip(wanted, step.targets.values(), strict=True)]
        step.record("count", read)
        return {m: slice(0, n) for m, n in zip(step.targets, read, strict=True)}

    def _host_rows(self, step: Step, modality: str) -> int:
        """Rows at the front of an unpaired batch that belong to the host's paired batch."""
        if not self.plug_in:
            return 0
        host = len(step.targets[modality]) - self._planned.get(modality, 0)
        if host < 1 or not self._planned:
            raise BalanceError(
                f"DUS(plug_in=True) did not plan the {len(step.targets[modality])} rows found of "
                f"{modality!r}. Iterate over balancer.batches(dataset, batch_size=...) and call "
                "loss() on every batch, or give paired batches."
            )
        return host

    def _nominal_rows(self) -> int:
        """n_b of the latest plan."""
        if self._nominal is not None:
            return self._nominal
        raise BalanceError(
            "DUS(reduction='nominal') found unpaired rows that it did not plan and so no n_b. "
            "Iterate over balancer.batches(dataset, batch_size=...)."
        )

    def _host_loss(self, step: Step) -> list[Tensor]:
        """The host's fused loss on its paired rows; none where DUS stands alone."""
        if not self.plug_in or step.paired:
            return [step.fused_loss] if self.plug_in else []
        if step.readout is None or not step.readout.additive:
            raise BalanceError(
                "DUS(plug_in=True) on unpaired batches needs a readout whose parts sum to the "
                "logits: pass LinearSplit(...), or give paired batches."
            )
        rows = self._host_rows(step, first := step.modalities.names[0])
        logits = torch.stack([z[:rows] for z in step.unimodal_logits.values()]).sum(0)
        return [step.task.loss(logits, step.targets[first][:rows])]

    def _counts(self, moment: Moment, batch_size: int) -> Tensor:
        """Rows of every modality; equal in the warm-up and before the first score. -> (M,)"""
        self._nominal = batch_size
        equal, scores = torch.full((len(moment.modalities.names),), batch_size), self.state["s_hat"]
        if scores is None or moment.epoch_index < self.warm_up or self.rule == "uniform":
            return equal
        counts = self._ruled(moment, scores.cpu(), batch_size)
        self.state["changed"] = self.state["changed"] or not torch.equal(counts, equal)
        return counts

    def _ruled(self, moment: Moment, scores: Tensor, batch_size: int) -> Tensor:
        least, multiple = self._bounds(batch_size)
        gap, gamma, rows = self.dead_zone, self.gamma, len(scores) * batch_size
        if self.rule == "inverse":
            return sample_counts(scores, rows, least, multiple=multiple, gamma=gamma, dead_zone=gap)
        bent = gamma if self.rule == "tanh" else None
        counts = shrunk_counts(scores, batch_size, multiple, gamma=bent, dead_zone=gap)
        return counts.clamp_min(least)

    def _bounds(self, batch_size: int) -> tuple[int, int]:
        """Least rows of a modality and the multiple, for this batch size."""
        least = max(self._least, math.ceil(self.minimum * batch_size))
        return min(least, batch_size), max(1, int(self.multiple * batch_size))
