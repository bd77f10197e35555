"""The end of a run: its selected weights are judged, and its result is written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from equimodal.measures.scoring import blind_loss
from equimodal.storage.files import write_json
from equimodal.training.evaluation import losses, measures, predict, probed
from equimodal.training.history import History
from equimodal.training.prediction import Prediction, write_predictions
from equimodal.training.ranks import from_first
from equimodal.training.robustness.run import curves, stressed, write_stressed
from equimodal.training.run_folder import RECORDS, RESULT
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
        judged = _judged(setup, splits, folder)
        records = {"curves": history.curves, "decisions": history.decisions}
        write_json(folder / RECORDS, {**records, "diagnosis": history.diagnosis})
        seconds = history.seconds + time.perf_counter() - started
        result = {**_account(setup, history, trouble, seconds), **judged}
        write_json(folder / RESULT, result)
        return result

    return from_first(setup.fabric, write)


def _judged(setup: Setup, splits: dict[str, Prediction], folder: Path) -> Result:
    """Measures on test and validation, None for a run that diverged; writes the predictions."""
    if not splits:
        return {"test": None, "validation": None}
    train = splits.pop("train")
    probes = probed(train, splits)
    write_predictions(folder, splits, probes)
    weight = setup.source.target.weight
    judged = {name: measures(splits[name], probes[name]) for name in ("test", "validation")}
    found = stressed(setup, setup.source.test, splits["test"])
    # Of one modality alone the ensemble asks for more than its class.
    classes = splits["test"].labels.ndim == 1 and setup.config.alone is None
    write_stressed(folder, found, classes=classes)
    judged["robustness"] = curves(found, splits["test"])
    return {**judged, "train": {**losses(train), "entropy": blind_loss(train.labels, weight)}}


def _account(setup: Setup, history: History, trouble: str | None, seconds: float) -> Result:
    """How the run went, without its measures."""
    processes = setup.fabric.world_size
    shared = {"processes": processes} if processes > 1 else {}
    notes = [
        setup.method.note, _repeats(setup, history),
        f"trained by {processes} processes" if shared else "",
    ]  # fmt: skip
    return {
        **setup.config.identity,
        "status": "finished" if trouble is None else "diverged",
        "acted": setup.method.acted,
        "message": trouble or ", ".join(filter(None, notes)) or None,
        "best_epoch": history.best_epoch,
        "epochs": history.epochs,
        **history.convergence(),
        **history.extent(len(setup.source.train)),
        "seconds": seconds,
        "step_seconds": history.mean_step_seconds,
        **history.speed(),
        **shared,
    }


def _repeats(setup: Setup, history: History) -> str:
    """That a row makes more updates and passes over the data than its epochs say; else nothing."""
    if setup.repeats == 1:
        return ""
    return (
        f"{setup.repeats} updates a batch: {history.epochs * setup.plain_steps} updates and "
        f"{history.epochs * setup.repeats} passes over the data in {history.epochs} epochs"
    )
