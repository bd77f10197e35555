"""The plan of a comparison: which runs there are, each fully determined before the first one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import normpath, relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equimodal import data as sources
from equimodal import methods
from equimodal.comparison.execution import EVERY_CARD, Execution
from equimodal.comparison.experiment import Experiment, batch_size_of
from equimodal.comparison.rows import (
    ALONE,
    ENSEMBLE,
    EVERY_ALONE,
    RATE_FACTORS,
    UNTRAINED,
    expand_rows,
    own_fusions,
    reads,
    run_place,
    suited_rows,
    with_rows_for_missing,
)
from equimodal.comparison.scores import WORDS
from equimodal.comparison.settings import (
    check_finite,
    check_method_settings,
    check_no_table_settings,
    split_settings,
    with_names,
)
from equimodal.data.defaults import TRAINING_DEFAULTS, TrainingDefaults
from equimodal.data.information import told_of
from equimodal.data.sources import check_settings
from equimodal.data.table import is_manifest
from equimodal.errors import BalanceError
from equimodal.training.config import OPTIONAL, RunConfig
from equimodal.training.optimizers import SETTINGS, changed_settings, check_optimizer
from equimodal.training.schedules import from_words, in_words

if TYPE_CHECKING:
    from equimodal.data.dataset import DataSource, Modality

_OTHER_DATA: TrainingDefaults = {"epochs": 30, "batch_size": 64, "lr": 0.03}


@dataclass(frozen=True)
class PlannedRun:
    """A run and its folder, relative to the folder of the comparison."""

    config: RunConfig
    folder: str

    @property
    def learns_from(self) -> list[str]:
        """Folders of the runs that must be over before it begins."""
        return [normpath(f"{self.folder}/{place}") for place in self.config.teachers.values()]


@dataclass(frozen=True)
class Plan:
    """A comparison before it is trained.

    ``config`` and ``data`` stand in results.json as they are; ``runs`` are in the order in which
    they are started, those of one seed together, as they share its data. ``modalities`` is what
    their samples are.
    """

    config: dict[str, Any]
    data: dict[str, Any]
    runs: tuple[PlannedRun, ...]
    data_root: str | None
    modalities: dict[str, Modality] = field(default_factory=dict)


def check_request(experiment: Experiment) -> None:
    """Check what an experiment says before its data are read, all but what depends on them.

    Raises:
        BalanceError: no such data set, row, setting, optimiser, fusion or device.
    """
    from equimodal.models.fusions import check_fusion  # imports torch

    data, given, optimizer = experiment.data, experiment.settings, experiment.optimizer
    check_optimizer(optimizer)
    check_fusion(experiment.fusion)
    named = None if experiment.methods is None else [
        row for row in experiment.methods if row == EVERY_ALONE or not row.startswith(ALONE)
    ]  # fmt: skip
    rows = expand_rows(named, ["<modality>"]) if named or named is None else ()
    if is_manifest(data):
        check_no_table_settings(given, data)
        data = Path(data).name
    else:
        check_settings(data, ())
    by_owner = split_settings(given, data, rows, optimizer=optimizer)
    if own := by_owner.pop(data, None):
        check_settings(data, own)
    changed_settings(optimizer, by_owner.pop(optimizer, {}))
    for row, own in by_owner.items():
        check_method_settings(row, with_names(row, own))
    check_finite(given)


def loadable(experiment: Experiment, execution: Execution) -> tuple[Experiment, str | None]:
    """The experiment with the name of its data by which every run loads them, and their root.

    A table is prepared here.

    Raises:
        DataError: it has problems, or its cache cannot be written.
    """
    data, root = sources.ready(
        experiment.data, execution.data_root, cache=execution.cache, progress=execution.progress
    )
    return replace(experiment, data=data), root


def make_plan(experiment: Experiment, data_root: str | None = None) -> Plan:
    """The plan of an experiment whose data are where `loadable` said.

    Raises:
        BalanceError: something that cannot be compared; the message says what to write.
    """
    data, optimizer, given = experiment.data, experiment.optimizer, experiment.settings
    own = split_settings({k: v for k, v in given.items() if k.startswith(f"{data}.")}, data)
    budget = TRAINING_DEFAULTS.get(data, _OTHER_DATA)
    check_optimizer(optimizer)
    source = sources.load(data, root=data_root, seed=experiment.seeds[0], **own.get(data, {}))
    rows = expand_rows(experiment.methods, source.modalities)
    missing = any(modality.missing for modality in source.modalities.values())
    if missing and experiment.methods is None:
        rows = with_rows_for_missing(rows)
    by_owner = split_settings(given, data, rows, optimizer=optimizer)
    changed = changed_settings(optimizer, by_owner.pop(optimizer, {}))
    named = {o: with_names(o, own) for o, own in by_owner.items() if o != data}
    for row, values in named.items():
        check_method_settings(row, values)
    rows, left_out = suited_rows(rows, experiment.methods, source.target, named, missing=missing)
    used = SETTINGS[optimizer] | changed
    config = {
        "data": data,
        "data_settings": dict(source.settings),
        "methods": rows,
        **({"left_out": left_out} if left_out else {}),
        "seeds": experiment.seeds,
        "epochs": experiment.epochs or budget["epochs"],
        "batch_size": batch_size_of(experiment.batch_size, budget["batch_size"], len(source.train)),
        "optimizer": optimizer,
        "momentum": used.get("momentum"),
        "weight_decay": used["weight_decay"],
        **({"optimizer_settings": changed} if changed else {}),
        "schedule": in_words(experiment.schedule),
        **({"steps": experiment.steps} if experiment.steps != OPTIONAL["steps"] else {}),
        "lr": experiment.lr or [float(budget["lr"])],
        "objective": experiment.objective,
        "settings": {owner: own for owner, own in named.items() if owner not in left_out},
        # Which of the cards a run is given is no part of what it is.
        "device": "cuda" if experiment.device == EVERY_CARD else experiment.device,
        "selection": f"best validation {WORDS[source.target.score]}",
        **_model(source, experiment.encoders, experiment.fusion, rows),
    }
    config = json.loads(json.dumps(config))
    return Plan(config, told_of(source), _runs(config), data_root, source.modalities)


def _model(
    source: DataSource, encoders: Mapping[str, str], fusion: str, rows: Sequence[str]
) -> dict[str, Any]:
    """Encoders and fusion, where they are no defaults, and the fusions that rows bring."""
    from equimodal.models.encoders.named import chosen_encoders
    from equimodal.models.fusions import check_fusion  # imports torch

    check_fusion(fusion)
    own = own_fusions(rows, fusion)
    fused = [row for row in rows if methods.known(row) or row in RATE_FACTORS]
    if fusion != OPTIONAL["fusion"] and fused and set(fused) <= own.keys():
        raise BalanceError(
            f"The fusion {fusion} has no effect: {fused[0]} brings its own, {own[fused[0]]}; leave "
            "--fusion out."
        )
    chosen = {
        "encoders": chosen_encoders(encoders, source.modalities), "fusion": fusion,
        "own_fusions": own,
    }  # fmt: skip
    return {key: value for key, value in chosen.items() if value != OPTIONAL.get(key, {})}


def _runs(config: Mapping[str, Any]) -> tuple[PlannedRun, ...]:
    runs = [
        _run(config, row, seed, rate)
        for seed in config["seeds"]
        for row in config["methods"]
        if row != ENSEMBLE
        for rate in ([None] if row == UNTRAINED else config["lr"])
    ]
    folders = [run.folder for run in runs]
    twice = {folder for folder in folders if folders.count(folder) > 1}
    if twice:
        raise BalanceError(
            f"Two rows would share the folder '{min(twice)}'; rename one of the modalities."
        )
    return tuple(runs)


def _run(config: Mapping[str, Any], row: str, seed: int, rate: float | None) -> PlannedRun:
    lr = None if rate is None else rate * RATE_FACTORS.get(row, 1.0)
    shared = ("data", "data_settings", "epochs", "batch_size", "optimizer", "objective", "device")
    searched = f"-lr-{lr!r}" if len(config["lr"]) > 1 and lr is not None else ""
    run = RunConfig(
        method=row,
        seed=seed,
        lr=lr,
        settings=config["settings"].get(row, {}),
        schedule=from_words(config["schedule"]),
        **{key: config[key] for key in shared},
        **{key: config[key] for key in OPTIONAL if key in config and key != "schedule"},
        teachers=_teachers(config, row, seed, searched),
    )
    return PlannedRun(run, f"{run_place(row, seed)}{searched}")


def _teachers(config: Mapping[str, Any], row: str, seed: int, searched: str) -> dict[str, str]:
    """By modality the run of the same seed and rate from which a row learns, from its own folder
    on."""
    if EVERY_ALONE not in reads(row) or row == ENSEMBLE:
        return {}
    alone = [name for name in config["methods"] if name.startswith(ALONE)]
    own = f"{run_place(row, seed)}{searched}"
    return {
        name.removeprefix(ALONE): relpath(f"{run_place(name, seed)}{searched}", own)
        for name in alone
    }
