"""What a run remembers between epochs, and the checkpoint that holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from torch import Tensor

from equimodal.data.target import main_keys
from equimodal.measures.scoring import loss
from equimodal.storage.files import as_written, load_checkpoint, save_checkpoint
from equimodal.training.prediction import Prediction
from equimodal.training.ranks import from_first
from equimodal.training.run_folder import CHECKPOINT
from equimodal.training.setup import Setup

CONVERGED_BELOW = 0.1
"""Nats; below this fused training loss there is little gradient left to balance."""
_AS_THEY_ARE = (
    "best_epoch", "step_seconds", "end_seconds", "waiting_shares", "samples_per_second", "seconds",
)  # fmt: skip


def converged_epoch(losses: Sequence[float]) -> int | None:
    """The first epoch after which the loss is below `CONVERGED_BELOW`; None if there is none."""
    return next((epoch for epoch, loss in enumerate(losses) if loss < CONVERGED_BELOW), None)


class Trained(NamedTuple):
    """An epoch of steps: their mean loss, their number, the rows that they read, of all ranks and
    as a mean over the modalities where each has its own, and the seconds that listing these took.
    """

    loss: float
    steps: int
    rows: int
    planning: float


def rows_of(targets: Tensor | Mapping[str, Tensor]) -> float:
    """Rows of a batch; where every modality has its own, their mean number."""
    if isinstance(targets, Tensor):
        return len(targets)
    return fmean(map(len, targets.values()))


@dataclass
class History:
    """Curves, decisions, measures, times and the best weights of the epochs that are finished.

    Epochs are counted from 0. ``best`` holds the weights before epoch 0 as long as no epoch is
    finished.
    """

    best: dict[str, Tensor]
    best_epoch: int | None = None
    curves: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    diagnosis: list[dict[str, Any]] = field(default_factory=list)
    step_seconds: list[float] = field(default_factory=list)
    end_seconds: list[float] = field(default_factory=list)
    waiting_shares: list[float] = field(default_factory=list)
    samples_per_second: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.curves)

    def add_epoch(
        self,
        setup: Setup,
        trained: Trained,
        *,
        lr: float,
        fused: float | None,
        validation: Prediction,
    ) -> None:
        """Take in an epoch's curve; keep its weights if none before did better on validation.

        Args:
            setup: the run.
            trained: its steps, whose mean loss is the row's own.
            lr: learning rate of its last step.
            fused: loss of the fused logits on training rows after it; None for one modality.
            validation: what the model predicts on validation.
        """
        main, by_modality, _ = main_keys(validation.main)
        followed, score = f"validation_{main}", validation.score
        plain = loss(validation.logits, validation.labels).mean().item()
        self.curves.append({
            "epoch": self.epochs,
            "lr": lr,
            "train_loss": trained.loss,
            "steps": trained.steps,
            "rows": trained.rows,
            "fused_loss": fused,
            followed: score,
            "validation_loss": plain if isfinite(plain) else None,
            by_modality: validation.modality_scores,
        })  # fmt: skip
        if score >= max(curve[followed] for curve in self.curves):
            self.best, self.best_epoch = weights(setup), self.epochs - 1

    def add_times(self, steps: list[float], end: float, *, waited: float, samples: int) -> None:
        """Take in the times of an epoch.

        Args:
            steps: lengths of its steps, seconds.
            end: length of the method's work after the last, seconds.
            waited: how much of the steps went by until their batches were there, seconds.
            samples: how many they read.
        """
        self.step_seconds.append(median(steps))
        self.end_seconds.append(end / len(steps))
        self.waiting_shares.append(waited / sum(steps))
        self.samples_per_second.append(samples / sum(steps))

    @property
    def mean_step_seconds(self) -> float | None:
        """Median length of a step plus its share of the epochs' ends; None without an epoch."""
        if not self.step_seconds:
            return None
        return median(self.step_seconds) + fmean(self.end_seconds)

    def convergence(self) -> dict[str, int | None]:
        """``converged_epoch``, None where it never came; nothing where no fused loss is known."""
        losses = [curve.get("fused_loss") for curve in self.curves]
        known = [loss for loss in losses if loss is not None]
        if not known or len(known) < len(losses):
            return {}
        return {"converged_epoch": converged_epoch(known)}

    def extent(self, samples: int) -> dict[str, float]:
        """Updates, and how often so many training samples were read, over all epochs; nothing
        where an earlier version did not count them."""
        counts = [(curve["steps"], curve["rows"]) for curve in self.curves if "steps" in curve]
        if len(counts) < len(self.curves):
            return {}
        steps, rows = map(sum, zip(*counts, strict=True)) if counts else (0, 0)
        return {"steps": steps, "passes": rows / samples}

    def speed(self) -> dict[str, float]:
        """Samples a second and the share of a step that waits for data: medians over epochs."""
        if not self.step_seconds:
            return {}
        return {
            "samples_per_second": median(self.samples_per_second),
            "waiting_share": median(self.waiting_shares),
        }


def weights(setup: Setup) -> dict[str, Tensor]:
    """A copy of the model's weights."""
    return {name: value.detach().clone() for name, value in setup.network.state_dict().items()}


def save(setup: Setup, history: History, folder: Path) -> None:
    """Write all that the next epoch depends on; records go as text, which loads fast."""
    content = {
        "model": setup.network.state_dict(),
        "optimizer": setup.optimizer.state_dict(),
        "balancer": setup.balancer.state_dict(constants=False),
        "best": history.best,
        "records": json.dumps([history.curves, history.decisions, history.diagnosis]),
        **{name: getattr(history, name) for name in _AS_THEY_ARE},
    }
    save_checkpoint(folder / CHECKPOINT, content)


def restore(setup: Setup, folder: Path) -> History:
    """Bring the run to the end of its last finished epoch; a new run stays as it was built.

    The first rank reads the checkpoint for all.

    Raises:
        BalanceError: the checkpoint is damaged, or was written by another configuration.
    """
    content = from_first(setup.fabric, lambda: _checkpoint(folder))
    if content is None:
        return History(best=weights(setup))
    with as_written(folder, f"delete the folder '{folder}' and repeat with --resume"):
        return _restored(setup, content)


def _restored(setup: Setup, content: Mapping[str, Any]) -> History:
    setup.network.load_state_dict(content["model"])
    setup.optimizer.load_state_dict(content["optimizer"])
    setup.balancer.load_state_dict(content["balancer"])
    curves, decisions, *later = json.loads(content["records"])
    device = setup.fabric.device
    return History(
        best={name: value.to(device) for name, value in content["best"].items()},
        curves=curves,
        decisions=decisions,
        diagnosis=later[0] if later else [],
        **{name: content[name] for name in _AS_THEY_ARE},
    )


def _checkpoint(folder: Path) -> dict[str, Any] | None:
    path = folder / CHECKPOINT
    return load_checkpoint(path) if path.exists() else None
