"""Cheap measures of a training, recorded inside the user's loop every so many updates.

Nothing is copied to the host in a step: values stay on the device until the balancer flushes. A
step that records costs one norm over the encoders' gradients and a few operations on the logits.

=====================  ============================================================================
name                   what is recorded, a value for each modality
=====================  ============================================================================
``gradient_norm``      norm of its encoder's gradient, before any method changes it
``gradient_share``     that norm over the sum of all
``score``              mean score of its own logits, where there is a readout and a score
``conflict``           cosine of the gradients, by its own logits, of the fused and of its own loss
=====================  ============================================================================

With a readout whose parts sum to the logits the cosine is that of the two gradients at the head's
input, up to the head's own weights; it takes no backward pass.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.balancing.decisions import Record, on_host, without
from equimodal.balancing.readouts import Readout
from equimodal.balancing.recording_file import SCHEMA, write
from equimodal.balancing.requirements.arguments import summed_numbers
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.parts.gradients import conflict, encoder_norms, gradient_shares
from equimodal.parts.modalities import ModalityMap

logger = logging.getLogger("equimodal")
EVERY = 10
"""Updates between records in `equimodal compare`; a good value for ``Balancer(diagnose=...)``."""
MOST = 2000
"""Moments that are kept; of more, every second one is dropped."""
COLLAPSED_BELOW = 0.2
"""Share of a modality's early gradient share, below which it has collapsed."""
BEHIND_BELOW = 0.5
"""Share of the best score, below which a collapse is no sign that the modality has converged."""
_SPAN = 5
_ENOUGH = 4 * _SPAN


class Recorder:
    """Records the measures of one balancer's training.

    Args:
        every: record the first of every so many updates; None: nothing.
        modalities: the encoders.
        readout: where scores come from.
        trained: whether the method trains a readout that has weights.
    """

    def __init__(
        self, every: int | None, modalities: ModalityMap, readout: Readout | None, *, trained: bool
    ) -> None:
        self.every, self._modalities = every, modalities
        self._readout = readout.kind if readout is not None else None
        # Heads that nobody trains mean nothing.
        self._scores = readout is not None and (trained or not isinstance(readout, nn.Module))
        self._records: list[Record] = []
        self._rows: list[dict[str, Any]] = []
        self._drained = 0
        self._early: dict[str, float] = {}
        self._told: set[str] = set()

    def saw_loss(self, step: Step) -> list[Record]:
        """After a forward pass, once the method has read the step. -> what was recorded"""
        if not self._due(step.index) or not self._scores:
            return []
        with torch.no_grad():
            logits = step.unimodal_logits
        values = _step_values(step, {m: z.detach() for m, z in logits.items()})
        made = [Record(step.index, step.epoch_index, n, value) for n, value in values.items()]
        self._records += made
        return made

    def drop(self, records: Sequence[Record]) -> None:
        """Forget those of losses that were not trained on."""
        self._records = without(self._records, records)

    def saw_gradients(self, index: int, epoch: int) -> None:
        """Before the method changes the gradients of an update."""
        if not self._due(index):
            return
        norms = encoder_norms({m: self._modalities.parameters(m) for m in self._modalities.names})
        self._records.append(Record(index, epoch, "gradient_norm", norms))
        self._records.append(Record(index, epoch, "gradient_share", gradient_shares(norms)))

    def flush(self) -> list[dict[str, Any]]:
        """Records since the last flush as plain data, the last micro-batch of each update."""
        last = {(r.step, r.name): r for r in self._records}
        rows = on_host(list(last.values()), self._modalities.names)
        self._records.clear()
        self._rows += rows
        self._tell_collapse()
        if len({row["step"] for row in self._rows[self._drained :]}) > MOST:
            self._rows[self._drained :] = thinned(self._rows[self._drained :])
        return [{**row, "name": f"diagnosis/{row['name']}"} for row in rows]

    def drain(self) -> list[dict[str, Any]]:
        """Records of all finished epochs since the last call, in the form of decisions."""
        rows = self._rows[self._drained :]
        self._rows = self._rows[-_ENOUGH * 4 :]
        self._drained = len(self._rows)
        return rows

    def save(self, path: str | Path) -> None:
        """Write what was recorded up to the last flush, for `equimodal diagnose PATH`.

        A file that an earlier part of the same training wrote is continued.

        Raises:
            BalanceError: nothing was recorded, the file is another training's, or it cannot be
                written.
        """
        content = {
            "schema": SCHEMA,
            "modalities": list(self._modalities.names),
            "readout": self._readout,
            "every": self.every,
        }
        write(Path(path), content, self._rows)

    def _due(self, index: int) -> bool:
        return self.every is not None and index % self.every == 0

    def _behind(self, modality: str) -> bool:
        """Whether its score is far below the best one, or not known."""
        scores = [row for row in self._rows if row["name"] == "score"][-_SPAN:]
        return not scores or behind({m: _mean(scores, m) for m in self._modalities.names}, modality)

    def _tell_collapse(self) -> None:
        """Log once where a modality's share of the gradient has fallen to a fraction."""
        shares = [row for row in self._rows if row["name"] == "gradient_share"]
        if len(shares) < _ENOUGH:
            return
        for m in self._modalities.names:
            now = _mean(shares[-_SPAN:], m)
            early = self._early.setdefault(m, _mean(shares[:_SPAN], m))
            if m not in self._told and now < COLLAPSED_BELOW * early and self._behind(m):
                self._told.add(m)
                logger.warning(
                    "%s: its share of the gradient fell from %.0f to %.0f percent; the fused loss "
                    "may no longer train its encoder (see equimodal diagnose).",
                    m, 100 * early, 100 * now,
                )  # fmt: skip


def _step_values(step: Step, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the logits of one step show: {name: (M,)}"""
    task, found = step.task, {}
    if "score" not in task.lacks and not summed_numbers(task, step.readout):
        sums = [task.score_sums(z, step.targets[m]) for m, z in logits.items()]
        found["score"] = task.mean_score(torch.stack(sums))
    if step.logits is not None and step.target is not None:
        fused = _logit_gradient(task, step.logits, step.target)
        each = []
        for m, z in logits.items():
            rows = fused if step.rows is None else fused[step.rows[m].to(fused.device)]
            each.append(conflict([rows], [_logit_gradient(task, z, step.targets[m])]))
        found["conflict"] = torch.stack(each)
    return found


@torch.enable_grad()
def _logit_gradient(task: Task, logits: Tensor, target: Tensor) -> Tensor:
    """Gradient of the loss by the logits. (N, C), (N, ...) -> (N, C)"""
    leaf = logits.detach().float().requires_grad_()
    (found,) = torch.autograd.grad(task.loss(leaf, target), leaf)
    return found


def behind(scores: Mapping[str, float | None], modality: str) -> bool:
    """Whether a modality scores less than `BEHIND_BELOW` of the best, or has no score."""
    own, known = scores[modality], [s for s in scores.values() if s is not None]
    return own is None or own < BEHIND_BELOW * max(known)


def thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every second moment of the rows."""
    kept = set(sorted({row["step"] for row in rows})[::2])
    return [row for row in rows if row["step"] in kept]


def _mean(rows: list[dict[str, Any]], modality: str) -> float:
    values = [row["values"][modality] for row in rows if row["values"][modality] is not None]
    return sum(values) / len(values) if values else math.nan
