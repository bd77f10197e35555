"""The end of a run: its selected weights are judged, and its result is written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equimodal.storage.files import atomic, write_json
from equimodal.training.evaluation import Prediction, losses, measures, predict, probed
from equimodal.training.history import History
from equimodal.training.ranks import from_first
from equimodal.training.run_folder import PREDICTIONS, RECORDS, RESULT
from equimodal.training.setup import Setup

Result = dict[str, Any]


def conclude(setup: Setup, history: History, folder: Path, trouble: str | None) -> Result:
    """Judge the selected weights and write records, predictions and the result.

    Args:
        setup: the run.
        history: its finished epochs.
        folder: its folder, in which the first rank alone writes.
        trouble: why the run diverged, or None.
    """
    started = time.perf_counter()
    splits: dict[str, Prediction] = {}
    if trouble is None:
        setup.network.load_state_dict(history.best)
        source = setup.source
        named = {"train": source.train, "validation": source.validation, "test": source.test}
        splits = {name: predict(setup, split) for name, split in named.items()}

    def write() -> Result:
        judged = _judged(splits, folder)
        records = {"curves": history.curves, "decisions": history.decisions}
        write_json(folder / RECORDS, {**records, "diagnosis": history.diagnosis})
        seconds = history.seconds + time.perf_counter() - started
        result = {**_account(setup, history, trouble, seconds), **judged}
        write_json(folder / RESULT, result)
        return result

    return from_first(setup.fabric, write)


def _judged(splits: dict[str, Prediction], folder: Path) -> Result:
    """Measures on test and validation, None for a run that diverged; writes the predictions."""
    if not splits:
        return {"test": None, "validation": None}
    train = splits.pop("train")
    probes = probed(train, splits)
    _write_predictions(folder / PREDICTIONS, splits, probes)
    judged = {name: measures(splits[name], probes[name]) for name in ("test", "validation")}
    return {**judged, "train": losses(train)}


def _account(setup: Setup, history: History, trouble: str | None, seconds: float) -> Result:
    """How the run went, without its measures."""
    processes = setup.fabric.world_size
    shared = {"processes": processes} if processes > 1 else {}
    notes = [setup.method.note, f"trained by {processes} processes" if shared else ""]
    return {
        **setup.config.identity,
        "status": "finished" if trouble is None else "diverged",
        "acted": setup.method.acted,
        "message": trouble or ", ".join(filter(None, notes)) or None,
        "best_epoch": history.best_epoch,
        "epochs": history.epochs,
        **history.convergence(),
        "seconds": seconds,
        "step_seconds": history.mean_step_seconds,
        **history.speed(),
        **shared,
    }


def _write_predictions(
    path: Path, splits: Mapping[str, Prediction], probes: Mapping[str, Mapping[str, Tensor]]
) -> None:
    arrays = {"modalities": np.array(list(next(iter(splits.values())).features))}
    for name, split in splits.items():
        arrays[f"{name}_logits"] = split.logits.numpy()
        arrays[f"{name}_labels"] = split.labels.numpy()
        arrays[f"{name}_indices"] = np.arange(len(split.labels))
        if split.groups is not None:
            arrays[f"{name}_groups"] = split.groups.numpy()
        unimodal = torch.stack(list(split.unimodal_logits.values()))
        arrays[f"{name}_unimodal_logits"] = unimodal.numpy()
        arrays[f"{name}_probed"] = torch.stack(list(probes[name].values())).numpy()
    with atomic(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
