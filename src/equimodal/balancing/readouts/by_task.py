"""A readout for each task of a model with several."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from equimodal.balancing.readouts.outputs import TaskOutputs, of_task
from equimodal.balancing.readouts.readout import Readout
from equimodal.errors import BalanceError, quoted
from equimodal.parts.modalities import ModalityMap


class TaskReadouts(Readout):
    """Readouts by task, whose logits stand side by side as those of the model do.

    Args:
        each: task -> its readout.
        outputs: where the tasks' logits are.
    """

    serves_several = True

    def __init__(self, each: Mapping[str, Readout], outputs: TaskOutputs) -> None:
        self.each, self._outputs = dict(each), outputs
        self.additive = all(r.additive for r in each.values())
        self.differentiable = all(r.differentiable for r in each.values())

    @property
    def title(self) -> str:
        """The readout of each task."""
        return ", ".join(f"{task}: {readout.title}" for task, readout in self.each.items())

    @property
    def kind(self) -> str:
        """That of each task's."""
        return ", ".join(dict.fromkeys(readout.kind for readout in self.each.values()))

    def of(self, task: str) -> Readout:
        """The readout of a task."""
        return self.each[task]

    def attach(self, modalities: ModalityMap) -> None:
        """Attach each."""
        for readout in self.each.values():
            readout.attach(modalities)

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits of all tasks. {m: (N, ...)} -> {m: (N, sum of C_t)}"""
        record, all_names = modalities.record, modalities.record.logits_name
        found = {}
        try:
            for task, readout in self.each.items():
                record.logits_name = self._outputs.names[task]
                found[task] = readout(modalities, features)
        finally:
            record.logits_name = all_names
        return {
            m: self._outputs.side_by_side({t: logits[m] for t, logits in found.items()})
            for m in next(iter(found.values()))
        }

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """Check each by its own task's logits."""
        for task, own in self._outputs.split(logits).items():
            with of_task(task):
                self.each[task].check(modalities, features, own)

    def check_trained(self, modalities: ModalityMap, features: dict[str, Tensor]) -> None:
        """Check each."""
        for task, readout in self.each.items():
            with of_task(task):
                readout.check_trained(modalities, features)


def task_readouts(readout: Any, outputs: TaskOutputs | None) -> Any:
    """What was given as readout, one for each task as one object. Raises BalanceError."""
    if isinstance(readout, Mapping):
        return _by_task(readout, outputs)
    if outputs is not None and isinstance(readout, Readout) and not readout.serves_several:
        raise BalanceError(
            f"{type(readout).__name__} reads the head of one task; with several write one for "
            f"each, readout={{{next(iter(outputs.names))!r}: {readout.title}, ...}}, or "
            "Ablation('zero')."
        )
    return readout


def _by_task(readouts: Mapping[str, object], outputs: TaskOutputs | None) -> TaskReadouts:
    if outputs is None:
        raise BalanceError(
            "A mapping of readouts belongs to several tasks; found one task. Pass one readout, or "
            "task=Tasks({...})."
        )
    if set(readouts) != set(outputs.names):
        raise BalanceError(
            f"The readouts must be of the tasks {list(outputs.names)}; found {list(readouts)}."
        )
    each = {}
    for task in outputs.names:
        readout = readouts[task]
        if not isinstance(readout, Readout) or isinstance(readout, nn.Module):
            raise BalanceError(
                f"The readout of the task {task!r} must be LinearSplit(...), Ablation(...), "
                f"InputAblation(...) or OutputLogits(...); found {quoted(readout)}. Probes that "
                "are trained serve one task."
            )
        each[task] = readout
    return TaskReadouts(each, outputs)
