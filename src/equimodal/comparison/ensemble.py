"""The ensemble of the modalities trained alone, from the predictions that their runs left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equimodal.comparison.rows import ALONE, ENSEMBLE, slug
from equimodal.data.presence import patterns_of
from equimodal.data.target import ACCURACY, main_keys
from equimodal.measures.robustness import DROPPED, KINDS
from equimodal.measures.scoring import CLASSES, NUMBERS, kind_of, scores_of
from equimodal.storage.files import make_folder, write_json
from equimodal.training.prediction import Arrays, Prediction, read_arrays, write_arrays
from equimodal.training.robustness.corruption import drawn_order, touched
from equimodal.training.robustness.passes import Stressed
from equimodal.training.robustness.run import curves, read_stressed, write_stressed
from equimodal.training.run_folder import RESULT

Run = dict[str, Any]
_SPLITS = ("validation", "test")
_NONE = np.zeros(0)


def ensemble_run(members: Sequence[Run], folder: Path, main: str = ACCURACY) -> Run:
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
    names = [str(member["method"]).removeprefix(ALONE) for member in members]
    arrays: Arrays = {k: v for k, v in parts[0].items() if k == "target_scale"}
    found: dict[str, Any] = {}
    for split in _SPLITS:
        labels = torch.from_numpy(parts[0][f"{split}_labels"])
        present = _present(parts, split)
        every = [torch.from_numpy(p[f"{split}_logits"]) for p in parts]
        logits = mean_prediction(every, kind_of(labels), present)
        scale = tuple(arrays.get("target_scale", _NONE).tolist())
        features = dict.fromkeys(names, logits)
        judged = Prediction(
            logits, labels, features, {}, None, main, scale, present, patterns_of(names, present)
        )
        found[split] = _measures(judged, [member[split] for member in members])
        kept = (f"{split}_{key}" for key in ("labels", "indices", "groups"))
        arrays |= {key: parts[0][key] for key in kept if key in parts[0]}
        arrays[f"{split}_logits"] = logits.numpy()
    write_arrays(own, arrays)
    places = [folder / member["folder"] for member in members]
    # The last one judged is test, which alone is corrupted.
    stressed = _stressed(places, every, judged, members[0]["seed"])
    if stressed is not None:
        write_stressed(own, stressed, classes=labels.ndim == 1)
        found["robustness"] = curves(stressed, judged)
    return found


def _stressed(
    places: Sequence[Path], every: Sequence[Tensor], judged: Prediction, seed: int
) -> Stressed | None:
    """The ensemble on corrupted samples, the mean with what one member makes of them; None where
    a member kept nothing.

    Args:
        places: folders of the members, in the order of the modalities.
        every: their logits of the clean samples, K times (N, C).
        judged: the ensemble on these.
        seed: of the runs.
    """
    found = [read_stressed(place, own) for place, own in zip(places, every, strict=True)]
    members = [one for one in found if one is not None]
    if len(members) < len(places):
        return None
    names, levels, kind = list(judged.features), members[0].levels, kind_of(judged.labels)

    def mean(name: str, k: int, level: float, own: Tensor) -> Tensor:
        there = _left(judged, k, seed, level) if name == DROPPED else judged.present
        return mean_prediction([*every[:k], own, *every[k + 1 :]], kind, there)

    def at_all_levels(name: str, k: int) -> Tensor:
        own = members[k].predicted[name][names[k]]
        changed = [mean(name, k, a, z) for a, z in zip(levels[1:], own[1:], strict=True)]
        return torch.stack([judged.logits, *changed])

    by_kind = {name: {m: at_all_levels(name, k) for k, m in enumerate(names)} for name in KINDS}
    return Stressed(levels, by_kind)


def _left(judged: Prediction, place: int, seed: int, level: float) -> Tensor:
    """The members that have a part in the mean where a share of the samples of one is dropped: of
    these not that one, unless no other has. (N, K)"""
    every = torch.ones(len(judged.labels), len(judged.features), dtype=torch.bool)
    there = (every if judged.present is None else judged.present).clone()
    order = drawn_order(there[:, place], seed, DROPPED, list(judged.features)[place])
    gone = touched(order, level)
    there[gone, place] = there[gone].sum(1) == 1
    return there


def _present(parts: Sequence[Arrays], split: str) -> Tensor | None:
    """Which members have their modality of each sample, (N, K); None: all have all."""
    key = f"{split}_present"
    if key not in parts[0]:
        return None
    return torch.cat([torch.from_numpy(part[key]) for part in parts], 1)


def mean_prediction(logits: Sequence[Tensor], kind: str, present: Tensor | None = None) -> Tensor:
    """Logits of the mean probability, or the mean of numbers. K times (N, C) -> (N, C)

    ``present`` (N, K) says which members have their modality of each sample; None: all.
    """
    wide = torch.stack([z.double() for z in logits])
    if kind == NUMBERS:
        return _mean(wide, present)
    if kind == CLASSES:
        return _mean(wide.softmax(dim=2), present).log()
    true, false = (_mean(z.sigmoid(), present).clamp_min(1e-300) for z in (wide, -wide))
    return true.log() - false.log()


def _mean(values: Tensor, present: Tensor | None) -> Tensor:
    """Over the members that have their modality. (K, N, C) -> (N, C)"""
    if present is None:
        return values.mean(dim=0)
    weight = present.T[:, :, None].to(values)
    return (values * weight).sum(0) / weight.sum(0)


def _measures(judged: Prediction, members: Sequence[Mapping[str, Any]]) -> Run:
    scored = judged.scored(judged.logits)
    named = {name: score.value(*scored) for name, score in scores_of(judged.labels).items()}
    first, *by_modality = main_keys(judged.main)
    patterns = judged.by_pattern()
    return {
        first: named[judged.main],
        **named,
        **{key: _joined(members, key) for key in by_modality},
        **({"patterns": patterns} if patterns else {}),
    }


def _joined(members: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    return {m: value for member in members for m, value in member[key].items()}


def _sum(members: Sequence[Run], key: str) -> float | None:
    values = [member[key] for member in members]
    return None if None in values else sum(values)
