"""The plan of a comparison: which runs there are, each fully determined before the first one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equimodal import data as sources
from equimodal.comparison.arguments import (
    batch_size_of,
    check_device,
    check_objective,
    count_of,
    rate_list,
    seed_list,
)
from equimodal.comparison.budget import budget_of
from equimodal.comparison.rows import ENSEMBLE, RATE_FACTORS, UNTRAINED, expand_rows, slug
from equimodal.comparison.settings import check_method_settings, split_settings
from equimodal.errors import BalanceError
from equimodal.training.config import OPTIONAL, RunConfig
from equimodal.training.optimizers import SETTINGS, changed_settings, check_optimizer
from equimodal.training.schedules import COSINE, check_schedule, from_words, in_words

if TYPE_CHECKING:
    from equimodal.data.dataset import DataSource


@dataclass(frozen=True)
class PlannedRun:
    """A run and its folder, relative to the folder of the comparison."""

    config: RunConfig
    folder: str


@dataclass(frozen=True)
class Plan:
    """A comparison before it is trained.

    ``config`` and ``data`` stand in results.json as they are; ``runs`` are in the order in which
    they are started, those of one seed together, as they share its data.
    """

    config: dict[str, Any]
    data: dict[str, Any]
    runs: tuple[PlannedRun, ...]
    data_root: str | None


def make_plan(
    data: str,
    *,
    data_root: str | None = None,
    methods: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    epochs: int | None = None,
    objective: str = "fused",
    lr: float | Sequence[float] | None = None,
    batch_size: int | None = None,
    optimizer: str = "sgd",
    device: str = "cpu",
    settings: Mapping[str, object] | None = None,
    encoders: Mapping[str, str] | None = None,
    fusion: str = "concat",
    schedule: str = COSINE,
) -> Plan:
    """The plan of `equimodal.compare`, whose arguments these are.

    Raises:
        BalanceError: something that cannot be compared; the message says what to write.
    """
    given = dict(settings or {})
    own = split_settings({k: v for k, v in given.items() if k.startswith(f"{data}.")}, data)
    chosen, budget = seed_list(seeds), budget_of(data)
    check_optimizer(optimizer)
    check_objective(objective)
    check_device(device)
    source = sources.load(data, root=data_root, seed=chosen[0], **own.get(data, {}))
    rows = expand_rows(methods, source.modalities)
    by_owner = split_settings(given, data, rows, optimizer=optimizer)
    changed = changed_settings(optimizer, by_owner.pop(optimizer, {}))
    used = SETTINGS[optimizer] | changed
    config = {
        "data": data,
        "data_settings": dict(source.settings),
        "methods": list(rows),
        "seeds": chosen,
        "epochs": count_of("epochs", epochs, budget["epochs"]),
        "batch_size": batch_size_of(batch_size, budget["batch_size"], len(source.train)),
        "optimizer": optimizer,
        "momentum": used.get("momentum"),
        "weight_decay": used["weight_decay"],
        **({"optimizer_settings": changed} if changed else {}),
        "schedule": in_words(check_schedule(schedule)),
        "lr": rate_list(lr, budget["lr"]),
        "objective": objective,
        "settings": {owner: values for owner, values in by_owner.items() if owner != data},
        "device": device,
        "selection": "best validation accuracy",
        **_model(source, encoders or {}, fusion),
    }
    config = json.loads(json.dumps(config))
    for row, values in config["settings"].items():
        check_method_settings(row, values)
    return Plan(config, _description(source), _runs(config), data_root)


def _model(source: DataSource, encoders: Mapping[str, str], fusion: str) -> dict[str, Any]:
    """Encoders and fusion, where they are no defaults."""
    from equimodal.models.encoders.named import chosen_encoders
    from equimodal.models.fusions import check_fusion  # imports torch

    check_fusion(fusion)
    chosen = {"encoders": chosen_encoders(encoders, source.modalities), "fusion": fusion}
    return {key: value for key, value in chosen.items() if value != OPTIONAL[key]}


def _description(source: DataSource) -> dict[str, Any]:
    return {
        "name": source.name,
        "modalities": {
            name: {"kind": modality.kind, "shape": list(modality.shape)}
            for name, modality in source.modalities.items()
        },
        "classes": list(source.classes),
        "sizes": {
            "train": len(source.train),
            "validation": len(source.validation),
            "test": len(source.test),
        },
        "note": source.note,
    }


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
    run = RunConfig(
        method=row,
        seed=seed,
        lr=lr,
        settings=config["settings"].get(row, {}),
        schedule=from_words(config["schedule"]),
        **{key: config[key] for key in shared},
        **{key: config[key] for key in OPTIONAL if key in config and key != "schedule"},
    )
    searched = f"-lr-{lr!r}" if len(config["lr"]) > 1 and lr is not None else ""
    return PlannedRun(run, f"runs/{slug(row)}/seed-{seed}{searched}")
