"""The page of a comparison: one file that opens offline, made from its results and run folders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from equimodal.report.kept.diagnosis_store import kept_diagnosis
from equimodal.report.kept.sample_store import Samples, read_samples
from equimodal.report.page import sections
from equimodal.report.page.rendering import Section, rendered
from equimodal.report.page.sample_section import by_class, reliance, samples
from equimodal.report.page.verdict_section import verdict
from equimodal.report.read.diagnosis import Diagnosis
from equimodal.report.read.history import History, read_history
from equimodal.report.read.predictions import Predictions, fused_row, read_predictions
from equimodal.report.read.reading import Results, read_results
from equimodal.storage.files import as_written, write_text

_NO_SAMPLES = (
    "No samples were kept, so none are shown. Where the data are at hand, write: "
    "equimodal report DIR --data-root ROOT"
)


def write_page(folder: str | Path) -> Path:
    """Writes ``folder``/report.html from results.json and the run folders; returns its path.

    A run without records.json is named on the page. Raises `BalanceError` when results.json is
    missing, damaged or of another schema.
    """
    folder = Path(folder)
    results = read_results(folder)
    path = folder / "report.html"
    predictions = read_predictions(folder, results)
    history, notes = read_history(folder, results)
    kept = read_samples(folder)
    if kept is None and fused_row(results, predictions):
        notes.append(_NO_SAMPLES)
    diagnosis, problem = kept_diagnosis(folder, results)
    notes += [problem] if problem else []
    with as_written(folder, "write the folder again: equimodal compare --resume"):
        content = page(results, history, notes, predictions, kept, diagnosis)
    write_text(path, content)
    return path


def page(
    results: Results,
    history: History,
    notes: Sequence[str] = (),
    predictions: Predictions | None = None,
    kept: Samples | None = None,
    diagnosis: Diagnosis | None = None,
) -> str:
    """The page as text.

    Args:
        results: checked results.
        history: records of their runs.
        notes: a sentence for each file that could not be read.
        predictions: what the runs predicted on test data.
        kept: the samples to show.
        diagnosis: the diagnosis of one of the rows.
    """
    every = [
        *_of_comparison(results, history, diagnosis),
        *_of_samples(results, predictions or {}, kept, diagnosis),
        sections.origin(results, notes),
    ]
    return rendered(
        "page.html",
        name=results["data"]["name"],
        plan=sections.plan(results),
        note=results["data"].get("note"),
        sections=[section for section in every if section is not None],
        plotly=_plotly(),
    )


def _of_comparison(
    results: Results, history: History, diagnosis: Diagnosis | None
) -> list[Section | None]:
    return [
        verdict(results, diagnosis),
        sections.happened(results, diagnosis),
        sections.every_row(results),
        sections.accuracy(results),
        sections.ranks(results),
        sections.cost(results),
        sections.probes(results),
        sections.over_epochs(results, history),
        sections.decided(results, history),
        sections.gradients(results, history),
    ]


def _of_samples(
    results: Results,
    predictions: Predictions,
    kept: Samples | None,
    diagnosis: Diagnosis | None,
) -> list[Section | None]:
    return [
        by_class(results, predictions),
        reliance(results, diagnosis),
        samples(results, predictions, kept, diagnosis),
    ]


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")
