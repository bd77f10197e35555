"""Numbers."""

import torch.nn.functional as F
from torch import Tensor

from equimodal.balancing.task.task import Task, check_pair
from equimodal.checks import require_choice
from equimodal.errors import BalanceError


class Regression(Task):
    """Numbers, with the mean squared or absolute error.

    ``logits``, the model's output, and ``target`` are both (N, D).

    Args:
        error: "squared" or "absolute".
    """

    name = "regression"
    lacks = frozenset({"score", "information", "classes"})

    def __init__(self, error: str = "squared") -> None:
        require_choice("Regression error", error, ("squared", "absolute"))
        self.error = error

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean error over samples and outputs. (N, D), (N, D) -> ()"""
        error = F.mse_loss if self.error == "squared" else F.l1_loss
        return error(logits, target.to(logits.dtype))

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless output and target are of one shape (N, D)."""
        if logits.ndim != 2 or target.shape != logits.shape:
            raise BalanceError(
                "Regression takes outputs and targets of one shape (N, D); found "
                f"{tuple(logits.shape)} and {tuple(target.shape)}. Write target[:, None] for one "
                "number a sample."
            )
        check_pair(logits, target)
