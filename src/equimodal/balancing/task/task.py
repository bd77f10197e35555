"""What is predicted: the loss, the score and the checks of one kind of target.

A method reads targets through its task alone: ``information`` for bounds on mutual information,
``mean_score`` for cumulative scores, ``purity`` for clusters of features. The first two come of
sums that add up over batches and ranks. A task that has no such quantity says so in ``lacks``, and
a method that needs it refuses the task by name.

A *label* is what is predicted once: one a sample, or with token-level outputs one a token. Where
some are not counted, as padding is, their number is a tensor on the device, so that no host waits.
"""

from typing import Any

import torch
from torch import Tensor

from equimodal.errors import BalanceError


class Task:
    """One kind of target."""

    name: str
    """As messages say it, such as "single-label classification"."""
    lacks: frozenset[str] = frozenset()
    """Which of "score", "information", "purity", "likelihood" (of each label by itself) and
    "classes" (one a sample, known, a column of the logits each) it has not."""
    whole_numbers: bool = False
    """Whether every modality is asked for the whole target, so that parts of a sum serve none."""

    outputs: Any = None
    """Where the logits of several tasks are in an output; None for one task."""

    def packed(self, target: Any) -> Any:
        """What `loss()` was given as target in one tensor, or in one for each modality."""
        return target

    def prepared(self, target: Tensor) -> Tensor:
        """The target in the type that loss, score and counts read. (N, ...) -> (N, ...)"""
        return target

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss to train on, a mean over the labels. (N, ..., C), (N, ...) -> ()"""
        raise NotImplementedError

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise BalanceError unless shapes, types and, on the CPU, the values fit."""
        raise NotImplementedError

    def form(self, logits: Tensor, target: Tensor) -> tuple[str, frozenset[str]]:
        """What outputs and targets of this form are, and what they lack beside ``lacks``."""
        return self.name, frozenset()

    def labels(self, logits: Tensor, target: Tensor) -> int | Tensor:
        """How many labels count, L; a tensor () where the device alone knows."""
        return logits.shape[:-1].numel()

    def counted(self, logits: Tensor, target: Tensor) -> Tensor | None:
        """Which labels count, (L,) bool; None where all do."""
        return None

    def score(self, logits: Tensor, target: Tensor) -> Tensor:
        """How well each label is predicted, in [0, 1], and 0 where it does not count.

        (N, ..., C), (N, ...) -> (L,)
        """
        raise BalanceError(f"There is no score between 0 and 1 for {self.name}.")

    def score_sums(self, logits: Tensor, target: Tensor) -> Tensor:
        """What `mean_score` is made of, to be added up. (N, ..., C), (N, ...) -> (S,)"""
        return self.summed(self.score(logits, target), logits, target)

    def mean_score(self, sums: Tensor) -> Tensor:
        """How well the labels are predicted, in [0, 1]; NaN without one. (M, S) -> (M,)"""
        return sums[:, 0] / sums[:, 1]

    def information_sums(self, logits: Tensor, target: Tensor) -> Tensor:
        """What `information` reads of predictions, to be added up. (N, ..., C), (N, ...) -> (S,)"""
        return self.summed(self.log_loss(logits, target), logits, target)

    def information(self, counts: Tensor, sums: Tensor) -> Tensor:
        """Lower bound on the information about the label, in nats. (S,), (M, S) -> (M,)

        The entropy of the label by its ``counts``, without the cross-entropy of the predictions.
        """
        total, number = sums.unbind(1)
        return self.label_entropy(counts) - total / number

    def purity(self, features: Tensor, target: Tensor, most: int) -> float | None:
        """How much clusters of features tell of the target, in [0, 1]; None where these collapsed.

        Of at most ``most`` samples. (N, D), (N, ...)
        """
        raise BalanceError(f"There is no purity of clusters for {self.name}.")

    def summed(self, each: Tensor, logits: Tensor, target: Tensor) -> Tensor:
        """The sum of one value a label, and how many count. (L,) -> (2,)"""
        count = self.labels(logits, target)
        given = count.to(each) if isinstance(count, Tensor) else each.new_full((), count)
        return torch.stack([each.sum(), given])

    def log_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each label, in nats, and 0 where it does not count.

        (N, ..., C), (N, ...) -> (L,)
        """
        raise BalanceError(f"There is no label to be informed about in {self.name}.")

    def label_counts(self, target: Tensor, outputs: int) -> Tensor:
        """Counts that add up over batches and ranks. (N, ...) -> (S,)"""
        raise BalanceError(f"There is no label to be counted in {self.name}.")

    def label_entropy(self, counts: Tensor) -> Tensor:
        """Entropy of the label by its counts, in nats. (S,) -> ()"""
        raise BalanceError(f"There is no label to be informed about in {self.name}.")


def check_pair(logits: Tensor, target: Tensor) -> None:
    """Refuse outputs that no loss can read, and pairs on two devices. Raises BalanceError."""
    if not logits.is_floating_point():
        raise BalanceError(
            f"The model's output must be real numbers, from before any argmax; found "
            f"{logits.dtype}."
        )
    if logits.device != target.device:
        raise BalanceError(
            f"Targets must be where the model's output is; found {target.device} and "
            f"{logits.device}. Write target.to({str(logits.device)!r})."
        )


def on_host(values: Tensor) -> bool:
    """Whether values can be looked at without making the host wait for a device."""
    return values.device.type == "cpu" and values.numel() > 0
