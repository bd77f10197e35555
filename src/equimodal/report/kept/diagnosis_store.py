"""diagnosis.json: the verdict on joint training, kept beside the results for the page."""

from __future__ import annotations

from pathlib import Path

from equimodal.report.kept.sample_store import shown_seed
from equimodal.report.read.diagnosis import DIAGNOSIS
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
    from equimodal.diagnosis.document import document
    from equimodal.diagnosis.folder import case_contributions
    from equimodal.diagnosis.reading import read_case
    from equimodal.storage.files import write_json

    case = read_case(folder)  # once: its Shapley values serve both
    found = document(case)
    seed = shown_seed(results, read_predictions(Path(folder), results))
    values = case_contributions(case).get(-1 if seed is None else seed, {})
    score = {
        m: [round(float(value), 4) for value in values[name]]
        for m in found["source"]["modalities"]
        if (name := f"shapley/score/{m}") in values
    }
    content = {**found, "contributions": {"seed": seed, "score": score}}
    write_json(Path(folder) / DIAGNOSIS, content)
