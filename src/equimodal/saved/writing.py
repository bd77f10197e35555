"""From the folder of a run to a model folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from equimodal.comparison.plan import Plan, PlannedRun
from equimodal.comparison.scores import main_of
from equimodal.data.dataset import HUGGING_FACE
from equimodal.data.table.store.prepared import FITTED, read_fitted
from equimodal.data.target import CLASSIFICATION, SCORES_BY_TASK, Target, main_keys
from equimodal.saved.card import card
from equimodal.saved.description import CARD, FILE, SCALING, WEIGHTS, Description, read_description
from equimodal.saved.seal import fingerprint
from equimodal.saved.tensors import write_tensors
from equimodal.storage.files import load_checkpoint, make_folder, read_json, write_json, write_text
from equimodal.training.config import create_method, rule_of
from equimodal.training.run_folder import CHECKPOINT, RESULT, versions

_KEPT = ("data", "method", "seed", "lr", "objective", "epochs", "settings")


def write_model(
    folder: Path, plan: Plan, run: PlannedRun, runs: Path, *, verdict: Sequence[str] = ()
) -> Path | None:
    """Write the model of a finished run, and return its folder.

    None where there is none to write: a run whose row trains nothing, or whose encoders are of
    Hugging Face, as their files lie elsewhere.

    Args:
        folder: of the model.
        plan: of the comparison that the run belongs to.
        run: the run.
        runs: the folder that the run's folder lies in.
        verdict: sentences of a diagnosis, for the card.

    Raises:
        BalanceError: a file of the run is damaged, or the folder cannot be written.
    """
    encoders = {m: spec for m, spec in run.config.encoders.items() if m in _modalities(plan, run)}
    there = (runs / run.folder / CHECKPOINT).exists()
    if not there or any(spec.startswith(HUGGING_FACE) for spec in encoders.values()):
        return None
    result = read_json(runs / run.folder / RESULT)
    weights = load_checkpoint(runs / run.folder / CHECKPOINT)["best"]
    make_folder(folder)
    (folder / FILE).unlink(missing_ok=True)  # a folder that holds it is whole
    described = _described(plan, run, result, encoders)
    scaling = _scaling(plan, described)
    files = {
        WEIGHTS: write_tensors(folder / WEIGHTS, weights),
        SCALING: write_tensors(folder / SCALING, scaling),
    }
    described = replace(described, files=files)
    described = replace(described, fingerprint=fingerprint(described.as_dict()))
    write_text(folder / CARD, card(described, verdict))
    write_json(folder / FILE, described.as_dict())
    return folder


def tell_verdict(folder: Path, verdict: Sequence[str]) -> None:
    """Write the card of a model folder again, with sentences of a diagnosis."""
    if (folder / FILE).is_file():
        write_text(folder / CARD, card(read_description(folder), verdict))


def _modalities(plan: Plan, run: PlannedRun) -> list[str]:
    alone = run.config.alone
    return list(plan.modalities) if alone is None else [alone]


def _described(
    plan: Plan, run: PlannedRun, result: Mapping[str, Any], encoders: dict[str, str]
) -> Description:
    names, config = _modalities(plan, run), run.config.as_dict()
    table = None
    if plan.data_root is not None and os.path.isfile(Path(plan.data_root) / FITTED):
        found, _ = read_fitted(Path(plan.data_root))
        table = replace(found, columns={m: found.columns[m] for m in names})
    trained = {key: config[key] for key in _KEPT}
    _, inside, _ = main_keys(main_of(plan.data))
    kept = (*SCORES_BY_TASK[plan.data.get("task", CLASSIFICATION)], inside)
    scores = {split: {key: result[split][key] for key in kept} for split in ("validation", "test")}
    epoch = None if result["best_epoch"] is None else result["best_epoch"] + 1
    return Description(
        tuple(plan.data["classes"]), {m: plan.modalities[m] for m in names}, encoders,
        run.config.model_fusion, table,
        {
            **trained, "objective": run.config.loss, "epoch": epoch, "scores": scores,
            "note": plan.data["note"], "sizes": plan.data["sizes"],
            "data_fingerprint": plan.config["data_settings"].get("fingerprint"),
        },
        versions(), {}, prediction=_prediction(run), target=_target(plan.data),
    )  # fmt: skip


def _target(data: Mapping[str, Any]) -> Target:
    """What is predicted; weights of classes are of training alone."""
    numbers = {key: tuple(data[key]) for key in ("mean", "scale") if key in data}
    return Target(data.get("task", CLASSIFICATION), **numbers)


def _prediction(run: PlannedRun) -> dict[str, Any] | None:
    """The method whose rule predicts, with its settings; None where there is no such rule."""
    if run.config.alone is not None:
        return None
    settings = {k: v for k, v in run.config.settings.items() if k != "on"}
    name = run.config.registered_method
    ruled = rule_of(create_method(name, settings)) is not None
    return {"method": name, "settings": settings} if ruled else None


def _scaling(plan: Plan, described: Description) -> dict[str, Tensor]:
    if described.table is None or plan.data_root is None:
        return {}
    _, arrays = read_fitted(Path(plan.data_root))
    return {
        key: torch.from_numpy(values)
        for key, values in arrays.items()
        if key.partition(":")[2] in described.modalities
    }
