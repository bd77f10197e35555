"""The training loop: one run from its configuration to its result.

A run's folder is its unit of work. It holds ``config.json``, ``checkpoint.pt`` (rewritten after
every epoch), and, when the run is over, ``records.json``, ``predictions.npz`` and
``result.json``, each written whole or not at all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from equimodal.data.presence import PRESENT
from equimodal.numerics.random import epoch_seed
from equimodal.storage.files import make_folder, read_json
from equimodal.storage.locks import locked
from equimodal.training.clock import StepClock
from equimodal.training.conclusion import conclude
from equimodal.training.config import RunConfig
from equimodal.training.evaluation import fused_loss, predict
from equimodal.training.history import History, Trained, restore, rows_of, save
from equimodal.training.optimizers import set_rate
from equimodal.training.ranks import from_first, mean_over_ranks, on_any, one_process
from equimodal.training.run_folder import RESULT, claim
from equimodal.training.schedules import scheduled_rate
from equimodal.training.setup import Setup, build

_PATIENCE = 10.0  # seconds for which a process that was killed may still be ending
Notify = Callable[[int, float], None]
Result = dict[str, Any]


def train(
    config: RunConfig,
    folder: Path,
    *,
    data_root: str | None = None,
    notify: Notify | None = None,
    fabric: Fabric | None = None,
    waits: Callable[[], None] | None = None,
) -> Result:
    """Train and evaluate one run in ``folder``, or continue or re-use what is there.

    The global random streams are reseeded from (seed, epoch), so a run that was stopped at any
    moment continues from its last finished epoch to the same bits.

    Args:
        config: the run.
        folder: the run's own folder; created where it does not exist.
        data_root: folder with the data set's files, where it needs them.
        notify: called with (finished epochs, main score of validation) after every epoch.
        fabric: the processes that train it, all of which call this; None for this one alone. The
            first one alone reads and writes in the folder.
        waits: called where another process trains the run, which is waited for; None: that is
            refused.

    Raises:
        BalanceError: another process writes there, the folder belongs to another configuration,
            a file is damaged or cannot be written, or data or method refuse their settings.
    """
    fabric = fabric or one_process(config.device)
    with _owned(folder, config, fabric, waits):
        result = from_first(fabric, lambda: _found(folder))
        if result is not None:
            return result
        setup = build(config, data_root=data_root, fabric=fabric, folder=folder)
        history = restore(setup, folder)
        trouble = fit(setup, history, folder, notify)
        return conclude(setup, history, folder, trouble)


def advance(
    config: RunConfig,
    folder: Path,
    *,
    until: int,
    data_root: str | None = None,
    notify: Notify | None = None,
) -> str | None:
    """Train the first ``until`` epochs of a run in ``folder`` and leave it to be continued.

    `train`, or this function with a later epoch, continues it to the same bits as in one go.

    Args:
        until: how many epochs are to be finished.

    The other arguments, and what is raised, are those of `train`. Returns why it diverged, or None.
    """
    fabric = one_process(config.device)
    with _owned(folder, config, fabric):
        setup = build(config, data_root=data_root, fabric=fabric, folder=folder)
        return fit(setup, restore(setup, folder), folder, notify, until=until)


def fit(
    setup: Setup,
    history: History,
    folder: Path,
    notify: Notify | None = None,
    *,
    until: int | None = None,
) -> str | None:
    """Train the epochs that are missing in ``history``; returns why the run diverged, or None.

    With ``until`` only those of the first so many epochs.
    """
    config, clock = setup.config, StepClock(setup.fabric.device)
    end = config.trained_epochs if until is None else min(until, config.trained_epochs)
    for epoch in range(history.epochs, end):
        started = time.perf_counter()
        torch.manual_seed(epoch_seed(config.seed, epoch))
        trained = train_epoch(setup, epoch, clock)
        loss = trained.loss
        validation = predict(setup, setup.source.validation)
        fused = fused_loss(setup, epoch)
        losses = [loss] if fused is None else [loss, fused]
        sound = all(map(math.isfinite, losses)) and bool(validation.logits.isfinite().all())
        if on_any(setup.fabric, not sound):
            return _divergence(config, epoch)
        rate = setup.optimizer.param_groups[0]["lr"]
        history.add_epoch(setup, trained, lr=rate, fused=fused, validation=validation)
        ending = time.perf_counter()
        setup.balancer.epoch_end()
        history.add_times(
            clock.seconds(), trained.planning + time.perf_counter() - ending,
            waited=clock.waited, samples=trained.rows,
        )  # fmt: skip
        history.decisions += setup.balancer.decisions.drain()
        history.diagnosis += setup.balancer.diagnosis.drain()
        history.seconds += time.perf_counter() - started
        if setup.fabric.is_global_zero:
            save(setup, history, folder)
        if notify:
            notify(history.epochs, validation.score)
    return None


def train_epoch(setup: Setup, epoch: int, clock: StepClock) -> Trained:
    """One epoch of training data, as the balancer gives it; the loss is over all ranks."""
    config, balancer, model, optimizer = setup.config, setup.balancer, setup.model, setup.optimizer
    assert config.lr is not None
    total, rows = torch.zeros((), device=setup.fabric.device), 0.0
    model.train()
    samples = setup.source.train.varied(config.seed, epoch)
    planning = time.perf_counter()
    steps = setup.steps(samples)
    planning = time.perf_counter() - planning
    clock.start()
    batches = balancer.batches(samples, batch_size=setup.batch_size)
    for step, (inputs, targets) in enumerate(clock.waiting(batches)):
        progress = (epoch + step / steps) / config.epochs
        rate = scheduled_rate(config.schedule, config.lr, epoch=epoch, progress=progress)
        set_rate(optimizer, rate)
        loss = balancer.loss(model(inputs), targets, inputs.get(PRESENT))
        setup.fabric.backward(loss)
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.detach()
        rows += rows_of(targets)
        clock.tick()
    mean = mean_over_ranks(setup.fabric, total) / steps
    return Trained(mean, steps, round(rows * setup.fabric.world_size), planning)


@contextmanager
def _owned(
    folder: Path, config: RunConfig, fabric: Fabric, waits: Callable[[], None] | None = None
) -> Iterator[None]:
    """The first rank makes, locks and claims the folder; the others leave it alone."""
    if not fabric.is_global_zero:
        yield
        return
    make_folder(folder)
    with locked(folder, patience=_PATIENCE if waits is None else math.inf, waits=waits):
        claim(folder, config, processes=fabric.world_size)
        yield


def _found(folder: Path) -> Result | None:
    return read_json(folder / RESULT) if (folder / RESULT).exists() else None


def _divergence(config: RunConfig, epoch: int) -> str:
    assert config.lr is not None
    return (
        f"Training diverged in epoch {epoch} ({config.title}): a loss or a logit is not finite. "
        f"Lower the learning rate for every row, such as --lr {config.lr / 10:g}, or look for NaN "
        "in the data."
    )
