"""Plain training of one modality, with the calls of a balancer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from equimodal.balancing.batches import epoch_batches
from equimodal.balancing.decisions import Decisions
from equimodal.balancing.task import Task
from equimodal.data.dataset import MultimodalDataset
from equimodal.models.fusion import Output


class Alone:
    """Stands where a balancer stands for a model of one modality: the task's loss, nothing else.

    Its batches hold the same rows in the same order as those of paired training.

    Args:
        task: what is predicted.
        seed: seed of the run.
    """

    def __init__(self, task: Task, *, seed: int) -> None:
        self.task, self.seed = task, seed
        self.epoch_index = 0
        self.decisions = self.diagnosis = Decisions((), log=None, every=None, measured=list)

    def batches(
        self, dataset: MultimodalDataset, *, batch_size: int
    ) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        """Batches of one epoch, shuffled from (seed, epoch)."""
        return epoch_batches(dataset, batch_size, seed=self.seed, epoch=self.epoch_index)

    def loss(
        self,
        output: Output,
        target: Tensor | Mapping[str, Tensor],
        present: Tensor | None = None,
    ) -> Tensor:
        """The task's loss of the logits, of all samples. -> ()"""
        assert output.logits is not None and isinstance(target, Tensor)
        return self.task.loss(output.logits, target)

    def before_step(self) -> None:
        """Nothing to do."""

    def epoch_end(self) -> None:
        """Count the epoch."""
        self.epoch_index += 1

    def state_dict(self, *, constants: bool = True) -> dict[str, Any]:
        """The number of finished epochs."""
        return {"epoch": self.epoch_index}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the epochs that `state_dict` counted."""
        self.epoch_index = state["epoch"]
