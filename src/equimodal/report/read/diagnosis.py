"""A diagnosis that lies beside the results, as docs/diagnosis-schema.md describes it.

It is another program's file to the page: what is absent or of another form is left out, and only
the schema's name is insisted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from equimodal.comparison.rows import JOINT
from equimodal.diagnosis.diagnosis import EARLIER, SCHEMA
from equimodal.report.read.rows import Difference, finite

DIAGNOSIS = "diagnosis.json"

Diagnosis = Mapping[str, Any]


def read_diagnosis(folder: str | Path) -> tuple[Diagnosis | None, str | None]:
    """The content of ``folder``/diagnosis.json, and a sentence when it cannot be read."""
    try:
        found = json.loads((Path(folder) / DIAGNOSIS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError) as error:
        return None, f"{DIAGNOSIS} cannot be read ({error})."
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        return None, f"{DIAGNOSIS} is not of schema {SCHEMA!r} and was left out."
    return found, None


def is_earlier(folder: Path) -> bool:
    """Whether an earlier version wrote ``folder``/diagnosis.json."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / DIAGNOSIS).read_text(encoding="utf-8"))
        return isinstance(found, dict) and found.get("schema") == EARLIER
    return False


def words_on_joint(diagnosis: Diagnosis | None) -> dict[str, str]:
    """The word of the verdict on each modality, where joint training is what is diagnosed."""
    judged = diagnosis if entry(diagnosis, "source", "row") == JOINT else None
    modalities = mapping(judged, "verdict", "modalities")
    return {m: str(entry(found, "word")) for m, found in modalities.items()}


def entry(content: object, *path: str) -> Any:
    """The value at a path of keys; None where a step is missing."""
    for key in path:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def mapping(content: object, *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where there is none."""
    found = entry(content, *path)
    return found if isinstance(found, Mapping) else {}


def texts(content: object, *path: str) -> list[str]:
    """The sentences at a path."""
    found = entry(content, *path)
    return [str(item) for item in found] if isinstance(found, list) else []


def estimate(value: object) -> Difference | None:
    """An estimate of the schema, a value with its interval."""
    mean = finite(entry(value, "value"))
    if mean is None:
        return None
    return Difference(mean, finite(entry(value, "low")), finite(entry(value, "high")), 0)


def estimates(content: object, *path: str) -> dict[str, Difference]:
    """The estimates at a path by name; what is no estimate is left out."""
    found = {name: estimate(value) for name, value in mapping(content, *path).items()}
    return {name: value for name, value in found.items() if value is not None}


def numbers(content: object, *path: str) -> dict[str, float]:
    """The numbers at a path by name."""
    found = {name: finite(value) for name, value in mapping(content, *path).items()}
    return {name: value for name, value in found.items() if value is not None}


def contributions(content: object, seed: int, count: int) -> dict[str, Sequence[float]]:
    """What each modality adds to the true class's probability of every test sample of a seed.

    Modality -> ``count`` numbers; empty where they are of another seed or another split.
    """
    kept = mapping(content, "contributions")
    if kept.get("seed") != seed:
        return {}
    return {
        m: values
        for m, values in mapping(kept, "score").items()
        if isinstance(values, list)
        and len(values) == count
        and all(finite(value) is not None for value in values)
    }
