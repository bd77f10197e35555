r"""SMV: sample-level modality valuation, and its modality-level form.

Before every epoch each modality of each training sample gets a Shapley value of "is the prediction
right". A sample to which a modality contributes little is trained on again, extra, with that
modality alone: the features of the others are zeros.

Wei, Feng, Wang, Hu: enhancing multimodal cooperation via sample-level modality valuation. CVPR
2024, pp. 27338-27347; https://arxiv.org/abs/2309.06255

========================  ==========  ==========================================================
symbol                    shape       meaning
========================  ==========  ==========================================================
:math:`v_i(S)`            ()          worth: \|S\| where the logits of S alone name the class
:math:`\phi_i^m`          (N, M)      contribution, which sums to M where the prediction is right
:math:`\kappa_i^m`        (N, M)      extra copies of sample i with modality m alone
:math:`\Phi^m`            (M,)        mean contribution over some of the samples
========================  ==========  ==========================================================

.. math::
    \phi_i^m = \sum_{S \not\ni m} \tfrac{|S|!\,(M-|S|-1)!}{M!} [v_i(S + m) - v_i(S)],

    \kappa = 3, 2, 1, 0 \quad\text{for}\quad \phi < -0.1,\ < 0.4,\ < 1,\ \ge 1

With ``level="modality"`` the modality of the least :math:`\Phi` alone gets copies, of a share
:math:`\delta` of the samples. Differences: the paper's rule from contribution to copies was not
available to us, the bins are the release's; the release values training images with random crops,
we value them as the train loader gives them; at modality level it values all samples and then uses
a fifth, we value so many of the batches only; the game of more than two modalities is Shapley's.
"""

import math

import torch
from torch import Tensor

from equimodal.balancing.epochs.blocks import Block
from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.numerics.shapley import shapley_values
from equimodal.parts.distributed import sum_over_ranks

_BINS = (-0.1, 0.4, 1.0)
_ROUNDING = 1e-6
LEVELS, WORTHS, CHOICES = ("sample", "modality"), ("size", "one"), ("valued", "random")
RULES = ("linear", "tanh", "power")


def sample_contributions(right: Tensor, worth: str = "size") -> Tensor:
    """Contribution of each modality to the prediction of every sample. (2^M, N) -> (N, M)

    Args:
        right: bool, whether each coalition's logits name the class, in the order of the numbers
            whose bit m says that modality m is in it; the first, of none, counts as wrong.
        worth: of a coalition that is right: its "size", or "one".

    Raises:
        BalanceError: no coalitions of two modalities or more, or another worth.
    """
    require_tensor("right", right, axes="S,N")
    require_choice("worth", worth, WORTHS)
    count = len(right)
    whole = count >= 4 and count.bit_count() == 1
    require(whole, "right must have a row for each of 2^M coalitions, M >= 2", count)
    sizes = [s.bit_count() if worth == "size" else min(s, 1) for s in range(count)]
    worths = right.double() * right.new_tensor(sizes, dtype=torch.float64)[:, None]
    return shapley_values(worths).T


def extra_copies(contributions: Tensor) -> Tensor:
    """Copies of a sample with one modality alone, more for a lower contribution.
    (N, M) -> (N, M) int64, from 0 to 3

    Raises:
        BalanceError: ``contributions`` is no (N, M) tensor of real numbers.
    """
    require_tensor("contributions", contributions, axes="N,M", floating=True)
    return torch.stack([contributions < b - _ROUNDING for b in _BINS]).sum(0)


def repeated_share(means: Tensor, alpha: float = 1.0, rule: str = "linear") -> float:
    """Share of the samples that the modality behind gets copies of. (M,) -> in [0, ...)

    Args:
        means: mean contribution of each modality.
        alpha: strength, >= 0.
        rule: "linear", delta = 2/3 alpha (max - min); "tanh" of it; "power", 1.5 of the gap's.

    Raises:
        BalanceError: ``means`` is no vector of real numbers, or an argument is out of range.
    """
    require_tensor("means", means, axes="M", floating=True)
    require_number("alpha", alpha, low=0)
    require_choice("rule", rule, RULES)
    gap = 2 / 3 * float(means.max() - means.min())
    if rule == "power":
        return alpha * math.pow(gap, 1.5)
    return math.tanh(alpha * gap) if rule == "tanh" else alpha * gap


class SMV(Method):
    """Train on samples again with the modality alone that contributes little to them.

    Records: ``contribution``, its mean, and ``copies``, extra items a sample, of every epoch.

    Args:
        level: copies by "sample", or of random samples with the "modality" that is behind.
        worth: of a coalition that is right: its "size", or "one".
        choice: "valued"; "random", the control: as many copies, of samples at random.
        part: at modality level, share of the training batches that are valued, in (0, 1].
        alpha: at modality level, strength, >= 0.
        rule: at modality level, "linear", "tanh" or "power".

    Raises:
        BalanceError: an argument out of range, or one that the level does not read.

    Example::

        Balancer(model, SMV(), encoders, loaders={"train": DataLoader(train)})
    """

    needs: frozenset[str] = frozenset({"features", "train_loader"})
    lists_items = True
    per_forward = True

    def __init__(
        self,
        level: str = "sample",
        *,
        worth: str = "size",
        choice: str = "valued",
        part: float = 0.2,
        alpha: float = 1.0,
        rule: str = "linear",
    ) -> None:
        super().__init__()
        self.level = require_choice("SMV level", level, LEVELS)
        self.worth = require_choice("SMV worth", worth, WORTHS)
        self.choice = require_choice("SMV choice", choice, CHOICES)
        self.part = require_number("SMV part", part, above=0, high=1)
        self.alpha = require_number("SMV alpha", alpha, low=0)
        self.rule = require_choice("SMV rule", rule, RULES)
        if level == "sample":
            self.refuse_set("part", "alpha", "rule", why="at level='sample'")
        else:
            self.refuse_set("choice", why="at level='modality', whose samples are random anyway")
        self.state = {"acted": False}

    def unsuited(self, task: Task) -> str:
        """A prediction of one class is right or wrong."""
        return "it asks whether one class a sample is right" if "classes" in task.lacks else ""

    @property
    def acted(self) -> bool:
        """Whether there was a copy."""
        return bool(self.state["acted"])

    def on_epoch_start(self, epoch: Epoch) -> list[Block]:
        """Every sample once with all modalities, and the copies, shuffled together."""
        count = len(epoch.modalities.names)
        sampled = self.level == "sample"
        copies = self._copies(epoch) if sampled else self._of_the_one_behind(epoch)
        self.state["acted"] |= bool(copies.any())
        epoch.record("copies", copies.double().mean(0))
        rows = torch.arange(len(copies))
        index, kept = [rows], [torch.ones(len(rows), count, dtype=torch.bool)]
        for m in range(count):
            again = rows.repeat_interleave(copies[:, m])
            index.append(again)
            kept.append(torch.eye(count, dtype=torch.bool)[m].expand(len(again), -1))
        return [Block(torch.cat(index), torch.cat(kept))]

    def _copies(self, epoch: Epoch) -> Tensor:
        """Copies of every sample; none with a modality that it lacks. -> (N, M)"""
        count = len(epoch.modalities.names)
        read = epoch.by_row("train", _right_and_present).bool()
        values = sample_contributions(read[:, :-count].T, self.worth)
        epoch.record("contribution", values.mean(0))
        copies = extra_copies(values) * read[:, -count:]
        if self.choice == "valued":
            return copies
        draw = epoch.generator()
        for m, here in enumerate(read[:, -count:].T):
            own = copies[here, m]
            copies[here, m] = own[torch.randperm(len(own), generator=draw)]
        return copies

    def _of_the_one_behind(self, epoch: Epoch) -> Tensor:
        """Copies of samples at random, with the modality behind. -> (N, M)"""
        assert epoch.rows is not None
        sums = torch.stack(epoch.each("train", self._summed, self.part)).sum(0)
        total = sum_over_ranks(sums).cpu()
        means = total[:-1] / total[-1]
        epoch.record("contribution", means)
        wanted = int(repeated_share(means, self.alpha, self.rule) * epoch.rows + _ROUNDING)
        drawn = torch.randint(epoch.rows, (wanted,), generator=epoch.generator())
        copies = torch.zeros(epoch.rows, len(means), dtype=torch.int64)
        copies[:, int(means.argmin())] = torch.bincount(drawn, minlength=epoch.rows)
        return copies

    def _summed(self, step: Step) -> Tensor:
        """Sums of the contributions, and the number of samples. -> (M + 1,)"""
        right = _right_and_present(step)[:, : -len(step.modalities.names)].T
        values = sample_contributions(right, self.worth)
        return torch.cat([values.sum(0), values.new_tensor([len(values)])])


def _right_and_present(step: Step) -> Tensor:
    """Whether the logits of each coalition name the class, and which modalities there are.
    -> (N, 2^M + M)"""
    names, logits = step.modalities.names, step.coalitions()
    assert step.target is not None
    right = [torch.zeros_like(step.target, dtype=torch.bool)]
    for s in range(1, 2 ** len(names)):
        found = logits[frozenset(m for k, m in enumerate(names) if s >> k & 1)]
        right.append(found.argmax(1) == step.target)
    return torch.cat([torch.stack(right, 1), step.present()], 1).float()
