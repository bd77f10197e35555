r"""ARL: dependence on each modality in inverse proportion to the variance of its prediction.

By an argument from bias and variance the model should lean more on the modality whose prediction
varies less, and not on all alike. Variance is read off the entropy of a modality's own prediction,
dependence off the size of its logits; the gradients behind each encoder are scaled up by a softmax
of the two, and unimodal losses, the bias term, are added through the shared head.

Wei, Luo, Luo: improving multimodal learning via imbalanced learning. ICCV 2025;
https://arxiv.org/abs/2507.10203

==================  =================  =======================================================
symbol              name here          shape and meaning
==================  =================  =======================================================
:math:`d^m`         ``dependence``     (M,) share of the size of all own logits
:math:`h^m`         ``entropies``      (M,) mean entropy of own predictions, nats
:math:`a^m`         ``certainty``      (M,) inverse shares of the entropies, sum 1
:math:`\omega^m`    ``weights``        (M,) sum 1; encoder m learns at 1 + omega^m
:math:`\gamma`      ``gamma``          weight of the unimodal losses
==================  =================  =======================================================

The full text was not available to us. This follows the released code as it evidently means to be;
as released it never uses its weights: ``docs/methods/arl.md``.
"""

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.numerics.scores import softmax_entropy
from equimodal.parts.distributed import sum_over_ranks


class ARL(Method):
    r"""Scale the gradients of encoder m by 1 + omega^m, and add the unimodal losses.

    .. math:: L = L_f + \gamma \sum_m L^m, \quad \omega = \mathrm{softmax}_m\big(
        T a^m \tfrac{1}{M-1} \sum_{k \ne m} d^k\big)

    One weight an update, of all its samples over micro-batches and ranks. In the share ``warm_up``
    of the training gamma is 1 and nothing is scaled; the released code warms up in 5 of 100 epochs.

    Records: ``weight``, ``dependence`` and ``entropy`` of every update.

    Args:
        gamma: weight of the unimodal losses, >= 0; the scripts take 3 to 5.
        temperature: T, >= 0; the scripts take 4 and 8.
        weights: None for the rule; "fixed" for 1/M each, which is what the released code does: the
            control.
        floor: least share of the entropies, in [0, 1]; None for 0.6 / M, the released 0.3 for two.

    Raises:
        BalanceError: an argument out of range.

    Example::

        Balancer(model, ARL(gamma=4.0), encoders, Ablation("zero"))
    """

    needs: frozenset[str] = frozenset({"unimodal_logits"})
    objective = "fused+unimodal"

    def __init__(
        self,
        gamma: float = 1.0,
        *,
        temperature: float = 8.0,
        weights: str | None = None,
        floor: float | None = None,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.temperature = temperature
        self.weights = weights
        self.floor = floor
        require_number("ARL gamma", gamma, low=0)
        require_number("ARL temperature", temperature, low=0)
        if weights is not None:
            require_choice("ARL weights", weights, ("fixed",))
            self.refuse_set("temperature", "floor", why='with weights="fixed"')
        if floor is not None:
            require_number("ARL floor", floor, low=0, high=1)

    def unsuited(self, task: Task) -> str:
        """Its entropy is that of a prediction over classes."""
        if self.weights is None and "classes" in task.lacks:
            return "its variance is the entropy of a prediction over classes"
        return ""

    def on_loss(self, step: Step) -> Tensor:
        """The fused loss, plus gamma times the unimodal losses."""
        own = torch.stack(list(step.unimodal_losses.values())).sum()
        return step.fused_loss + self.gamma * own

    def on_gradients(self, step: Step) -> None:
        """Scale everything that an encoder learns."""
        names = step.modalities.names
        if self.weights is None:
            weights = self._weights(step)
            step.record("weight", weights)
        else:
            weights = torch.full((len(names),), 1 / len(names))
        step.scale(dict(zip(names, (1 + weights).unbind(), strict=True)), "all")

    def _weights(self, step: Step) -> Tensor:
        logits = step.unimodal_logits.values()
        sizes = torch.stack([z.abs().sum() for z in logits])
        entropies = torch.stack([softmax_entropy(z).sum() for z in logits])
        counts = torch.tensor([len(z) for z in logits]).to(sizes, non_blocking=True)
        sums = sum_over_ranks(torch.cat([sizes, entropies.to(sizes), counts])).view(3, -1)
        rows = sums[2].clamp_min(1)
        dependence, entropy = shares(sums[0] / rows), sums[1] / rows
        step.record("dependence", dependence)
        step.record("entropy", entropy)
        certainty = certainty_shares(entropy, floor=self.floor)
        return asymmetry_weights(certainty, dependence, self.temperature)


def shares(values: Tensor) -> Tensor:
    """Each value over their sum; even where all are 0. (M,) -> (M,), sums to 1"""
    require_tensor("values", values, axes="M", floating=True)
    total = values.sum()
    return torch.where(total > 0, values / total, 1 / len(values))


def certainty_shares(entropies: Tensor, *, floor: float | None = None) -> Tensor:
    r"""Inverse shares of the entropies, normalised. (M,) -> (M,), sums to 1

    .. math:: a^m = \frac{1 / h^m}{\sum_k 1 / h^k}, \quad
        h^m = \max\Big(\frac{H^m}{\sum_k H^k}, f\Big)

    Args:
        entropies: mean entropy of each modality's own prediction, >= 0.
        floor: f; None for 0.6 / M.

    Raises:
        BalanceError: ``entropies`` is no vector of real numbers, or ``floor`` out of range.
    """
    require_tensor("entropies", entropies, axes="M", floating=True)
    require(len(entropies) > 0, "There must be a modality", 0)
    least = 0.6 / len(entropies) if floor is None else floor
    require_number("floor", least, low=0, high=1)
    inverse = 1 / shares(entropies).clamp_min(max(least, torch.finfo(entropies.dtype).tiny))
    return inverse / inverse.sum()


def asymmetry_weights(certainty: Tensor, dependence: Tensor, temperature: float) -> Tensor:
    r"""Weight of each encoder, the more the surer and the less leaned on. (M,), (M,) -> (M,)

    .. math:: \omega = \mathrm{softmax}_m\Big(T a^m \frac{1}{M-1} \sum_{k \ne m} d^k\Big)

    For two modalities the released rule; the mean over the others is ours.

    Args:
        certainty: a, sums to 1.
        dependence: d, sums to 1.
        temperature: T, >= 0.

    Raises:
        BalanceError: vectors of other lengths, or ``temperature`` out of range.
    """
    require_tensor("certainty", certainty, axes="M", floating=True)
    require_tensor("dependence", dependence, axes="M", floating=True)
    same = len(certainty) == len(dependence) > 1
    rule = "certainty and dependence must have as many entries, two or more"
    require(same, rule, (len(certainty), len(dependence)))
    require_number("temperature", temperature, low=0)
    others = (dependence.sum() - dependence) / (len(dependence) - 1)
    return torch.softmax(temperature * certainty * others, dim=0)
