r"""BSS: balance-aware sequence sampling.

Samples whose modalities agree and that are fitted come before those that disagree: by a subset that
grows (the heuristic form), or by an easy-first random order that is drawn anew each epoch by the
current model (the learned form; no sampler is trained).

Guan, Jiang, Yang: balance-aware sequence sampling makes multimodal learning better. IJCAI 2025;
https://arxiv.org/abs/2501.01470

=====================  ======  ===============================================================
symbol                 shape   meaning
=====================  ======  ===============================================================
:math:`c_i`            (N,)    mean cosine of two modalities' predictions, over the pairs
:math:`l_i`            (N,)    loss of the sample under the objective
:math:`\nu(x)`         (N,)    x from 0 to 1 over the training set; 0 where all are equal
:math:`\lambda_e`      ()      share of the samples in epoch e = 0, 1, ...
=====================  ======  ===============================================================

.. math::
    d = 1 - \nu(c) + \nu(l), \qquad
    \lambda_e = \min\bigl(1, \sqrt{(1 - \lambda_0^2)(e + 1)/T + \lambda_0^2}\bigr),

    s = 1 - (\nu(l) - \nu(c)) + 0.01, \qquad \pi = s / \textstyle\sum s

The heuristic form ranks all samples once, by the model before the first epoch, and trains on the
:math:`\lfloor N \lambda_e \rfloor` easiest, shuffled. The learned form draws all samples without
replacement with chances :math:`\pi`, and keeps their order. Differences: the release scores in
training mode, which moves batch statistics, and drops the last short batch, always of the hardest;
we do neither. Its weights of the fused and the unimodal losses, .1 and .9 for one data set, are
``unimodal_weight=9`` at a tenth of the rate. One of its scripts has the order reversed.
"""

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from equimodal.balancing.epochs.blocks import Block
from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.numerics.scores import widened

_FLOOR = 0.01
ORDERS, DIFFICULTIES = ("curriculum", "drawn"), ("balance", "loss", "random")


def agreement(logits: Sequence[Tensor]) -> Tensor:
    """Mean cosine of the modalities' predictions over their pairs. M times (N, C) -> (N,)

    Raises:
        BalanceError: fewer than two logits, or of other samples and classes.
    """
    listed = isinstance(logits, (list, tuple))
    require(listed and len(logits) > 1, "There must be logits of two modalities or more", logits)
    for given in logits:
        require_tensor("logits", given, axes="N,C", floating=True)
        same = given.shape == logits[0].shape
        require(same, "Logits must be of the same samples and classes", tuple(given.shape))
    chances = [widened(z).softmax(1) for z in logits]
    return torch.stack([cosine_similarity(p, q) for p, q in combinations(chances, 2)]).mean(0)


def spread_out(values: Tensor) -> Tensor:
    """Values from 0, the least, to 1, the largest; 0 where all are equal. (N,) -> (N,)

    Raises:
        BalanceError: ``values`` is no vector of real numbers.
    """
    require_tensor("values", values, axes="N", floating=True)
    low, high = values.min(), values.max()
    return (values - low) / torch.where(high > low, high - low, 1)


def curriculum_share(epoch: int, epochs: float, start: float = 0.1) -> float:
    """Share of the samples that an epoch trains on. -> in [start, 1]

    Args:
        epoch: from 0.
        epochs: after which all are trained on, above 0.
        start: what the share grows from, in [0, 1].

    Raises:
        BalanceError: an argument out of range.
    """
    require_number("epoch", epoch, low=0, whole=True)
    require_number("epochs", epochs, above=0)
    require_number("start", start, low=0, high=1)
    return min(1.0, math.sqrt((1 - start**2) * (epoch + 1) / epochs + start**2))


def draw_chances(agreements: Tensor, losses: Tensor) -> Tensor:
    """Chance of each sample to be drawn first, more for an easy one. (N,), (N,) -> (N,), sums to 1

    Raises:
        BalanceError: no vectors of real numbers of the same samples.
    """
    require_tensor("agreements", agreements, axes="N", floating=True)
    require_tensor("losses", losses, axes="N", floating=True)
    same = len(agreements) == len(losses)
    require(same, "There must be a loss for each agreement", (len(agreements), len(losses)))
    weights = 1 - (spread_out(losses) - spread_out(agreements)) + _FLOOR
    return weights / weights.sum()


class BSS(Method):
    """Show samples whose modalities agree and that are fitted before the others.

    Records: ``agreement`` and ``loss``, means over the samples, whenever they are ranked; and
    ``samples``, the share that an epoch trains on.

    Args:
        order: "curriculum", a growing subset of the easiest; "drawn", all of them in a random
            order that begins with easy ones.
        difficulty: by "balance", agreement and loss; by the "loss" alone, a control; "random", the
            other control.
        start_share: of the samples, what the curriculum grows from, in (0, 1].
        growth: share of the planned epochs after which it holds all samples, in (0, 1].
        every: epochs between two rankings of the curriculum; None: it is ranked once.
        unimodal_weight: of the unimodal losses in the objective, above 0.

    Raises:
        BalanceError: an argument out of range, or one that the order does not read.

    Example::

        Balancer(model, BSS(), encoders, LinearSplit("fc"), epochs=120,
                 loaders={"train": DataLoader(train)})
    """

    needs: frozenset[str] = frozenset({"train_loader", "unimodal_logits"})
    objective = "fused+unimodal"
    lists_items = True
    per_forward = True

    def __init__(
        self,
        order: str = "curriculum",
        *,
        difficulty: str = "balance",
        start_share: float = 0.1,
        growth: float = 1 / 3,
        every: int | None = None,
        unimodal_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.order = require_choice("BSS order", order, ORDERS)
        self.difficulty = require_choice("BSS difficulty", difficulty, DIFFICULTIES)
        self.start_share = require_number("BSS start_share", start_share, above=0, high=1)
        self.growth = require_number("BSS growth", growth, above=0, high=1)
        self.every = every
        self.unimodal_weight = require_number("BSS unimodal_weight", unimodal_weight, above=0)
        if every is not None:
            require_number("BSS every", every, low=1, whole=True)
        if order == "drawn":
            self.refuse_set("start_share", "growth", "every", why="with order='drawn'")
        else:
            self.needs = self.needs | {"epochs"}
        self.state = {"first": None}

    def unsuited(self, task: Task) -> str:
        """Agreement is of distributions over classes."""
        return "it reads distributions over one class" if "classes" in task.lacks else ""

    @property
    def acted(self) -> bool:
        """Whether it ordered an epoch."""
        return self.state["first"] is not None

    def on_epoch_start(self, epoch: Epoch) -> list[Block]:
        """The samples of the epoch, in their order or shuffled."""
        if self.state["first"] is None:
            self.state["first"] = epoch.epoch_index
        if self.order == "drawn":
            agreements, losses = self._read(epoch)
            chances = self._chances(agreements, losses)
            return [Block(_drawn(chances, epoch.generator()), shuffle=False)]
        since = epoch.epoch_index - self.state["first"]
        if since == 0 or (self.every and since % self.every == 0):
            difficulty = self._difficulty(epoch, *self._read(epoch))
            self.snapshots = {"order": difficulty.argsort(stable=True)}
        assert epoch.total_epochs is not None
        share = curriculum_share(since, self.growth * epoch.total_epochs, self.start_share)
        order = self.snapshots["order"]
        count = max(1, int(len(order) * share + 1e-9))
        epoch.record("samples", [count / len(order)] * len(epoch.modalities.names))
        return [Block(order[:count])]

    def _read(self, epoch: Epoch) -> tuple[Tensor, Tensor]:
        """Agreement and loss of every sample. -> (N,), (N,)"""
        agreements, losses = epoch.by_row("train", _views).unbind(1)
        # A sample of one modality agrees with nobody: it counts as the samples do on average.
        agreements = agreements.nan_to_num(float(agreements.nanmean().nan_to_num()))
        count = len(epoch.modalities.names)
        epoch.record("agreement", agreements.mean().expand(count))
        epoch.record("loss", losses.mean().expand(count))
        return agreements, losses

    def _chances(self, agreements: Tensor, losses: Tensor) -> Tensor:
        if self.difficulty == "random":
            return torch.full_like(losses, 1 / len(losses))
        alone = self.difficulty == "loss"
        return draw_chances(torch.zeros_like(agreements) if alone else agreements, losses)

    def _difficulty(self, epoch: Epoch, agreements: Tensor, losses: Tensor) -> Tensor:
        """From 0, easy, to 2. -> (N,)"""
        if self.difficulty == "random":
            return torch.rand(len(losses), generator=epoch.generator())
        if self.difficulty == "loss":
            return spread_out(losses)
        return 1 - spread_out(agreements) + spread_out(losses)


def _views(step: Step) -> Tensor:
    """Agreement of a sample's modalities, no number where it has one alone, and its loss under the
    objective. -> (N, 2)"""
    assert step.target is not None and step.logits is not None
    losses = step.task.log_loss(step.logits, step.target)
    every = torch.arange(len(losses), device=losses.device)
    whole = {}
    for m, own in step.unimodal_logits.items():
        here = every if step.rows is None else step.rows[m].to(losses.device)
        whole[m] = losses.new_full((len(losses), own.shape[1]), math.nan)
        whole[m][here] = own.to(losses.dtype)
        added = step.task.log_loss(own, step.targets[m]).to(losses.dtype)
        losses = losses.index_add(0, here, added, alpha=step.unimodal_weight)
    pairs = [agreement(pair) for pair in combinations(whole.values(), 2)]
    return torch.stack([torch.stack(pairs).nanmean(0), losses], 1)


def _drawn(chances: Tensor, generator: torch.Generator) -> Tensor:
    """Samples drawn one after the other without replacement. (N,) -> (N,) int64"""
    # Of exponential times divided by the chances, the least belongs to each with its chance.
    times = -torch.log1p(-torch.rand(len(chances), generator=generator, dtype=torch.float64))
    return (times / chances).argsort(stable=True)
