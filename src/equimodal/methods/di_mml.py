r"""DI-MML: detached and interactive multimodal learning.

Encoders never share a fused loss: each has a head of its own, a classifier that all share puts
their features into one space, and in feature dimensions that tell the class in one modality but not
in another the other is drawn to it, one way only. The fused head is trained last, on encoders that
stand still, and predictions are mixed by how sure each is.

Fan, Xu, Wang, Liu, Guo: detached and interactive multimodal learning. ACM Multimedia 2024;
https://arxiv.org/abs/2407.19514

===================  =========  ================================================================
symbol               shape      meaning
===================  =========  ================================================================
:math:`f^m`          (N, D)     features, of one width for all modalities
:math:`h^m, h^s`     D -> C     own heads, and the shared classifier
:math:`a^m`          (D,)       accuracy of each dimension alone, by the nearest class mean
:math:`E^m`          set        dimensions whose accuracy is above the mean of all
:math:`U^{mk}`       set        :math:`E^m \setminus E^k`: what m can teach k
===================  =========  ================================================================

.. math::
    L_1 = \sum_m \mathrm{CE}(h^m(f^m), y) + w \sum_m \mathrm{CE}(h^s(f^m), y)
        + \frac{c}{M - 1} \sum_{m \ne k} \overline{-\log
        \frac{\exp(f^k_i \cdot f^m_i / T)}{\sum_j \exp(f^k_i \cdot f^m_j / T)}}_{\,U^{mk}}, \qquad
    z = \sum_r \mathrm{softmax}_r(\max \mathrm{softmax}(o^r) / T_2)\, o^r

with the teacher held fixed, the third term from a share of the training on, and r over the own
heads and, once it is trained, the fused one. Differences: for more than two modalities all ordered
pairs are meant, divided by M - 1 (ours). The released code tests dimensions on augmented and
shuffled rows one by one and gives a class without rows a mean that is no number; here rows are
those of the training loader, and such a class is never nearest. It saves its first stage at every
best test accuracy and takes up the last such epoch.
"""

from collections.abc import Mapping
from itertools import permutations

import torch
from torch import Tensor, nn

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.moment import Moment
from equimodal.balancing.readouts import AuxiliaryHeads
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task, require_labels
from equimodal.balancing.updates.optimizers import forget
from equimodal.checks import require, require_number, require_tensor, require_whole
from equimodal.errors import BalanceError
from equimodal.numerics.mixing import certainty_mixture
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks

_ROUNDING = 1e-9


def dimension_accuracies(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Share of the rows whose class each dimension alone finds by the nearest class mean, over the
    rows of all ranks; of equal distances the first class counts. (N, D), (N,) -> (D,), in [0, 1]

    Raises:
        BalanceError: features are no floating-point tensor (N, D), or labels are not theirs.
    """
    require_tensor("features", features, axes="N,D", floating=True)
    require_tensor("labels", labels, axes="N")
    require(len(features) == len(labels) > 0, "features must have a label a row",
            (len(features), len(labels)))  # fmt: skip
    require_labels(labels, require_whole("classes", classes, low=1))
    rows = widened(features)
    sums = rows.new_zeros(classes, rows.shape[1]).index_add_(0, labels, rows)
    counts = rows.new_zeros(classes).index_add_(0, labels, rows.new_ones(len(rows)))
    sums, counts = sum_over_ranks(sums), sum_over_ranks(counts)
    means = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp_min(1), torch.inf)
    hits = rows.new_zeros(rows.shape[1])
    for part, own in zip(torch.split(rows, 1024), torch.split(labels, 1024), strict=True):
        nearest = (part[:, None] - means).abs().argmin(1)
        hits += (nearest == own[:, None]).sum(0)
    return sum_over_ranks(hits) / counts.sum()


def drawn_to(pupil: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """How far each row of the pupil is from telling its own row of the teacher, which stands still,
    from the others'. (N, D), (N, D) -> ()

    Raises:
        BalanceError: features are no floating-point tensors of one shape (N, D).
    """
    require_tensor("pupil", pupil, axes="N,D", floating=True)
    require_tensor("teacher", teacher, axes="N,D", floating=True)
    same = pupil.shape == teacher.shape
    require(same, "pupil and teacher must be of one shape", tuple(teacher.shape))
    require_number("temperature", temperature, above=0)
    likeness = widened(pupil) @ widened(teacher.detach()).T / temperature
    distance: Tensor = (likeness.logsumexp(1) - likeness.diagonal()).mean()
    return distance


class DetachedHeads(AuxiliaryHeads):
    """A head for each modality and one for all, on features that carry gradient.

    Args:
        widths: of every modality's features, all the same.
        classes: C.
    """

    def __init__(self, widths: Mapping[str, int], classes: int) -> None:
        super().__init__(widths, classes, attached=True)
        self.shared = nn.Linear(next(iter(widths.values())), classes)
        self.register_buffer("joined", torch.zeros((), dtype=torch.bool))

    joined: Tensor
    """Whether the fused head is trained too, () bool."""


class DIMML(Method):
    """Train every encoder through a head of its own, let them teach each other, fuse last.

    Args:
        shared: weight of the shared classifier's losses, at least 0; released: 1.
        contrast: weight of what draws modalities to each other, at least 0; 0 is the control.
        temperature: of that term, above 0; released: 50 or 10, by data set. Dot products grow with
            width and size of the features.
        contrast_from: share of the training after which it acts, in [0, 1); released: 20 of 150.
        fusion_from: share after which encoders stand still and the fused head is trained, in
            (0, 1]; released: 20 epochs more.
        mixing: temperature of the weights of predictions, above 0; released: 1 or 3.
    """

    needs = frozenset(
        {"unimodal_logits", "features", "widths", "train_loader", "epochs", "optimizers"}
    )
    objective = "fused"
    per_forward = True
    windowed = False
    brings_heads = True

    def __init__(
        self,
        shared: float = 1.0,
        *,
        contrast: float = 1.0,
        temperature: float = 50.0,
        contrast_from: float = 2 / 15,
        fusion_from: float = 13 / 15,
        mixing: float = 1.0,
    ) -> None:
        super().__init__()
        self.shared = require_number("DIMML shared", shared, low=0)
        self.contrast = require_number("DIMML contrast", contrast, low=0)
        self.temperature = require_number("DIMML temperature", temperature, above=0)
        self.contrast_from = require_number("DIMML contrast_from", contrast_from, low=0, high=1)
        self.fusion_from = require_number("DIMML fusion_from", fusion_from, above=0, high=1)
        self.mixing = require_number("DIMML mixing", mixing, above=0)
        if contrast == 0:
            self.refuse_set("temperature", "contrast_from", why="with contrast=0")
            self.needs -= {"train_loader"}
        self.state = {"effective": None}
        self._heads: DetachedHeads

    def unsuited(self, task: Task) -> str:
        """Its dimensions are tested on classes."""
        return "it tests features by one class a sample" if "classes" in task.lacks else ""

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module:
        """The heads of all modalities and the shared classifier."""
        if len(set(widths.values())) > 1:
            raise BalanceError(
                f"DIMML puts the features of all modalities into one space; found the widths "
                f"{dict(widths)}. Let the encoders give equal ones."
            )
        self._heads = DetachedHeads(widths, outputs)
        return self._heads

    def turn(self, moment: Moment) -> tuple[str, ...]:
        """All encoders; none once the fused head is trained."""
        return () if self._fuses(moment) else moment.modalities.names

    def on_epoch_start(self, epoch: Epoch) -> None:
        """Test the dimensions once, and begin with the fused head."""
        if (
            self.contrast
            and self.state["effective"] is None
            and self._past(epoch, self.contrast_from)
        ):
            features, labels = epoch.features("train")
            classes = self._heads.shared.out_features
            found = [dimension_accuracies(features[m], labels[m], classes) for m in features]
            self.state["effective"] = torch.stack([a > a.mean() for a in found])
        if self._fuses(epoch) and not bool(self._heads.joined):
            self._heads.joined.fill_(True)
            forget(epoch.optimizers)

    def on_loss(self, step: Step) -> Tensor:
        """The sum of all heads' losses and the contrastive term; later the fused head's. -> ()"""
        if self._fuses(step):
            return step.fused_loss
        assert step.logits is not None
        loss = torch.stack(list(step.unimodal_losses.values())).sum()
        if self.shared:
            loss = loss + self.shared * self._shared_losses(step)
        if self.contrast and self.state["effective"] is not None:
            loss = loss + self.contrast * self._contrast(step)
        # So that under DDP every parameter of the output has a gradient, which is zero.
        return loss + 0 * step.logits.sum()

    def _shared_losses(self, step: Step) -> Tensor:
        """The losses of the shared classifier, of all modalities that are there. -> ()"""
        there = {m: f for m, f in step.features.items() if len(f)}
        # In one product, so that autocast casts the weight for all uses alike.
        rows = torch.cat(list(there.values())).to(self._heads.shared.weight.dtype)
        parts = torch.split(self._heads.shared(rows), [len(f) for f in there.values()])
        losses = [step.task.loss(z, step.targets[m]) for m, z in zip(there, parts, strict=True)]
        return torch.stack(losses).sum()

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """Own and, once it is trained, fused logits mixed by certainty. -> (N, C)"""
        own = torch.stack([*unimodal_logits.values(), logits])
        alone = certainty_mixture(own[:-1], self.mixing)
        return torch.where(self._heads.joined, certainty_mixture(own, self.mixing), alone)

    def _past(self, moment: Moment, share: float) -> bool:
        """Whether a share of the planned epochs is over."""
        assert moment.total_epochs is not None
        return moment.epoch_index / moment.total_epochs >= share - _ROUNDING

    def _fuses(self, moment: Moment) -> bool:
        """Whether the fused head alone is trained; not before the planned epochs are known."""
        return moment.total_epochs is not None and self._past(moment, self.fusion_from)

    def _contrast(self, step: Step) -> Tensor:
        """What draws every modality to what others know and it does not. -> ()"""
        names = step.modalities.names
        effective = dict(zip(names, self.state["effective"], strict=True))
        total = torch.stack([f.sum() for f in step.features.values()]).sum() * 0
        for m, k in permutations(names, 2):
            taught = (effective[m] & ~effective[k]).nonzero().squeeze(1)
            if not len(taught) or m not in step.outputs or k not in step.outputs:
                continue
            teacher, pupil = step.outputs[m], step.outputs[k]
            if step.rows is not None:
                both = step.present()[:, [names.index(m), names.index(k)]].all(1)
                teacher, pupil = teacher[both.to(teacher.device)], pupil[both.to(pupil.device)]
            if len(pupil):
                taught = taught.to(pupil.device)
                total = total + drawn_to(pupil[:, taught], teacher[:, taught], self.temperature)
        return total / (len(names) - 1)
