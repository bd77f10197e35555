"""The ensemble of the modalities trained alone, from the predictions that their runs left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from equimodal.comparison.rows import ENSEMBLE, slug
from equimodal.measures.classification import scores
from equimodal.storage.files import make_folder, write_json
from equimodal.training.prediction import Arrays, read_arrays, write_arrays
from equimodal.training.run_folder import RESULT

Run = dict[str, Any]
_SPLITS = ("validation", "test")


def ensemble_run(members: Sequence[Run], folder: Path) -> Run:
    """The mean of the members' softmax outputs, as one run; writes it into its own folder.

    Its accuracy per modality and its probes are those of its members, its times their sums.

    Args:
        members: the runs of one seed, one for each modality, with their ``folder``.
        folder: the folder of the comparison.

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
        **_ending(members, folder, folder / own),
    }
    write_json(folder / own / RESULT, run)
    return run | {"folder": own}


def _ending(members: Sequence[Run], folder: Path, own: Path) -> Run:
    """How it ended: as the first member that did not finish, or with its measures."""
    for member in members:
        if member["status"] != "finished":
            told = f"{member['method']}: {member['message']}"
            return {"status": member["status"], "message": told, "test": None, "validation": None}
    return {"status": "finished", "message": None, **_evaluated(members, folder, own)}


def _evaluated(members: Sequence[Run], folder: Path, own: Path) -> dict[str, Any]:
    """Measures on both splits; writes the ensemble's predictions."""
    parts = [read_arrays(folder / member["folder"]) for member in members]
    arrays: Arrays = {}
    found: dict[str, Any] = {}
    for split in _SPLITS:
        logits = mean_log_probability([torch.from_numpy(p[f"{split}_logits"]) for p in parts])
        labels = torch.from_numpy(parts[0][f"{split}_labels"])
        found[split] = _measures(logits, labels, [member[split] for member in members])
        kept = (f"{split}_{key}" for key in ("labels", "indices", "groups"))
        arrays |= {key: parts[0][key] for key in kept if key in parts[0]}
        arrays[f"{split}_logits"] = logits.numpy()
    write_arrays(own, arrays)
    return found


def mean_log_probability(logits: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean softmax output. K times (N, C) -> (N, C)"""
    return torch.stack([z.double().softmax(dim=1) for z in logits]).mean(dim=0).log()


def _measures(logits: Tensor, labels: Tensor, members: Sequence[Mapping[str, Any]]) -> Run:
    return {
        **scores(logits, labels),
        "modality_accuracy": _joined(members, "modality_accuracy"),
        "probe_accuracy": _joined(members, "probe_accuracy"),
    }


def _joined(members: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    return {m: value for member in members for m, value in member[key].items()}


def _sum(members: Sequence[Run], key: str) -> float | None:
    values = [member[key] for member in members]
    return None if None in values else sum(values)
