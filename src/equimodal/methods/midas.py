r"""MIDAS: misaligned samples as supervised training data.

Features of samples with different labels are put together into one fused input, whose label weighs
the labels by how sure each modality's own classifier is, so that the model must read every one. The
label of the least sure modality is raised, and so are inputs hard to tell from the aligned ones.

Hwang, Choi, Whang: MIDAS: misalignment-based data augmentation strategy for imbalanced multimodal
learning. NeurIPS 2025; https://arxiv.org/abs/2509.25831

==========================  ==========  ======================================================
symbol                      shape       meaning
==========================  ==========  ======================================================
:math:`y^m, \tilde c^m`     (R, M)      label of modality m's source row, and its share
:math:`\tilde P`            (R, C)      softmax of the fused logits of the features put together
:math:`\alpha_m`            (M,)        weight of modality m's label, at least 1
:math:`s`                   (R,)        mean cosine of the features that were replaced
==========================  ==========  ======================================================

.. math::
    L = L_\mathrm{fused} + \sum_m L^m + \lambda\, \mathrm{mean}_r\, s_r
        \Big(-\sum_m \alpha_m \tilde c^m_r \log \tilde P_r[y^m_r]\Big)

Alpha of the modality with the least mean share grows by eta times what the prediction gives it less
than its share; it is never below 1, and the others' are 1. The code was not to be found: this
follows the paper's text. Open there, and ours: a negative cosine counts as 0 (``hardness``), rows
whose labels are all equal are left out, and alpha moves at each forward pass. The paper warms up on
the unimodal losses alone: ``warm_up=0.1``. Its own linear heads are the readout here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task, require_labels
from equimodal.checks import require_choice, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks

HARDNESS = ("positive", "raw", "shifted", "none")


def label_shares(confidences: Tensor) -> Tensor:
    """Share of each modality's label by its probability of it. (R, M) -> (R, M), rows sum to 1

    Raises:
        BalanceError: no floating-point tensor (R, M).
    """
    require_tensor("confidences", confidences, axes="R,M", floating=True)
    return confidences / confidences.sum(1, keepdim=True).clamp_min(1e-12)


def misaligned_losses(logits: Tensor, labels: Tensor, shares: Tensor, alpha: Tensor) -> Tensor:
    """Cross-entropy of each row with the labels of its sources. -> (R,)

    (R, C), (R, M) int64, (R, M), (M,) -> (R,)

    Raises:
        BalanceError: shapes that do not belong together.
    """
    require_tensor("logits", logits, axes="R,C", floating=True)
    require_tensor("labels", labels, axes="R,M")
    require_tensor("shares", shares, axes="R,M", floating=True)
    require_tensor("alpha", alpha, axes="M", floating=True)
    require_labels(labels, logits.shape[1])
    if labels.shape != shares.shape or labels.shape != (len(logits), len(alpha)):
        raise BalanceError(
            "Labels and shares must be (R, M) and alpha (M,) for R rows of logits; found "
            f"{tuple(labels.shape)}, {tuple(shares.shape)}, {tuple(alpha.shape)} and {len(logits)}."
        )
    chosen = widened(logits).log_softmax(1).gather(1, labels)
    return -(alpha * shares * chosen).sum(1)


class MIDAS(Method):
    """Train on features of different samples put together, whose labels are shared by confidence.

    Args:
        lam: weight of the misaligned samples; the paper's is 1, of one data set 5. 0 leaves them
            out.
        eta: rate at which the weak modality's label is raised; the paper's is 0.05. 0 is off.
        hardness: how a row counts by the cosine s of what was replaced: "positive", max(s, 0);
            "raw", s; "shifted", (1 + s) / 2; "none", 1.
    """

    needs = frozenset({"unimodal_logits", "features"})
    objective = "fused+unimodal"
    per_forward = True

    def __init__(self, lam: float = 1.0, eta: float = 0.05, *, hardness: str = "positive") -> None:
        super().__init__()
        self.lam = require_number("MIDAS lam", lam, low=0)
        self.eta = require_number("MIDAS eta", eta, low=0)
        self.hardness = require_choice("MIDAS hardness", hardness, HARDNESS)
        if lam == 0:
            self.refuse_set("eta", "hardness", why="with lam=0")
        self.state = {"alpha": None}

    def unsuited(self, task: Task) -> str:
        """Labels are shared as those of one class."""
        return "it shares labels of one class a sample" if "classes" in task.lacks else ""

    def on_epoch_start(self, epoch: Epoch) -> None:
        """Every modality's label counts the same again."""
        self.state["alpha"] = None

    def on_warm_up(self, step: Step) -> Tensor:
        """The unimodal losses alone; the fused one has no say."""
        own = torch.stack(list(step.unimodal_losses.values())).sum()
        return own + 0 * step.fused_loss

    def on_loss(self, step: Step) -> Tensor:
        """The objective and the misaligned samples."""
        loss = step.objective_loss
        if not self.lam:
            return loss
        own = self._own(step)
        alpha = self._alpha(own)
        sums = [self._misaligned(step, own, alpha, k) for k in range(len(step.modalities.names))]
        total = torch.stack(sums).sum(0)
        step.record("alpha", alpha)
        if self.eta:
            self._follow(sum_over_ranks(total[1:].detach()), alpha)
        return loss + self.lam * total[0] / total[1].clamp_min(1)

    def _own(self, step: Step) -> Tensor:
        """Probability that each modality's own logits give the label, row by row. -> (N, M)"""
        assert step.target is not None and step.readout is not None
        logits = step.unimodal_logits
        if step.rows is not None:
            logits = step.readout(step.modalities, step.outputs)
        chances = [step.task.score(logits[m].detach(), step.target) for m in step.modalities.names]
        return torch.stack(chances, 1)

    def _alpha(self, like: Tensor) -> Tensor:
        """Weight of every modality's label. -> (M,)"""
        kept = self.state["alpha"]
        return like.new_ones(like.shape[1]) if kept is None else kept.to(like)

    def _sources(self, step: Step, kind: int) -> list[Tensor]:
        """Rows that each modality is taken from: of one, the rows themselves. -> M times (N,)"""
        assert step.target is not None
        count, names = len(step.target), step.modalities.names
        found = []
        for k in range(len(names)):
            place = (k - kind) % len(names)
            rows = torch.arange(count)
            if place:
                rows = torch.randperm(count, generator=step.generator(place))
            found.append(rows.to(step.target.device, non_blocking=True))
        return found

    def _misaligned(self, step: Step, own: Tensor, alpha: Tensor, kind: int) -> Tensor:
        """Sums over the misaligned rows of one kind: weighted loss, number, shares, and what the
        prediction gives each label. -> (2 + 2 M,)"""
        assert step.target is not None
        names, sources = step.modalities.names, self._sources(step, kind)
        labels = torch.stack([step.target[rows] for rows in sources], 1)
        counts = (labels != labels[:, :1]).any(1)
        if step.rows is not None:
            present = step.present()
            counts &= torch.stack([present[rows, k] for k, rows in enumerate(sources)]).all(0)
        if any(m not in step.outputs for m in names):
            return own.new_zeros(2 + 2 * len(names))
        shares = label_shares(torch.stack([own[r, k] for k, r in enumerate(sources)], 1))
        features = {m: step.outputs[m][rows] for m, rows in zip(names, sources, strict=True)}
        logits = step.logits_of(features)
        losses = misaligned_losses(logits, labels, shares, alpha)
        weights = self._weights(step, features, kind) * counts
        chance = widened(logits.detach()).softmax(1)
        among = torch.zeros_like(chance).scatter(1, labels, 1.0)
        given = chance.gather(1, labels) / (chance * among).sum(1, keepdim=True).clamp_min(1e-12)
        return torch.cat([
            (weights * losses).sum()[None], counts.sum()[None].to(losses),
            (shares * counts[:, None]).sum(0), (given * counts[:, None]).sum(0),
        ])  # fmt: skip

    def _weights(self, step: Step, features: dict[str, Tensor], kind: int) -> Tensor:
        """How hard each row is to tell from the aligned one. -> (N,)"""
        names = step.modalities.names
        cosines = [
            functional.cosine_similarity(
                widened(step.outputs[m].detach()).flatten(1),
                widened(features[m].detach()).flatten(1),
            )
            for k, m in enumerate(names)
            if k != kind
        ]
        return _hardness(cosines, self.hardness)

    def _follow(self, sums: Tensor, alpha: Tensor) -> None:
        """Raise the weak modality's label by how much the prediction lacks of it. (1 + 2 M,)"""
        count, (shares, given) = sums[0], sums[1:].view(2, -1)
        weak = functional.one_hot(shares.argmin(), len(alpha)).bool()
        grown = alpha + self.eta * (shares - given) / count.clamp_min(1)
        moved = torch.where(weak, grown.clamp_min(1), torch.ones_like(alpha))
        self.state["alpha"] = torch.where(count > 0, moved, alpha)


def _hardness(cosines: Sequence[Tensor], kind: str) -> Tensor:
    """Weight of each row by the mean cosine of what was replaced. -> (N,)"""
    mean = torch.stack(list(cosines)).mean(0)
    if kind == "positive":
        return mean.clamp_min(0)
    if kind == "shifted":
        return (1 + mean) / 2
    return mean if kind == "raw" else torch.ones_like(mean)
