"""The training loop: one run from its configuration to its result.

A run's folder is its unit of work. It holds ``config.json``, ``checkpoint.pt`` (rewritten after
every epoch), and, when the run is over, ``records.json``, ``predictions.npz`` and
``result.json``, each written whole or not at all.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from equimodal.errors import BalanceError
from equimodal.train.clock import StepClock
from equimodal.train.config import RunConfig
from equimodal.train.evaluation import Prediction, measures, predict
from equimodal.train.history import History, restore, save
from equimodal.train.optimizers import cosine_rate, set_rate
from equimodal.train.setup import Setup, build
from equimodal.train.storage import atomic, locked, make_folder, read_json, write_json

CONFIG, RECORDS, PREDICTIONS, RESULT = (
    "config.json", "records.json", "predictions.npz", "result.json",
)  # fmt: skip

Notify = Callable[[int, float], None]
Result = dict[str, Any]


def train(
    config: RunConfig, folder: Path, *, data_root: str | None = None, notify: Notify | None = None
) -> Result:
    """Train and evaluate one run in ``folder``, or continue or re-use what is there.

    The global random streams are reseeded from (seed, epoch), so a run that was stopped at any
    moment continues from its last finished epoch to the same bits.

    Args:
        config: the run.
        folder: the run's own folder; created where it does not exist.
        data_root: folder with the data set's files, where it needs them.
        notify: called with (finished epochs, validation accuracy) after every epoch.

    Raises:
        BalanceError: another process writes there, the folder belongs to another configuration,
            a file is damaged or cannot be written, or data or method refuse their settings.
    """
    make_folder(folder)
    with locked(folder):
        _claim(folder, config)
        if (folder / RESULT).exists():
            return read_json(folder / RESULT)
        setup = build(config, data_root=data_root)
        history = restore(setup, folder)
        trouble = fit(setup, history, folder, notify)
        result = _conclude(setup, history, folder, trouble)
        write_json(folder / RESULT, result)
        return result


def fit(setup: Setup, history: History, folder: Path, notify: Notify | None = None) -> str | None:
    """Train the epochs that are missing in ``history``; returns why the run diverged, or None."""
    config, clock = setup.config, StepClock(setup.fabric.device)
    for epoch in range(history.epochs, config.trained_epochs):
        started = time.perf_counter()
        _reseed(config.seed, epoch)
        loss = train_epoch(setup, epoch, clock)
        validation = predict(setup, setup.source.validation)
        if not math.isfinite(loss) or not validation.logits.isfinite().all():
            return _divergence(config, epoch)
        rate = setup.optimizer.param_groups[0]["lr"]
        history.add_epoch(setup, lr=rate, loss=loss, validation=validation)
        ending = time.perf_counter()
        setup.balancer.epoch_end()
        history.add_times(clock.seconds(), time.perf_counter() - ending)
        history.decisions += setup.balancer.drain_records()
        history.seconds += time.perf_counter() - started
        save(setup, history, folder)
        if notify:
            notify(history.epochs, validation.accuracy)
    return None


def train_epoch(setup: Setup, epoch: int, clock: StepClock) -> float:
    """One pass over the training data; returns the mean loss of its steps."""
    config, balancer, model, optimizer = setup.config, setup.balancer, setup.model, setup.optimizer
    assert config.lr is not None
    steps = math.ceil(len(setup.source.train) / config.batch_size)
    total = torch.zeros((), device=setup.fabric.device)
    model.train()
    clock.start()
    batches = balancer.batches(setup.source.train, batch_size=config.batch_size)
    for step, (inputs, targets) in enumerate(batches):
        set_rate(optimizer, cosine_rate(config.lr, (epoch + step / steps) / config.epochs))
        loss = balancer.loss(model(inputs), targets)
        setup.fabric.backward(loss)
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.detach()
        clock.tick()
    return float(total) / steps


def _claim(folder: Path, config: RunConfig) -> None:
    """Write the configuration into a new folder; refuse the folder of another one."""
    wanted = json.loads(json.dumps(config.as_dict()))
    if not (folder / CONFIG).exists():
        return write_json(folder / CONFIG, wanted)
    found = read_json(folder / CONFIG)
    different = [key for key in wanted if wanted[key] != found.get(key)]
    if different:
        raise BalanceError(
            f"'{folder}' holds a run with other values of {', '.join(different)}: found "
            f"{[found.get(key) for key in different]}, wanted {[wanted[key] for key in different]}."
            " Repeat its own command, or choose another folder with --out."
        )


def _reseed(seed: int, epoch: int) -> None:
    torch.manual_seed((seed * 1_000_003 + epoch) % 2**63)


def _divergence(config: RunConfig, epoch: int) -> str:
    assert config.lr is not None
    return (
        f"Training diverged in epoch {epoch} ({config.title}): a loss or a logit is not finite. "
        f"Lower the learning rate for every row, such as --lr {config.lr / 10:g}, or look for NaN "
        "in the data."
    )


def _conclude(setup: Setup, history: History, folder: Path, trouble: str | None) -> Result:
    """Evaluate the selected weights, write records and predictions, and sum up."""
    started = time.perf_counter()
    test = validation = None
    if trouble is None:
        setup.network.load_state_dict(history.best)
        train, splits = predict(setup, setup.source.train), _splits(setup)
        _write_predictions(folder / PREDICTIONS, splits)
        test, validation = (measures(splits[name], train) for name in ("test", "validation"))
    write_json(folder / RECORDS, {"curves": history.curves, "decisions": history.decisions})
    return {
        **setup.config.identity,
        "status": "finished" if trouble is None else "diverged",
        "acted": setup.balancer.acted,
        "message": trouble or setup.balancer.note or None,
        "best_epoch": history.best_epoch,
        "epochs": history.epochs,
        "seconds": history.seconds + time.perf_counter() - started,
        "step_seconds": history.mean_step_seconds,
        "test": test,
        "validation": validation,
    }


def _splits(setup: Setup) -> dict[str, Prediction]:
    source = setup.source
    return {"validation": predict(setup, source.validation), "test": predict(setup, source.test)}


def _write_predictions(path: Path, splits: dict[str, Prediction]) -> None:
    arrays = {}
    for name, split in splits.items():
        arrays[f"{name}_logits"] = split.logits.numpy()
        arrays[f"{name}_labels"] = split.labels.numpy()
        arrays[f"{name}_indices"] = np.arange(len(split.labels))
    with atomic(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
