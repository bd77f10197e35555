"""A diagnosis as plain data: what ``--json`` prints and the page and `choose` read.

The fields are documented in docs/diagnosis-schema.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

import torch

from equimodal.comparison.outcome.differences import judged_units
from equimodal.comparison.outcome.telling import certainty
from equimodal.comparison.rows import UNTRAINED, alone_row
from equimodal.diagnosis.advice import advice
from equimodal.diagnosis.columns import Columns
from equimodal.diagnosis.diagnosis import SCHEMA, Diagnosis
from equimodal.diagnosis.evidence import Case
from equimodal.diagnosis.inside import GAINS, per_class
from equimodal.diagnosis.text import lines, recording_lines
from equimodal.diagnosis.verdict import Json, verdict
from equimodal.measures.calibration import calibration_error
from equimodal.measures.generalisation import overfitting_to_generalisation
from equimodal.measures.scoring import CLASSES, kind_of
from equimodal.measures.shapley import EXACT_UP_TO


def document(case: Case) -> Diagnosis:
    """The diagnosis of a case. Numbers are fractions; None stands for what cannot be said."""
    columns = Columns(case)
    found = verdict(case, columns)
    judged = judged_units({e.seed: e.models[case.row] for e in case.seeds}, case.source["split"])
    source = {**case.source, **_counts(judged)}
    content: Json = {
        "schema": SCHEMA,
        "source": source,
        "verdict": found,
        "advice": advice(found),
        "measures": measures(case, columns),
        "missing": [dict(entry) for entry in case.missing],
        "settling": settling(found, case.remedies),
        "notes": [*certainty(judged), *case.notes],
    }
    return Diagnosis({**content, "text": lines(content)})


def settling(verdict: Json, remedies: Mapping[str, str]) -> list[Json]:
    """What gives the modalities without a word one: ``{"modalities": names, "command": ...}``."""
    wanting: dict[str, list[str]] = {}
    for m, found in verdict["modalities"].items():
        if found["wants"] in remedies:
            wanting.setdefault(remedies[found["wants"]], []).append(m)
    return [{"modalities": names, "command": how} for how, names in wanting.items()]


def _counts(judged: Json) -> Json:
    """Samples, units and groups of each seed, by the names that a reader of version 1 knows too."""
    each = judged["seeds"]
    return {
        "unit": judged["unit"],
        "units": judged["units"],
        "samples": [own["samples"] for own in each],
        "groups": [own["groups"] for own in each],
    }


def measures(case: Case, columns: Columns) -> Json:
    """All measures of the diagnosed model by family; a family that was not measured is absent."""
    names = case.modalities
    inside = {
        readout: {m: columns.estimate(f"inside/{readout}/{m}") for m in names}
        for readout in ("readout", "ablation")
        if f"inside/{readout}/{names[0]}" in columns
    }
    found = {
        "accuracy_inside": inside,
        "shapley": _shapley(case, columns) if f"shapley/accuracy/{names[0]}" in columns else {},
        "overfitting_to_generalisation": _generalisation(case),
        **_over_seeds([evidence.measured for evidence in case.seeds]),
    }
    sampling = found.pop("sampling", None)
    if sampling:
        found["shapley"]["sampling"] = sampling
    alone = _alone_calibration(case)
    if alone:
        found["calibration_error"]["alone"] = alone
    return {family: values for family, values in found.items() if values}


def _shapley(case: Case, columns: Columns) -> Json:
    names = case.modalities
    found: Json = {"exact": len(names) <= EXACT_UP_TO}
    for gain in GAINS:
        found[gain] = {m: columns.estimate(f"shapley/{gain}/{m}") for m in names}
    if kind_of(case.seeds[0].models[case.row].labels) == CLASSES:
        found["per_class"] = {m: _per_class(case, m) for m in names}
    if found["exact"]:
        found["interaction"] = {
            gain: [
                {"pair": [a, b], **columns.estimate(f"interaction/{gain}/{a}|{b}")}
                for a, b in combinations(names, 2)
            ]
            for gain in GAINS
        }
    return found


def _per_class(case: Case, modality: str) -> list[float | None]:
    """Shapley value for accuracy in each class, over all seeds' samples."""
    judged = [evidence.models[case.row] for evidence in case.seeds]
    classes = judged[0].logits.shape[1]
    values = torch.cat([e.contributions[f"shapley/accuracy/{modality}"] for e in case.seeds])
    return per_class(values, torch.cat([j.labels for j in judged]), classes)


def _generalisation(case: Case) -> Json:
    """Ratio of every modality from the untrained to the diagnosed model, the mean over seeds."""
    found: Json = {}
    for m in case.modalities if case.has(UNTRAINED) else ():
        pairs = [(e.models[UNTRAINED].losses, e.models[case.row].losses) for e in case.seeds]
        if all(m in before and m in after for before, after in pairs):
            ratios = [overfitting_to_generalisation(b[m], a[m]) for b, a in pairs]
            found[m] = fmean(ratios) if all(map(math.isfinite, ratios)) else None
    return found


def _alone_calibration(case: Case) -> Json:
    """Calibration error of every modality's own model, where it names classes."""
    if kind_of(case.seeds[0].models[case.row].labels) != CLASSES:
        return {}
    return {
        m: fmean(
            calibration_error(model.logits, model.labels)
            for model in (e.models[alone_row(m)] for e in case.seeds)
        )
        for m in case.modalities
        if case.has(alone_row(m))
    }


def _over_seeds(each: Sequence[Mapping[str, Any]]) -> Json:
    """Nested mappings of numbers, averaged entry by entry over seeds; None where one has none."""
    found: Json = {}
    for key, first in each[0].items():
        values = [one[key] for one in each if key in one]
        if len(values) < len(each):
            continue
        if isinstance(first, Mapping):
            found[key] = _over_seeds(values)
        else:
            found[key] = None if None in values else fmean(values)
    return found


def recording_document(name: str, found: Mapping[str, Any], summary: Json) -> Diagnosis:
    """What the records of one training say, in the form of a diagnosis without a verdict."""
    steps = [row["step"] for row in found["records"]]
    content: Json = {
        "schema": SCHEMA,
        "source": {
            "kind": "recording",
            "data": name,
            "row": None,
            "seeds": [],
            "split": "train",
            "samples": [],
            "updates": max(steps) + 1,
            "readout": found.get("readout"),
            "modalities": found["modalities"],
        },
        "verdict": {"state": None, "sure": None, "modalities": {}, "cost": None},
        "advice": [],
        "measures": {"training": summary},
        "missing": [],
        "settling": [],
        "notes": [],
    }
    return Diagnosis({**content, "text": recording_lines(content)})
