r"""PMR: prototypical modal rebalance.

The centroids of each class in a modality's own features are a classifier that no other modality
disturbs. The modality that it finds behind is accelerated by the cross-entropy of its prototypes;
early in training the one ahead is held back by rewarding the entropy of its prediction.

Fan, Xu, Wang, Wang, Guo: PMR: prototypical modal rebalance for multimodal learning. CVPR 2023;
https://arxiv.org/abs/2211.07089

======================  ==========  ==========================================================
symbol                  shape       meaning
======================  ==========  ==========================================================
:math:`z^m`             (N, D_m)    features of encoder m, flattened
:math:`c^m`             (C, D_m)    prototypes: means of features, without gradient
:math:`p^m`             (N, C)      :math:`\mathrm{softmax}(-\lVert z^m - c^m \rVert)`
:math:`s^m`             ()          mean of :math:`p^m_i(y_i)` over the batch of all ranks
:math:`\beta^m, e^m`    ()          weights of acceleration and of entropy, in [0, 1]
======================  ==========  ==========================================================

.. math::
    L = L_\mathrm{base} + \alpha \sum_m \beta^m \mathrm{PCE}^m - \mu \sum_m e^m H^m

Differences, and the argument that selects the other side: the released code has no entropy term and
hard coefficients (``mu=0, coefficients="hard"``); its prototypes come of the first tenth of its
shuffled batches, of some data sets of test data, ours of a tenth of the training batches drawn anew
each epoch, or, ``prototypes="running"``, of all features of the epoch before, as they were trained
on, without a further pass: ours. For M > 2 the rule is ours; for two modalities it is the paper's.
"""

import torch
from torch import Tensor

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.methods.pmr_prototypes import log_probabilities, step_sums
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks


def rebalance_weights(scores: Tensor) -> tuple[Tensor, Tensor]:
    r"""Weights of acceleration and of entropy (Eq. 11; for M > 2 ours), both in [0, 1].

    .. math:: \beta^m = [s_{\max} / s^m - 1]_0^1, \quad e^m = [s^m / s_{\min} - 1]_0^1

    (M,) -> (M,), (M,). A score NaN, of a modality that is missing, has weights 0. What is no
    floating-point tensor (M,) raises BalanceError.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    require(len(scores) > 0, "There must be a modality", 0)
    missing = scores.isnan()
    most = scores.masked_fill(missing, -torch.inf).max()
    least = scores.masked_fill(missing, torch.inf).min()
    acceleration = (most / scores - 1).nan_to_num(0.0, posinf=1.0).clamp(0, 1)
    entropy = (scores / least - 1).nan_to_num(0.0, posinf=1.0).clamp(0, 1)
    return acceleration, entropy


class PMR(Method):
    """Accelerate the modality that its prototypes find behind; hold back the one ahead.

    Args:
        alpha: weight of the prototypes' cross-entropy; the paper's is 1 or 2.
        mu: weight of the entropy; the paper's is 0.01 or 0.001. 0 leaves it out, as released.
        momentum: share of the old prototypes in the new ones, in [0, 1).
        share: of the training batches that the prototypes are made of, in (0, 1].
        regularise: share of the epochs in which the entropy is rewarded, from the first on.
        coefficients: "ratio", the paper's; "hard", as released: 1 for all but the one ahead.
        coefficient: a constant weight of every modality's cross-entropy in their place, without
            the entropy: the control.
        prototypes: of a "share" of the training data in evaluation mode; or "running", of the
            features that the epoch before trained on, which takes no loader and no further pass.
    """

    needs = frozenset({"features", "train_loader"})
    per_forward = True

    def __init__(
        self,
        alpha: float = 1.0,
        mu: float = 0.01,
        *,
        momentum: float = 0.2,
        share: float = 0.1,
        regularise: float = 0.1,
        coefficients: str = "ratio",
        coefficient: float | None = None,
        prototypes: str = "share",
    ) -> None:
        super().__init__()
        self.alpha = require_number("PMR alpha", alpha, low=0)
        self.mu = require_number("PMR mu", mu, low=0)
        self.momentum = require_number("PMR momentum", momentum, low=0, high=1)
        self.share = require_number("PMR share", share, above=0, high=1)
        self.regularise = require_number("PMR regularise", regularise, low=0, high=1)
        self.coefficients = require_choice("PMR coefficients", coefficients, ("ratio", "hard"))
        self.coefficient = coefficient
        if momentum == 1:
            raise BalanceError("PMR momentum must be below 1, or no prototype changes; found 1.")
        if coefficient is not None:
            require_number("PMR coefficient", coefficient, low=0)
            why = "with a constant coefficient=..."
            self.refuse_set("mu", "regularise", "coefficients", why=why)
        if self._rewards_entropy and regularise < 1:
            self.needs = self.needs | {"epochs"}
        self.state = {"prototypes": {}, "present": {}}
        self.prototypes = require_choice("PMR prototypes", prototypes, ("share", "running"))
        if prototypes == "running":
            self.refuse_set("share", why="with prototypes='running'")
            self.needs = self.needs - {"train_loader"}
            self.state["sums"] = {}

    def unsuited(self, task: Task) -> str:
        """Prototypes are means of a class."""
        return "prototypes need one class a sample" if "classes" in task.lacks else ""

    @property
    def acted(self) -> bool:
        """Whether there were prototypes to rebalance by."""
        return bool(self.state["prototypes"]) and (self.alpha > 0 or self._rewards_entropy)

    @property
    def _rewards_entropy(self) -> bool:
        return self.mu > 0 and self.regularise > 0 and self.coefficient is None

    def on_epoch_start(self, epoch: Epoch) -> None:
        """Prototypes of a share of the training data (Eq. 6 and 12), or of the epoch before."""
        if self.prototypes == "running":
            read, self.state["sums"] = [self.state["sums"]], {}
        else:
            read = epoch.each("train", step_sums, self.share)
        for m in epoch.modalities.names:
            parts = [sums[m] for sums in read if m in sums]
            if parts:
                self._follow(m, sum_over_ranks(torch.stack(parts).sum(0)))

    def _follow(self, modality: str, sums: Tensor) -> None:
        """Move prototypes to the new means; those of absent classes stay. (C, D + 1)"""
        new, there = sums[:, :-1] / sums[:, -1:].clamp_min(1), sums[:, -1] > 0
        if modality in self.state["prototypes"]:
            old, had = self._prototypes(modality, new)
            moved = torch.where(had[:, None], torch.lerp(new, old, self.momentum), new)
            new, there = torch.where(there[:, None], moved, old), there | had
        self.state["prototypes"][modality], self.state["present"][modality] = new, there

    def _prototypes(self, modality: str, like: Tensor) -> tuple[Tensor, Tensor]:
        """Prototypes and which classes have one, on the device of ``like`` from now on."""
        state = self.state
        for kept in (state["prototypes"], state["present"]):
            kept[modality] = kept[modality].to(like.device)
        return state["prototypes"][modality], state["present"][modality]

    def on_loss(self, step: Step) -> Tensor:
        """The objective, and what the prototypes say of each modality."""
        if self.prototypes == "running":
            kept = self.state["sums"]
            for m, sums in step_sums(step).items():
                kept[m] = sums + kept[m].to(sums) if m in kept else sums
        known = [m for m in self.state["prototypes"] if len(step.features.get(m, ()))]
        if not known:
            return step.objective_loss
        found = {m: self._prototype_sums(step, m) for m in known}
        none = torch.zeros_like(found[known[0]])
        sums = torch.stack([found.get(m, none) for m in step.modalities.names])
        totals = sum_over_ranks(sums.detach())
        scores = totals[:, 0] / totals[:, 3]  # NaN where no row counts
        acceleration, entropy = self._weights(scores)
        step.record("score", scores)
        step.record("acceleration", acceleration)
        losses = sums[:, 1:3] / sums[:, 3:].clamp_min(1)
        loss = step.objective_loss + self.alpha * (acceleration * losses[:, 0]).sum()
        if self._rewards_entropy and self._early(step):
            loss = loss - self.mu * (entropy * losses[:, 1]).sum()
        return loss

    def _prototype_sums(self, step: Step, modality: str) -> Tensor:
        """Sums over the rows whose class has a prototype: probability of the true class,
        cross-entropy, entropy and their number. -> (4,)"""
        features, labels = step.features[modality].flatten(1), step.targets[modality]
        prototypes, present = self._prototypes(modality, features)
        prototypes = prototypes.to(widened(features).dtype)
        logp = log_probabilities(features, prototypes, present)
        counted = present[labels]
        own = logp.gather(1, labels[:, None]).squeeze(1).masked_fill(~counted, 0)
        finite = logp.masked_fill(~present, 0)
        spread = -(finite.exp() * finite).sum(1).masked_fill(~counted, 0)
        true = own.exp().masked_fill(~counted, 0)
        return torch.stack([true.sum(), -own.sum(), spread.sum(), counted.sum().to(own)])

    def _weights(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        if self.coefficient is not None:
            return torch.full_like(scores, self.coefficient), torch.zeros_like(scores)
        acceleration, entropy = rebalance_weights(scores)
        if self.coefficients == "hard":
            acceleration = (acceleration > 0).to(scores)
        return acceleration, entropy

    def _early(self, step: Step) -> bool:
        """Whether the entropy is rewarded at this epoch."""
        total = step.total_epochs
        return self.regularise == 1 if total is None else step.epoch_index < self.regularise * total
