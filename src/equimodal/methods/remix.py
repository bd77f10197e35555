r"""Data remixing: each sample trains the one modality that separates it worst.

After a warm-up every training sample belongs to the modality whose prediction of it is nearest to
even, and trains that modality alone: the features of the others are zeros. A batch holds samples of
one modality, so that no gradient of one disturbs another's. The epoch stays as long.

Ma, Chen, Deng: improving multimodal learning balance and sufficiency through data remixing. ICML
2025; https://arxiv.org/abs/2506.11550

=======================  ======  ==============================================================
symbol                   shape   meaning
=======================  ======  ==============================================================
:math:`p_i^m`            (C,)    softmax of the modality's own logits
:math:`D_i^m`            ()      how far it is from even, in bits, from 0 to log2 C
:math:`h(i)`             int     the modality that sample i trains
=======================  ======  ==============================================================

.. math::
    D_i^m = \sum_c p_{ic}^m \log_2 (C\,p_{ic}^m), \qquad h(i) = \arg\min_m D_i^m,

    L = \mathrm{CE}(f(0, .., z^m, .., 0), y) + \gamma\,\mathrm{CE}(u^m, y)

The labels have no say: a modality that is surely wrong counts as separating well. On a tie the
later modality has the sample, as released. The warm-up trains the fused loss and half of every
modality's own. Differences: the paper blanks inputs, the release features, so do we; it has linear
heads of its own, which are the readout here; with one that splits a linear head the two losses of a
batch are nearly the same, and :math:`\gamma = 1` nearly doubles the step.
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
from equimodal.numerics.scores import widened

_LEAST = 1e-9
CHOICES, BATCHES = ("hardest", "random"), ("separate", "mixed")


def separation(logits: Tensor) -> Tensor:
    """How far a prediction is from an even one, in bits. (N, C) -> (N,), from 0 to log2 C

    Raises:
        BalanceError: ``logits`` are no real numbers (N, C).
    """
    require_tensor("logits", logits, axes="N,C", floating=True)
    chances = widened(logits).softmax(1).clamp_min(_LEAST)
    return (chances * (chances * chances.shape[1]).log2()).sum(1)


def hardest_modality(separations: Tensor) -> Tensor:
    """The modality that separates each sample worst, the later of equal ones. (N, M) -> (N,) int64

    Args:
        separations: infinite for a modality that a sample lacks.

    Raises:
        BalanceError: ``separations`` is no (N, M) tensor, or a sample has no modality.
    """
    require_tensor("separations", separations, axes="N,M", floating=True)
    least = separations.min(1, keepdim=True).values
    require(bool(least.isfinite().all()), "Every sample must have a modality", separations)
    places = torch.arange(separations.shape[1], device=separations.device)
    return ((separations == least) * places).max(1).values


class Remix(Method):
    """Give each sample to the modality that separates it worst, and batches to one modality.

    Blocks of batches follow each other, the later modality's first. Records: ``share`` of the
    samples of each modality, of every epoch.

    Args:
        gamma: weight of the modality's own loss beside the fused one, >= 0.
        choice: "hardest"; "random", a control: as many samples each, at random.
        batches: of "separate" modalities; "mixed", a control.
        unimodal_weight: of the unimodal losses in the warm-up, above 0.

    Raises:
        BalanceError: an argument out of range.

    Example::

        Balancer(model, methods.create("remix"), encoders, LinearSplit("fc"), epochs=60,
                 loaders={"train": DataLoader(train)})
    """

    needs: frozenset[str] = frozenset({"features", "train_loader", "unimodal_logits"})
    objective = "fused+unimodal"
    lists_items = True
    per_forward = True

    def __init__(
        self,
        gamma: float = 1.0,
        *,
        choice: str = "hardest",
        batches: str = "separate",
        unimodal_weight: float = 0.5,
    ) -> None:
        super().__init__()
        self.gamma = require_number("Remix gamma", gamma, low=0)
        self.choice = require_choice("Remix choice", choice, CHOICES)
        self.batches = require_choice("Remix batches", batches, BATCHES)
        self.unimodal_weight = require_number("Remix unimodal_weight", unimodal_weight, above=0)
        self.state = {"epochs": 0, "starved": {}}

    def unsuited(self, task: Task) -> str:
        """Predictions are held against an even one."""
        return "it reads distributions over one class" if "classes" in task.lacks else ""

    @property
    def acted(self) -> bool:
        """Whether samples were given to modalities."""
        return bool(self.state["epochs"])

    @property
    def note(self) -> str:
        """Which modality had no sample, and how often."""
        starved = self.state["starved"].items()
        total = self.state["epochs"]
        return "; ".join(f"no sample trained {m} in {n} of {total} epochs" for m, n in starved)

    def on_epoch_start(self, epoch: Epoch) -> list[Block]:
        """The samples of each modality, those of the last one first."""
        names = epoch.modalities.names
        chosen = hardest_modality(epoch.by_row("train", _separations))
        if self.choice == "random":
            chosen = chosen[torch.randperm(len(chosen), generator=epoch.generator())]
        counts = torch.bincount(chosen, minlength=len(names))
        epoch.record("share", counts / len(chosen))
        self.state["epochs"] += 1
        for m, count in zip(names, counts.tolist(), strict=True):
            if not count:
                self.state["starved"][m] = self.state["starved"].get(m, 0) + 1
        kept = torch.eye(len(names), dtype=torch.bool)[chosen]
        if self.batches == "mixed":
            return [Block(torch.arange(len(chosen)), kept)]
        rows = [(chosen == k).nonzero()[:, 0] for k in reversed(range(len(names)))]
        return [Block(index, kept[index]) for index in rows if len(index)]

    def on_loss(self, step: Step) -> Tensor:
        """The fused loss, and each row's own of the modality that it trains."""
        assert step.target is not None
        own = [
            loss * (len(step.targets[m]) / len(step.target))
            for m, loss in step.unimodal_losses.items()
        ]
        return torch.add(step.fused_loss, torch.stack(own).sum(), alpha=self.gamma)


def _separations(step: Step) -> Tensor:
    """How far each modality's own prediction is from even; infinite where it is missing.
    -> (N, M)"""
    assert step.target is not None
    logits = step.unimodal_logits
    names, rows = step.modalities.names, len(step.target)
    first = widened(next(iter(logits.values())))
    found = first.new_full((rows, len(names)), math.inf)
    for k, m in enumerate(names):
        here = slice(None) if step.rows is None else step.rows[m].to(found.device)
        found[here, k] = separation(logits[m]).to(found.dtype)
    return found
