"""What a data set asks to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from equimodal.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from equimodal.balancing.task import Task

CLASSIFICATION, MULTI_LABEL, REGRESSION = TASKS = ("classification", "multi-label", "regression")
"""One class a sample, any number of labels a sample, and numbers."""
ACCURACY = "accuracy"
SCORES_BY_TASK = {
    CLASSIFICATION: (ACCURACY, "macro_f1", "mean_average_precision"),
    MULTI_LABEL: ("mean_average_precision", "micro_f1", "macro_f1", "auroc", "label_accuracy"),
    REGRESSION: ("r2", "mae", "rmse", "pearson"),
}
"""Names of the scores of each task; the first is the main one, where classes have no weights."""
FEWEST = {CLASSIFICATION: 2, MULTI_LABEL: 1, REGRESSION: 1}
"""Outputs that a task has at least."""


@dataclass(frozen=True)
class Target:
    """The task of a data set, and what its loss must know besides.

    Args:
        task: one of `TASKS`.
        weight: weight of every class in the loss, (C,); () for none. Of a classification alone.
        mean: what was subtracted of every number of a regression, (D,).
        scale: by which each was divided then, (D,).
    """

    task: str = CLASSIFICATION
    weight: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def score(self) -> str:
        """Name of the score that epochs, rates and rows are selected by on validation."""
        if self.task == CLASSIFICATION:
            return "macro_f1" if self.weight else ACCURACY
        return SCORES_BY_TASK[self.task][0]

    @property
    def loss_task(self) -> Task:
        """What a balancer, and the training of one modality alone, take."""
        from equimodal.balancing.task import Classification, MultiLabel, Regression

        if self.task == MULTI_LABEL:
            return MultiLabel()
        if self.task == REGRESSION:
            return Regression()
        return Classification(weight=self.weight or None)

    def check(self, labels: Tensor, outputs: Sequence[str]) -> None:
        """Raise `DataError` unless labels and names of outputs are of this task."""
        count, found = len(outputs), (str(labels.dtype), tuple(labels.shape))
        wanted = {CLASSIFICATION: ("torch.int64", 1), MULTI_LABEL: ("torch.int64", 2),
                  REGRESSION: ("torch.float32", 2)}[self.task]  # fmt: skip
        fits = (found[0], labels.ndim) == wanted and count >= FEWEST[self.task]
        if not fits or (labels.ndim == 2 and labels.shape[1] != count):
            raise DataError(
                f"Labels of a {self.task} with {count} outputs must be {wanted[0]} of "
                f"{wanted[1]} axes; found {found[0]} of shape {found[1]}."
            )


CLASSES = Target()
"""Classes that count alike, as the built-in sets have them."""


def main_keys(main: str) -> tuple[str, str, str]:
    """Where results hold the main score: of the fused model, in each modality, of each probe."""
    if main == ACCURACY:
        return ACCURACY, "modality_accuracy", "probe_accuracy"
    return "score", "modality_score", "probe_score"
