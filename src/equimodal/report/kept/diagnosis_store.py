"""diagnosis.json: the verdict on joint training, kept beside the results for the page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from equimodal.errors import BalanceError
from equimodal.report.kept.sample_store import shown_seed
from equimodal.report.read.diagnosis import (
    DIAGNOSIS,
    Diagnosis,
    is_earlier,
    read_diagnosis,
    words_on_joint,
)
from equimodal.report.read.predictions import read_predictions
from equimodal.report.read.reading import Results


def keep_diagnosis(folder: str | Path, results: Results) -> None:
    """Writes ``folder``/diagnosis.json: the diagnosis of joint, from the runs' files alone.

    Beside what docs/diagnosis-schema.md lists it holds ``contributions``: for the seed whose
    samples the page shows, what each modality adds to the true class's probability of every test
    sample.

    Args:
        folder: the folder of the comparison.
        results: what its results.json holds.

    Raises:
        BalanceError: there is no finished joint run to diagnose, or a damaged file.
    """
    from equimodal.storage.files import write_json

    write_json(Path(folder) / DIAGNOSIS, _diagnosis(folder, results))


def kept_diagnosis(folder: Path, results: Results) -> tuple[Diagnosis | None, str | None]:
    """What `keep_diagnosis` wrote, and a sentence when it cannot be read.

    Where an earlier version wrote it, the runs are diagnosed anew; the file stays as it is.
    """
    found, problem = read_diagnosis(folder)
    if problem and is_earlier(folder):
        with suppress(BalanceError):
            return _diagnosis(folder, results), None
    return found, problem


def verdict_words(folder: str | Path, results: Results) -> dict[str, str]:
    """The word of the verdict on each modality after joint training; empty without a verdict."""
    return words_on_joint(kept_diagnosis(Path(folder), results)[0])


def _diagnosis(folder: str | Path, results: Results) -> dict[str, Any]:
    from equimodal.diagnosis.document import document
    from equimodal.diagnosis.folder import case_contributions
    from equimodal.diagnosis.stored.reading import read_case

    case = read_case(folder)  # once: its Shapley values serve both
    found = document(case)
    seed = shown_seed(results, read_predictions(Path(folder), results))
    values = case_contributions(case).get(-1 if seed is None else seed, {})
    score = {
        m: [round(float(value), 4) for value in values[name]]
        for m in found["source"]["modalities"]
        if (name := f"shapley/score/{m}") in values
    }
    return {**found, "contributions": {"seed": seed, "score": score}}
