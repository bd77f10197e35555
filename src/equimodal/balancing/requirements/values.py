"""Numbers of one batch that look wrong."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from equimodal.balancing.step import Step
from equimodal.balancing.task import Classification

_CLOSE = 1e-3


def value_problems(step: Step, losses: Mapping[str, float]) -> Iterator[str]:
    """Features, logits and losses that cannot be learned from, a sentence each."""
    for m, features in step.features.items():
        values = features.detach().float()
        if not values.isfinite().all():
            yield f"The features of {m!r} hold NaN or infinity; look for them in its input."
        elif len(values) > 1 and torch.allclose(values, values[:1].expand_as(values)):
            yield f"The features of {m!r} are the same for all {len(values)} samples of the batch."
    if isinstance(step.task, Classification) and step.logits is not None:
        yield from _probabilities(step.logits.detach().float())
    for name, loss in losses.items():
        if not torch.tensor(loss).isfinite():
            yield f"The loss of {name!r} is {loss}; look for NaN in the data or in the weights."
    yield from _sums(step)


def _probabilities(logits: Tensor) -> Iterator[str]:
    """Logits whose softmax was taken already, so that the loss would take it again."""
    several = logits.shape[-1] > 1 and logits.numel() > 0
    sums = (logits.sum(-1) - 1).abs()
    if several and bool((logits >= 0).all()) and bool((sums < _CLOSE).all()):
        yield (
            "The model's logits are probabilities: none is negative and every row sums to 1. The "
            "loss takes the softmax itself: give it the output before."
        )


def _sums(step: Step) -> Iterator[str]:
    """A loss that adds up over the rows, so that batches of another size weigh otherwise."""
    if step.logits is None or not isinstance(step.target, Tensor):
        return
    with torch.no_grad():
        once = step.task.loss(step.logits, step.target)
        twice = step.task.loss(torch.cat([step.logits] * 2), torch.cat([step.target] * 2))
    if float(once) != 0 and abs(float(twice / once) - 2) < _CLOSE:
        yield (
            "The loss of twice the rows is twice the loss: it is a sum over them, and would weigh "
            "otherwise beside that of a modality with other rows. Let it be the mean."
        )
