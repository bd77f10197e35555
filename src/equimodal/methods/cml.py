r"""CML: calibrating multimodal learning.

With fewer modalities a model must not be more confident; where it is, it leans on one of them.
Along a random chain of ever smaller sets of modalities, the class loss of each set is trained, and
the rise of confidence from a set to the next is punished.

Ma, Zhang, Zhang, Wu, Fu, Zhou, Hu: calibrating multimodal learning. ICML 2023;
https://arxiv.org/abs/2306.01265

====================================  ========  ===============================================
symbol                                shape     meaning
====================================  ========  ===============================================
:math:`S_1 \supset \ldots \supset S_M`          chain of a sample: each drops one at random
:math:`o(S)`                          (N, C)    fused logits, the other modalities' features zero
:math:`\mathrm{conf}(S)`              (N,)      :math:`\max_c \mathrm{softmax}(o(S))_c`
====================================  ========  ===============================================

.. math::
    L = \frac{1}{M} \sum_k \ell(o(S_k), y)
        + \lambda\, \mathrm{mean}_i \sum_k \max(0, \mathrm{conf}(S_{k+1}) - \mathrm{conf}(S_k))

Differences: the released refinement, our default, counts a rise only where the larger set is right,
and, with its confidence held fixed, where both are wrong (``mask="right"``); ``"both"`` is that of
the second released host, ``"none"`` the paper's plain principle. The release sums over the rows of
its batch of 200, here it is their mean, so that lambda = 0.1 there is 20 here. Features are zeroed,
the released hosts impute inputs.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require_choice, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened

MASKS = ("right", "both", "none")


def confidence_rises(
    full: Tensor, subset: Tensor, labels: Tensor, mask: str = "right", tolerance: float = 0.0
) -> Tensor:
    """How much more confident each sample is with fewer modalities, where that counts.

    (N, C), (N, C), (N,) -> (N,), at least 0

    Args:
        full: logits of the larger set.
        subset: logits of the smaller set.
        labels: classes.
        mask: "right", "both" or "none".
        tolerance: rises up to this are free.

    Raises:
        BalanceError: an unknown mask, or tensors that do not belong together.
    """
    require_tensor("full", full, axes="N,C", floating=True)
    require_tensor("subset", subset, axes="N,C", floating=True)
    require_tensor("labels", labels, axes="N")
    require_choice("mask", mask, MASKS)
    if full.shape != subset.shape or labels.shape != full.shape[:1]:
        raise BalanceError(
            "Logits of both sets must be (N, C) and labels (N,); found "
            f"{tuple(full.shape)}, {tuple(subset.shape)} and {tuple(labels.shape)}."
        )
    more, less = (widened(z).softmax(1).amax(1) for z in (full, subset))
    # relu, not a clamp: at a rise of 0, as of a modality whose features are 0, it has no gradient.
    if mask == "none":
        return functional.relu(less - more - tolerance)
    right = full.argmax(1) == labels
    wrong = ~right & (subset.argmax(1) != labels)
    fixed = more if mask == "both" else more.detach()
    return functional.relu((less - more) * right - tolerance) + functional.relu(
        (less - fixed) * wrong - tolerance
    )


class CML(Method):
    """Train ever smaller sets of modalities, and punish a confidence that rises on the way.

    Args:
        lam: weight of the mean rise; 0 leaves the class losses alone: the control.
        mask: which rises count: "right", of samples that the larger set has right, and without
            lowering its confidence of those that both have wrong; "both", the same with gradient
            through both; "none", all.
        tolerance: rises up to this are free, in [0, 1).
        pairs: the sets that are trained: of a "chain", drawn for each sample, as released; "all",
            every set and every modality that leaves it: what chains are on average, ours.
    """

    needs = frozenset({"features"})
    objective = "fused"
    per_forward = True

    def __init__(
        self,
        lam: float = 0.1,
        *,
        mask: str = "right",
        tolerance: float = 0.0,
        pairs: str = "chain",
    ) -> None:
        super().__init__()
        self.lam = require_number("CML lam", lam, low=0)
        self.mask = require_choice("CML mask", mask, MASKS)
        self.tolerance = require_number("CML tolerance", tolerance, low=0, high=1)
        self.pairs = require_choice("CML pairs", pairs, ("chain", "all"))
        if lam == 0:
            self.refuse_set("mask", "tolerance", why="with lam=0")

    def unsuited(self, task: Task) -> str:
        """Confidence is that of one class a sample."""
        return "confidence is that of one class a sample" if "classes" in task.lacks else ""

    def on_loss(self, step: Step) -> Tensor:
        """The class losses along the chains, and the rises of confidence."""
        loss, rise = self._all(step) if self.pairs == "all" else self._chains(step)
        if not self.lam:
            return loss
        step.record("rise", rise.detach().expand(len(step.modalities.names)))
        return loss + self.lam * rise

    def _chains(self, step: Step) -> tuple[Tensor, Tensor]:
        """Class losses and rises along a chain for each row. -> (), ()"""
        present = step.present()
        left, sizes = self._places(step, present), present.sum(1)
        logits, target = step.logits, step.target
        assert logits is not None and target is not None
        classes, rises, shares = [step.fused_loss], [], [len(target)]
        for level in range(1, len(step.modalities.names)):
            fewer = step.logits_of(kept=left >= level)
            rise = confidence_rises(logits, fewer, target, self.mask, self.tolerance)
            # Where nothing is missing every row is in every level, and no device has to wait.
            counts = slice(None) if step.rows is None else sizes > level
            shares.append(len(target[counts]))
            rises.append(rise[counts].sum() / len(target))
            classes.append(step.task.loss(fewer[counts], target[counts]))
            logits = fewer
        weights = [share / sum(shares) for share in shares]
        loss = sum(w * c for w, c in zip(weights, classes, strict=True) if w)
        assert isinstance(loss, Tensor)
        return loss, torch.stack(rises).sum()

    def _all(self, step: Step) -> tuple[Tensor, Tensor]:
        """Class losses and rises of every set, as chains have them on average. -> (), ()"""
        target, names = step.target, step.modalities.names
        assert step.logits is not None and target is not None
        absent = ~step.present()
        every = {
            s: step.logits_of(kept=absent | _within(s, names).to(absent.device))
            for s in _subsets(names) if len(s) < len(names)
        }  # fmt: skip
        losses, rises, steps = [], [torch.zeros_like(step.fused_loss)], 0
        for held, rows in _holders(step):
            labels = target[rows]
            found = {s: every[s][rows] for s in _subsets(held) if s != held}
            found[held] = step.logits[rows]
            steps += len(labels) * len(held)
            for size in range(1, len(held) + 1):
                level = [s for s in found if len(s) == size]
                each = torch.stack([step.task.loss(found[s], labels) for s in level])
                losses.append(len(labels) * each.mean())
                pairs = [(s, s - {m}) for s in level for m in s if size > 1]
                if pairs:
                    given = (labels, self.mask, self.tolerance)
                    own = [confidence_rises(found[s], found[t], *given).sum() for s, t in pairs]
                    rises.append(torch.stack(own).mean())
        return torch.stack(losses).sum() / steps, torch.stack(rises).sum() / len(target)

    def _places(self, step: Step, present: Tensor) -> Tensor:
        """When each modality leaves each row's chain, from 0; those that are missing stay, as the
        model read them. -> (N, M)"""
        draws = torch.rand(present.shape, generator=step.generator()).to(present.device)
        order = draws.masked_fill(~present, 2.0).argsort(1).argsort(1)
        return order.masked_fill(~present, len(step.modalities.names))


def _subsets(names: Iterable[str]) -> list[frozenset[str]]:
    """All sets of modalities but the empty one, smaller ones first."""
    names = list(names)
    return [frozenset(s) for n in range(1, len(names) + 1) for s in combinations(names, n)]


def _within(held: frozenset[str], names: Sequence[str]) -> Tensor:
    """(M,) bool, which modalities are in a set."""
    return torch.tensor([m in held for m in names])


def _holders(step: Step) -> Iterator[tuple[frozenset[str], slice | Tensor]]:
    """The rows that hold a set of modalities and no other, for every set that some do."""
    names = step.modalities.names
    if step.rows is None:
        yield frozenset(names), slice(None)
        return
    present = step.present()
    for held in _subsets(names):
        rows = (present == _within(held, names).to(present.device)).all(1)
        if rows.any():
            yield held, rows
