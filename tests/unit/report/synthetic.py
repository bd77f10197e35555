"""A synthetic comparison: results as `compare` writes them, and their run folders."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from equimodal import methods
from equimodal.measures.robustness import KINDS, LEVELS
from equimodal.report.page.rendering import Section, rendered

ROWS = (
    "untrained",
    "alone:sound",
    "alone:image",
    "ensemble",
    "joint",
    "joint+unimodal",
    "amss-fixed",
    "amss",
    "dus-uniform",
    "dus",
    "relearn-fixed",
    "relearn",
)
ACCURACY = {
    "untrained": 0.10,
    "alone:sound": 0.72,
    "alone:image": 0.88,
    "ensemble": 0.955,
    "joint": 0.92,
    "joint+unimodal": 0.96,
    "amss": 0.921,
    "dus": 0.95,
    "dus-uniform": 0.945,
    "relearn": 0.89,
    "relearn-fixed": 0.90,
}
WEAK_PROBE = {"untrained": 0.45, "joint": 0.57, "amss": 0.59, "relearn": 0.62}
CONTROLS = {"amss": "amss-fixed", "dus": "dus-uniform", "relearn": "relearn-fixed"}
SAMPLES = 1988
T_975 = {2: 12.706204736432095, 3: 4.302652729749462, 5: 2.7764451051977987}

Results = dict[str, Any]


def make_results(
    *,
    rows: Sequence[str] = ROWS,
    modalities: Sequence[str] = ("sound", "image"),
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 12,
    name: str = "keypad",
) -> Results:
    """Results in which the first modality is starved and `dus` mends it."""
    runs = [_run(row, seed, modalities, epochs, name) for row in rows for seed in seeds]
    return {
        "schema": "equimodal.results/2",
        "config": {
            "data": name,
            "data_settings": {"snr": 10.0, "detuning": 0.005},
            "methods": list(rows),
            "seeds": list(seeds),
            "epochs": epochs,
            "batch_size": 64,
            "optimizer": "sgd",
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "schedule": "cosine",
            "lr": [0.05],
            "objective": "fused",
            "settings": {"amss": {"tau": 0.2}},
            "device": "cpu",
            "selection": "best validation accuracy",
        },
        "environment": {"equimodal": "0.1.0", "python": "3.11.2", "torch": "2.13.0"},
        "data": {
            "name": name,
            "modalities": {m: {"kind": "vector", "shape": [8]} for m in modalities},
            "classes": [str(digit) for digit in range(10)],
            "sizes": {"train": 1000, "validation": 300, "test": 1988},
            "note": "Pairs of image and sound are made: no event was recorded in both.",
        },
        "runs": runs,
        "judged": {
            "split": "test",
            "unit": "group",
            "units": 497,
            "seeds": [
                {"seed": seed, "samples": SAMPLES, "units": 497, "groups": 497} for seed in seeds
            ],
        },
        "summary": {row: _summary(row, runs, modalities) for row in rows},
    }


def _run(row: str, seed: int, modalities: Sequence[str], epochs: int, name: str) -> dict[str, Any]:
    noise = random.Random(f"{row}/{seed}")
    shared = random.Random(seed).uniform(-0.01, 0.01)
    accuracy = ACCURACY.get(row, 0.92) + shared + noise.uniform(-0.004, 0.004)
    alone = row.removeprefix("alone:") if row.startswith("alone:") else None
    shown = [] if row == "ensemble" else [alone] if alone else list(modalities)
    probes = {
        m: (WEAK_PROBE.get(row, 0.72) if m == modalities[0] else 0.88)
        + shared
        + noise.uniform(-0.005, 0.005)
        for m in shown
    }
    heads = {m: probe - 0.2 for m, probe in probes.items()} if alone is None else dict(probes)
    measures = {
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.01,
        "mean_average_precision": accuracy + 0.01,
        "modality_accuracy": heads,
        "probe_accuracy": probes,
    }
    folder = f"runs/{row.replace(':', '-').replace('+', '-plus-')}/seed-{seed}"
    return {
        "data": name,
        "method": row,
        "seed": seed,
        "lr": 0.05,
        "objective": "fused",
        "status": "finished",
        "acted": True,
        "message": None,
        "best_epoch": epochs - 1,
        "epochs": epochs,
        **({"converged_epoch": _converged(row, seed)} if _is_fused(row) else {}),
        "seconds": 4.2,
        "step_seconds": 0.0031,
        "folder": None if row == "ensemble" else folder,
        "test": measures,
        "validation": measures,
    }


def _is_fused(row: str) -> bool:
    return row not in ("untrained", "ensemble") and not row.startswith("alone:")


def _converged(row: str, seed: int) -> int | None:
    """Of amss one seed of three never gets there, of relearn none, all others at 6 + seed."""
    never = row == "relearn" or (row == "amss" and seed == 1)
    return None if never else 6 + seed


def _reached(own: list[dict[str, Any]]) -> dict[str, Any] | None:
    known = [run["converged_epoch"] for run in own if "converged_epoch" in run]
    reached = [epoch for epoch in known if epoch is not None]
    spread = _spread(reached) if reached else {"mean": None, "sd": None}
    return {**spread, "reached": len(reached), "n": len(known)} if known else None


def _spread(values: list[float]) -> dict[str, float | None]:
    return {"mean": fmean(values), "sd": stdev(values) if len(values) > 1 else None}


def _difference(
    row: str, other: str | None, runs: list[dict[str, Any]], modality: str | None = None
) -> dict[str, Any] | None:
    """As if no two seeds shared a sample; one seed has the width of two points."""

    def value(run: dict[str, Any]) -> float | None:
        test = run["test"]
        return test["probe_accuracy"].get(modality) if modality else test["accuracy"]

    found = {(run["method"], run["seed"]): value(run) for run in runs}
    own = {s: v for (m, s), v in found.items() if m == row and v is not None}
    theirs = {s: v for (m, s), v in found.items() if m == other and v is not None}
    seeds = [s for s in own if other is None or s in theirs]
    if row == other or not seeds:
        return None
    values = [own[s] - theirs.get(s, 0.0) for s in seeds]
    mean, n = fmean(values), len(values)
    half = T_975[n] * stdev(values) / math.sqrt(n) if n > 1 else 0.02
    rests = {"samples": n * SAMPLES, "units": 497, "differing": 120}
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n, **rests}


def _summary(row: str, runs: list[dict[str, Any]], modalities: Sequence[str]) -> dict[str, Any]:
    own = [run for run in runs if run["method"] == row]
    control = CONTROLS.get(row)

    def spreads(measure: str) -> dict[str, Any]:
        present = [m for m in modalities if m in own[0]["test"][measure]]
        return {m: _spread([run["test"][measure][m] for run in own]) for m in present}

    return {
        "n": len(own),
        "lr": 0.05,
        "note": "did not act" if row == "relearn-fixed" else "",
        **{
            measure: _spread([run["test"][measure] for run in own])
            for measure in ("macro_f1", "mean_average_precision")
        },
        "accuracy": {
            **_spread([run["test"]["accuracy"] for run in own]),
            **{key: (_difference(row, None, runs) or {})[key] for key in ("low", "high")},
        },
        "modality_accuracy": spreads("modality_accuracy"),
        "probe_accuracy": spreads("probe_accuracy"),
        "difference_to_joint": _difference(row, "joint", runs),
        "difference_to_unimodal": _difference(row, "joint+unimodal", runs),
        "score_differences_to_joint": {},
        "probe_difference_to_alone": {
            m: _difference_of_probes(row, m, runs) for m in own[0]["test"]["probe_accuracy"]
        },
        "control": control,
        "difference_to_control": _difference(row, control, runs) if control else None,
        "controls": {control: _difference(row, control, runs)} if control else {},
        "converged_epoch": _reached(own),
        "step_time_ratio": None if row in ("untrained", "ensemble") else 1.034,
        "step_seconds": 0.0031,
        "seconds": 4.2,
    }


def _difference_of_probes(
    row: str, modality: str, runs: list[dict[str, Any]]
) -> dict[str, Any] | None:
    return _difference(row, f"alone:{modality}", runs, modality)


def with_controls(results: Results, row: str, *more: str) -> Results:
    """The same results, where ``row`` has further controls."""
    found = {control: _difference(row, control, results["runs"]) for control in more}
    results["summary"][row]["controls"] |= found
    return results


def _told(mean: float, half: float = 0.02) -> dict[str, float]:
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": 3}


def with_robustness(results: Results) -> Results:
    """The same results, in which every row loses half of its score in a straight line."""
    for row, entry in results["summary"].items():
        clean = entry["accuracy"]["mean"]
        curve = {
            "scores": [_told(clean * (1 - level / 2)) for level in LEVELS],
            "relative": _told(0.75 * clean),
            "relative_difference_to_joint": None if row == "joint" else _told(0.01),
            "effective": None if row == "joint" else _told(-0.03),
        }
        curves = {kind: dict.fromkeys(results["data"]["modalities"], curve) for kind in KINDS}
        entry["robustness"] = {"levels": list(LEVELS), "curves": curves}
    return results


def make_field(count: int = 80, **more: Any) -> Results:
    """Results of ``count`` rows of the registry, every method beside its controls."""
    rows = ("untrained", "alone:sound", "alone:image", "ensemble", *methods.names())[:count]
    results = make_results(rows=rows, **more)
    for row in rows[4:]:
        controls = [name for name in methods.entry(row).controls if name in rows]
        found = {name: _difference(row, name, results["runs"]) for name in controls}
        first = next(iter(found), None)
        held = {"control": first, "difference_to_control": found.get(first), "controls": found}
        results["summary"][row] |= held
    return results


def make_records(run: dict[str, Any], modalities: Sequence[str]) -> dict[str, Any]:
    """Curves that rise to the run's test values, and the decisions of its method."""
    shown = list(run["test"]["probe_accuracy"])
    curves = [
        {
            "epoch": epoch,
            "lr": 0.05,
            "train_loss": 2.3 * math.exp(-epoch / 4),
            "fused_loss": 2.2 * math.exp(-epoch / 5) if len(shown) > 1 else None,
            "validation_loss": 2.2 * math.exp(-epoch / 6),
            "validation_accuracy": run["test"]["accuracy"] * (1 - math.exp(-(epoch + 1) / 3)),
            "modality_accuracy": {
                m: run["test"]["modality_accuracy"][m] * (1 - math.exp(-(epoch + 1) / 4))
                for m in shown
            },
        }
        for epoch in range(run["epochs"])
    ]
    return {"curves": curves, "decisions": _decisions(run, modalities)}


def _decisions(run: dict[str, Any], modalities: Sequence[str]) -> list[dict[str, Any]]:
    noise = random.Random(run["seed"])
    method = run["method"].split("-")[0]
    names = {
        "amss": ("significance", "fraction"),
        "dus": ("score", "count"),
        "relearn": ("train_purity", "validation_purity", "gap", "strength"),
    }.get(method, ())
    per_epoch = 1 if method == "relearn" else 16
    epochs = (3, 6, 9) if method == "relearn" else range(run["epochs"])
    return [
        {
            "step": epoch * 16 + step,
            "epoch": epoch,
            "name": name,
            "values": {
                m: (48.0 if name == "count" else 0.4) * (1 + 0.1 * i) + noise.uniform(0, 0.05)
                for i, m in enumerate(modalities)
            },
        }
        for epoch in epochs
        for step in range(per_epoch)
        for name in names
    ]


def write_folder(folder: Path, results: Results) -> Path:
    """The folder that a comparison leaves: results.json and a records.json for every run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    for run in results["runs"]:
        if run["folder"] and run["method"] != "untrained":
            place = folder / run["folder"]
            place.mkdir(parents=True, exist_ok=True)
            records = make_records(run, list(results["data"]["modalities"]))
            (place / "records.json").write_text(json.dumps(records), encoding="utf-8")
    return folder


def make_logits(run: dict[str, Any], labels: np.ndarray, classes: int) -> np.ndarray:
    """Logits that are right as often as the run says: (N,) -> (N, C)."""
    noise = np.random.default_rng(sum(map(ord, run["method"])) * 10 + run["seed"])
    right = noise.permutation(len(labels)) < round(run["test"]["accuracy"] * len(labels))
    said = np.where(right, labels, (labels + 1) % classes)
    return noise.normal(0, 0.1, (len(labels), classes)) + 2.0 * np.eye(classes)[said]


def write_predictions(folder: Path, results: Results, count: int = 60) -> Path:
    """A predictions.npz of ``count`` test samples for every run but the untrained."""
    classes = len(results["data"]["classes"])
    for run in results["runs"]:
        run["folder"] = run["folder"] or f"runs/{run['method']}/seed-{run['seed']}"
        if run["method"] != "untrained":
            labels = (np.arange(count) + run["seed"]) % classes
            place = folder / run["folder"]
            place.mkdir(parents=True, exist_ok=True)
            logits = make_logits(run, labels, classes)
            np.savez(place / "predictions.npz", test_logits=logits, test_labels=labels)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


def _estimate(value: float, half: float = 0.02) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def make_diagnosis(results: Results, count: int = 60) -> dict[str, Any]:
    """A diagnosis of joint in which the first modality is under-trained."""
    names = list(results["data"]["modalities"])
    classes = len(results["data"]["classes"])
    words = ["under-trained", *["well trained"] * (len(names) - 1)]
    probe = {
        "fused": _estimate(0.57),
        "alone": _estimate(0.72),
        "untrained": _estimate(0.45),
        "lost": _estimate(0.15),
    }
    rival = {"accuracy": _estimate(0.96), "difference": _estimate(0.04)}
    shares = {m: 0.2 + 0.4 * place for place, m in enumerate(names)}
    return {
        "schema": "equimodal.diagnosis/2",
        "source": {"row": "joint", "split": "test", "seeds": [0, 1, 2], "modalities": names},
        "verdict": {
            "state": "under-trained",
            "sure": 0.9,
            "headline": f"under-trained: {names[0]} (not sure, 90 %)",
            "modalities": {
                m: {
                    "word": word,
                    "sure": 0.9,
                    "told": f"{word} (not sure, 90 %)",
                    "probe": probe,
                    "chance": 0.1,
                }
                for m, word in zip(names, words, strict=True)
            },
            "cost": {
                "accuracy": _estimate(0.92),
                "ahead": {"joint+unimodal": rival},
                "best_alone": f"alone:{names[-1]}",
            },
        },
        "advice": [
            {"method": "joint+unimodal", "reason": "a loss for each modality"},
            {
                "method": "amss",
                "reason": "updates fewer units",
                "controls": ["amss-fixed", "amss-x"],
            },
            {"method": "", "reason": "look at its data"},
        ],
        "measures": {
            "shapley": {
                "exact": True,
                "accuracy": {m: _estimate(share) for m, share in shares.items()},
                "per_class": {m: [share, *[None] * (classes - 1)] for m, share in shares.items()},
                "interaction": {"accuracy": [{"pair": names[:2], **_estimate(-0.1)}]},
            },
            "drop": {"removed": shares, "shuffled": shares},
        },
        "missing": [],
        "notes": ["a note on the diagnosis"],
        "text": ["keypad, joint", "verdict: under-trained"],
        "contributions": {
            "seed": 0,
            "score": {m: [share] * count for m, share in shares.items()},
        },
    }


def without_differences(results: Results) -> Results:
    """The same results, with every difference so little below zero that it rounds to nothing."""
    for entry in results["summary"].values():
        for key in ("difference_to_joint", "difference_to_unimodal", "difference_to_control"):
            if entry.get(key):
                entry[key] |= {"mean": -0.0002, "low": -0.0004, "high": -0.0001, "n": 3}
    return results


def section_text(section: Section | None) -> str:
    """The markup of a section; empty where there is none."""
    return "" if section is None else rendered("section.html", section=section)
