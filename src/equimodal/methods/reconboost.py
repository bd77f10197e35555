r"""ReconBoost: modalities that boost each other in turn.

One modality learns at a time, for some epochs, and less on samples that the others already get
right, so that it fits what they leave, as in gradient boosting that keeps the newest learner of
each modality. After each such stage all that had one are trained together on their summed logits.

Hua, Xu, Bao, Yang, Huang: ReconBoost: boosting can achieve modality reconcilement. ICML 2024, PMLR
235; https://arxiv.org/abs/2405.09321

=====================  =======  ==============================================================
symbol                 shape    meaning
=====================  =======  ==============================================================
:math:`o^m`            (N, C)   logits of the shared head
:math:`s`              ()       boost rate, trained, 1 at first
:math:`V`              set      modalities that have had a stage
:math:`q`              (N,)     probability of the true class in :math:`s \sum_{j \in V, j \ne k}
                                o^j`, held fixed; 1 where there is no other
=====================  =======  ==============================================================

.. math::
    L_\mathrm{boost} = \frac{1}{CN} \sum_i (w_1 - w_2 q_i)\, \mathrm{CE}(o^k_i, y_i)
    \quad [+\, a\, \overline{(\mathrm{softmax}\, o^k - \mathrm{softmax}\, o^{k-1})^2}], \qquad
    L_\mathrm{rectify} = \mathrm{CE}\Bigl(s \sum_{m \in V} o^m, y\Bigr)

Stage t boosts modality :math:`k = t \bmod M`. Differences: of the paper's reconcilement term the
code has the entry of the true class alone, and so has this; its consolidation term has no gradient
in the code, so that published numbers that come of it are without (``consolidation=0``; above 0, a
mean of squares, is ours). The code's first stage meets a random number in the place of the others,
whose softmax is 1: here 1 too. It goes through up to a thousand stages, begins from encoders that
were trained alone on most sets, and steps with a fresh optimizer in each phase, as here: its state
is forgotten.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.moment import Moment
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task, require_labels
from equimodal.balancing.updates.optimizers import forget
from equimodal.checks import require, require_flag, require_number, require_tensor, require_whole
from equimodal.errors import BalanceError
from equimodal.numerics.blanking import spread_rows
from equimodal.numerics.scores import true_class_probability, widened


def residual_weights(others: Tensor | None, labels: Tensor, w1: float, w2: float) -> Tensor:
    """Weight of each sample: less where the others know it. (N, C), (N,) -> (N,), in [w1 - w2, w1]

    Args:
        others: summed logits of the others; None where there are none, which count as right.
        labels: of the samples.
        w1: weight of a sample that the others get wrong.
        w2: how much less one has that they get right, in [0, w1).

    Raises:
        BalanceError: logits are no floating-point tensor (N, C), labels are not theirs, or weights
            are no numbers.
    """
    w1, w2 = require_number("w1", w1), require_number("w2", w2)
    require_tensor("labels", labels, axes="N")
    if others is None:
        return torch.full(labels.shape, float(w1 - w2), device=labels.device)
    require_tensor("others", others, axes="N,C", floating=True)
    require(len(others) == len(labels), "others must have a label a row",
            (tuple(others.shape), len(labels)))  # fmt: skip
    require_labels(labels, others.shape[1])
    return w1 - w2 * true_class_probability(others.detach(), labels)


class BoostRate(nn.Module):
    """The factor on the summed logits, 1 until it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.ones(()))


class ReconBoost(Method):
    """Train one modality at a time on what the others leave, then all of them together.

    Args:
        w1: weight of a sample that the others get wrong, above ``w2``; released: 5, or 4.
        w2: how much less one weighs that they get right, at least 0; released: 1. 0 is the control.
        boost_epochs: epochs in which one modality learns, at least 1; released: 4.
        rectify_epochs: epochs after them in which all learn together, 0 for none; released: 4.
        consolidation: weight of the distance to the prediction of the modality before, at least 0;
            released: without effect, 0.
        pretrained: whether all modalities count as trained from the start.
    """

    needs = frozenset({"unimodal_logits", "features", "shared_head", "widths", "optimizers"})
    objective = "fused"
    windowed = False

    def __init__(
        self,
        w1: float = 5.0,
        w2: float = 1.0,
        *,
        boost_epochs: int = 4,
        rectify_epochs: int = 4,
        consolidation: float = 0.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.w1 = require_number("ReconBoost w1", w1, above=0)
        self.w2 = require_number("ReconBoost w2", w2, low=0)
        self.boost_epochs = require_whole("ReconBoost boost_epochs", boost_epochs, low=1)
        self.rectify_epochs = require_whole("ReconBoost rectify_epochs", rectify_epochs, low=0)
        self.consolidation = require_number("ReconBoost consolidation", consolidation, low=0)
        self.pretrained = require_flag("ReconBoost pretrained", pretrained)
        if w2 >= w1:
            raise BalanceError(
                f"ReconBoost w2 must be below w1, or samples weigh nothing or less; found w1 {w1}, "
                f"w2 {w2}."
            )
        self.state = {"stages": 0, "modalities": 0}
        self._boost = BoostRate()

    def unsuited(self, task: Task) -> str:
        """Its weights are probabilities of one class."""
        lacks = "classes" in task.lacks
        return "it weighs samples by the probability of one class" if lacks else ""

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module:
        """The boost rate."""
        self._boost = BoostRate()
        return self._boost

    def turn(self, moment: Moment) -> tuple[str, ...]:
        """One modality while boosting; afterwards all that have had a stage."""
        names = moment.modalities.names
        stage, boosts = self._phase(moment.epoch_index)
        return (names[stage % len(names)],) if boosts else self._known(names, stage + 1)

    def on_epoch_start(self, epoch: Epoch) -> None:
        """How many stages there were; at a new phase the optimizers begin anew."""
        stage, _ = phase = self._phase(epoch.epoch_index)
        self.state["stages"], self.state["modalities"] = stage + 1, len(epoch.modalities.names)
        if epoch.epoch_index and phase != self._phase(epoch.epoch_index - 1):
            forget(epoch.optimizers)

    def on_loss(self, step: Step) -> Tensor:
        """The loss of the phase. -> ()"""
        stage, boosts = self._phase(step.epoch_index)
        known = self._known(step.modalities.names, stage)
        if boosts:
            return self._boosting(step, known, stage)
        return self._together(step, self.turn(step))

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """The sum of the own logits, times the boost rate. {m: (N, C)}, (N, C) -> (N, C)"""
        return self._boost.rate.to(logits) * torch.stack(list(unimodal_logits.values())).sum(0)

    @property
    def note(self) -> str:
        """Where the training ended before each modality had a stage."""
        stages, count = self.state["stages"], self.state["modalities"]
        return f"only {stages} of {count} modalities had a stage" if 0 < stages < count else ""

    def _phase(self, epoch: int) -> tuple[int, bool]:
        """Number of the stage of an epoch, and whether a modality boosts in it."""
        stage, place = divmod(epoch, self.boost_epochs + self.rectify_epochs)
        return stage, place < self.boost_epochs

    def _known(self, names: tuple[str, ...], stages: int) -> tuple[str, ...]:
        """Modalities that have had one of so many stages."""
        return names if self.pretrained else names[:stages]

    def _boosting(self, step: Step, known: tuple[str, ...], stage: int) -> Tensor:
        """The loss of the modality in turn, on the rows that hold it. -> ()"""
        (k,) = self.turn(step)
        own, labels = widened(step.unimodal_logits[k]), step.targets[k]
        if not len(own):
            return own.sum()
        mine = {m: z.detach() for m, z in _spread(step).items()}
        if step.rows is not None:
            mine = {m: z[step.rows[k].to(z.device)] for m, z in mine.items()}
        others = [mine[m] for m in known if m != k]
        total = self._boost.rate.detach() * torch.stack(others).sum(0) if others else None
        weights = residual_weights(total, labels, self.w1, self.w2).to(own)
        losses = F.cross_entropy(own, labels, reduction="none")
        loss = (weights * losses).mean() / own.shape[1]
        before = step.modalities.names[stage % len(step.modalities.names) - 1]
        if self.consolidation and before in known and before != k:
            apart = own.softmax(1) - mine[before].softmax(1)
            loss = loss + self.consolidation * apart.square().mean()
        return loss

    def _together(self, step: Step, known: tuple[str, ...]) -> Tensor:
        """The loss of the summed logits, on the rows that hold any of the modalities. -> ()"""
        assert step.target is not None
        spread, names = _spread(step), step.modalities.names
        total = self._boost.rate * torch.stack([spread[m] for m in known]).sum(0)
        if step.rows is None:
            return step.task.loss(total, step.target)
        some = step.present()[:, [names.index(m) for m in known]].any(1)
        if not bool(some.any()):
            return total.sum() * 0
        return step.task.loss(total[some], step.target[some])


def _spread(step: Step) -> dict[str, Tensor]:
    """Logits of every modality in all rows, 0 where it is missing. -> {m: (N, C)}"""
    assert step.target is not None
    own = {m: widened(z) for m, z in step.unimodal_logits.items()}
    return spread_rows(own, step.rows, len(step.target))
