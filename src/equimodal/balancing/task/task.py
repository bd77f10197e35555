"""What is predicted: the loss, the score and the checks of one kind of target.

A method reads targets through its task alone: ``error_sums`` and ``information`` for bounds on
mutual information, ``score`` for cumulative scores. A task that has no such quantity says so in
``lacks``, and a method that needs it refuses the task by name.

A *label* is what is predicted once: one a sample, or with token-level outputs one a token. Where
some are not counted, as padding is, their number is a tensor on the device, so that no host waits.
"""

import torch
from torch import Tensor

from equimodal.errors import BalanceError


class Task:
    """One kind of target."""

    name: str
    """As messages say it, such as "single-label classification"."""
    lacks: frozenset[str] = frozenset()
    """Which of "score", "information" and "classes" it has not."""

    def prepared(self, target: Tensor) -> Tensor:
        """The target in the type that loss, score and counts read. (N, ...) -> (N, ...)"""
        return target

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss to train on, a mean over the labels. (N, ..., C), (N, ...) -> ()"""
        raise NotImplementedError

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise BalanceError unless shapes, types and, on the CPU, the values fit."""
        raise NotImplementedError

    def form(self, logits: Tensor, target: Tensor) -> frozenset[str]:
        """What outputs and targets of this shape lack beside ``lacks``."""
        return frozenset()

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

    def batch_score(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean score of the labels that count. (N, ..., C), (N, ...) -> ()"""
        each = self.score(logits, target)
        if self.counted(logits, target) is None:
            return each.mean()
        return each.sum() / self.labels(logits, target)

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


def label_totals(counts: list[int | Tensor], like: Tensor) -> Tensor:
    """Numbers of labels as one tensor of the type and device of another. (M,)"""
    if any(isinstance(n, Tensor) for n in counts):
        return torch.stack([torch.as_tensor(n).to(like) for n in counts])
    return torch.tensor(counts).to(like, non_blocking=True)
