"""The ensemble of the modalities trained alone, from the predictions that their runs left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equimodal.comparison.rows import ENSEMBLE, slug
from equimodal.data.target import main_keys
from equimodal.measures.scoring import CLASSES, NUMBERS, kind_of, scores_of
from equimodal.storage.files import make_folder, write_json
from equimodal.training.prediction import Arrays, in_units, read_arrays, write_arrays
from equimodal.training.run_folder import RESULT

Run = dict[str, Any]
_SPLITS = ("validation", "test")
_NONE = np.zeros(0)


def ensemble_run(members: Sequence[Run], folder: Path, main: str) -> Run:
    """The mean of the members' predictions, as one run; writes it into its own folder.

    Its scores per modality and its probes are those of its members, its times their sums.

    Args:
        members: the runs of one seed, one for each modality, with their ``folder``.
        folder: the folder of the comparison.
        main: name of the score that counts.

    Raises:
        BalanceError: predictions of a member are missing or damaged.
    """
    first = members[0]
    own = f"runs/{slug(ENSEMBLE)}/seed-{first['seed']}"
    rates = {member["lr"] for member in members}
    make_folder(folder / own)
    run = {
        "data": first["data"],
        "method": ENSEMBLE,
        "seed": first["seed"],
        "lr": rates.pop() if len(rates) == 1 else None,
        "objective": "own",
        "acted": True,
        "best_epoch": None,
        "epochs": first["epochs"],
        "seconds": _sum(members, "seconds"),
        "step_seconds": _sum(members, "step_seconds"),
        **_ending(members, folder, folder / own, main),
    }
    write_json(folder / own / RESULT, run)
    return run | {"folder": own}


def _ending(members: Sequence[Run], folder: Path, own: Path, main: str) -> Run:
    """How it ended: as the first member that did not finish, or with its measures."""
    for member in members:
        if member["status"] != "finished":
            told = f"{member['method']}: {member['message']}"
            return {"status": member["status"], "message": told, "test": None, "validation": None}
    return {"status": "finished", "message": None, **_evaluated(members, folder, own, main)}


def _evaluated(members: Sequence[Run], folder: Path, own: Path, main: str) -> dict[str, Any]:
    """Measures on both splits; writes the ensemble's predictions."""
    parts = [read_arrays(folder / member["folder"]) for member in members]
    arrays: Arrays = {k: v for k, v in parts[0].items() if k == "target_scale"}
    found: dict[str, Any] = {}
    for split in _SPLITS:
        labels = torch.from_numpy(parts[0][f"{split}_labels"])
        every = [torch.from_numpy(p[f"{split}_logits"]) for p in parts]
        logits = mean_prediction(every, kind_of(labels))
        scored = in_units(logits, labels, torch.from_numpy(arrays.get("target_scale", _NONE)))
        found[split] = _measures(*scored, main, [member[split] for member in members])
        kept = (f"{split}_{key}" for key in ("labels", "indices", "groups"))
        arrays |= {key: parts[0][key] for key in kept if key in parts[0]}
        arrays[f"{split}_logits"] = logits.numpy()
    write_arrays(own, arrays)
    return found


def mean_prediction(logits: Sequence[Tensor], kind: str) -> Tensor:
    """Logits of the mean probability, or the mean of numbers. K times (N, C) -> (N, C)"""
    if kind == CLASSES:
        return mean_log_probability(logits)
    wide = torch.stack([z.double() for z in logits])
    if kind == NUMBERS:
        return wide.mean(0)
    true, false = (z.sigmoid().mean(0).clamp_min(1e-300) for z in (wide, -wide))
    return true.log() - false.log()


def mean_log_probability(logits: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean softmax output. K times (N, C) -> (N, C)"""
    return torch.stack([z.double().softmax(dim=1) for z in logits]).mean(dim=0).log()


def _measures(
    logits: Tensor, labels: Tensor, main: str, members: Sequence[Mapping[str, Any]]
) -> Run:
    named = {name: score.value(logits, labels) for name, score in scores_of(labels).items()}
    first, *by_modality = main_keys(main)
    return {first: named[main], **named, **{key: _joined(members, key) for key in by_modality}}


def _joined(members: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    return {m: value for member in members for m, value in member[key].items()}


def _sum(members: Sequence[Run], key: str) -> float | None:
    values = [member[key] for member in members]
    return None if None in values else sum(values)
