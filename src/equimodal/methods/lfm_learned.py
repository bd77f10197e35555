"""The learned weight of matching of :class:`~equimodal.methods.lfm.LFM`: a step an epoch."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import Parameter

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.step import Step
from equimodal.checks import require_tensor
from equimodal.errors import BalanceError
from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.gradients import flat

LIMITS = (0.05, 0.95)
"""Between which the weight stays, as released."""
Losses = Callable[[Step], tuple[Tensor, Tensor]]
"""Matching and classification of a step. -> (), ()"""


def matching_slope(held_out: Tensor, matching: Tensor, classes: Tensor) -> Tensor:
    r"""How fast the held-out loss rises with the weight of matching, after a step of SGD: the
    negative cosine of its gradient with the difference of the two others. (P,) x 3 -> (), in
    [-1, 1]

    .. math:: \frac{\partial F(\theta - \eta g)}{\partial \alpha} = -\eta \langle \nabla F,
        \nabla L_\mathrm{mat} - \nabla L_\mathrm{cls} \rangle

    for :math:`g = (1 - \alpha) \nabla L_\mathrm{cls} + \alpha \nabla L_\mathrm{mat}`; 0 where a
    gradient is zero, or no number.

    Raises:
        BalanceError: no vectors of one length.
    """
    given = {"held_out": held_out, "matching": matching, "classes": classes}
    for name, gradient in given.items():
        require_tensor(name, gradient, axes="P", floating=True)
    if len({len(gradient) for gradient in given.values()}) > 1:
        found = [len(gradient) for gradient in given.values()]
        raise BalanceError(f"All gradients must be of one length; found {found}.")
    difference = matching - classes
    lengths = torch.linalg.vector_norm(held_out) * torch.linalg.vector_norm(difference)
    cosine = (held_out @ difference) / lengths
    return torch.where((lengths > 0) & cosine.isfinite(), -cosine, 0.0)


def epoch_gradients(
    epoch: Epoch, losses: Losses, weight: float, share: float, look_ahead: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the held-out loss of classes, of matching and of classes on training data, by
    all that the model trains, over the samples of all ranks. -> (P,), (P,), (P,)

    Args:
        epoch: at its end.
        losses: of a step.
        weight: of matching, now.
        share: of the batches that are read.
        look_ahead: rate of the step of SGD at whose end the held-out gradient is taken; 0: here.
    """
    trained = [p for p in epoch.modalities.model.parameters() if p.requires_grad]

    def both(step: Step) -> Tensor:
        matching, classes = losses(step)
        return _weighed(step, [_gradient(matching, trained), _gradient(classes, trained)])

    def held_out(step: Step) -> Tensor:
        return _weighed(step, [_gradient(losses(step)[1], trained)])

    matching, classes = _mean(epoch.each("train", both, share, graph=True))
    ahead = look_ahead * ((1 - weight) * classes + weight * matching)
    kept = [p.detach().clone() for p in trained] if look_ahead else []
    if look_ahead:
        _move(trained, -ahead)
    try:
        (found,) = _mean(epoch.each("val", held_out, share, graph=True))
    finally:
        with torch.no_grad():
            for parameter, before in zip(trained, kept, strict=bool(kept)):
                parameter.copy_(before)
    return found, matching, classes


def _gradient(loss: Tensor, trained: list[Parameter]) -> Tensor:
    """(P,) zeros for a loss that nothing trains."""
    if not loss.requires_grad:
        return flat([None] * len(trained), like=trained)
    found = torch.autograd.grad(loss, trained, retain_graph=True, allow_unused=True)
    return flat(found, like=trained)


def _weighed(step: Step, gradients: list[Tensor]) -> Tensor:
    """Gradients of means as those of sums over the rows, and how many these are. (K, P + 1)"""
    assert step.target is not None
    rows = len(step.target)
    return torch.stack([torch.cat([rows * g, g.new_tensor([float(rows)])]) for g in gradients])


def _mean(parts: list[Tensor]) -> Tensor:
    """Means over the rows of all batches and ranks. [(K, P + 1)] -> (K, P)"""
    total = sum_over_ranks(torch.stack(parts).sum(0))
    return total[:, :-1] / total[:, -1:]


@torch.no_grad()
def _move(trained: list[Parameter], by: Tensor) -> None:
    """Add a part of a vector to each parameter. (P,)"""
    for parameter, part in zip(trained, torch.split(by, [p.numel() for p in trained]), strict=True):
        parameter.add_(part.view_as(parameter))
