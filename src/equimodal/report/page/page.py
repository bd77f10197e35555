"""The page of a comparison: one file that opens offline, made from its results and run folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from equimodal.report.kept.diagnosis_store import kept_diagnosis
from equimodal.report.kept.sample_store import Samples, read_samples
from equimodal.report.kept.standing_store import read_standing
from equimodal.report.page import sections
from equimodal.report.page.rendering import Choice, Section, rendered
from equimodal.report.page.sample_section import by_class, confused, reliance, samples
from equimodal.report.page.verdict_section import verdict
from equimodal.report.plain import TABLES
from equimodal.report.read.beside import Beside, beside
from equimodal.report.read.diagnosis import Diagnosis
from equimodal.report.read.history import History, read_history
from equimodal.report.read.predictions import Predictions, fused_row, read_predictions
from equimodal.report.read.reading import Results, read_results
from equimodal.report.read.rows import ordered_rows
from equimodal.report.read.standing import Held, shown_first, standing
from equimodal.storage.files import as_written, write_text

_NO_SAMPLES = (
    "No samples were kept, so none are shown. Where the data are at hand, write: "
    "equimodal report DIR --data-root ROOT"
)


def write_page(folder: str | Path, other: str | Path | None = None) -> Path:
    """Writes ``folder``/report.html from results.json and the run folders; returns its path.

    With ``other``, the folder of another comparison of the same data, it shows both side by side.
    A run without records.json is named on the page.

    Raises:
        BalanceError: results.json is missing, damaged or of another schema; or ``other`` is of
            other data or another score.
    """
    folder = Path(folder)
    results = read_results(folder)
    both = None if other is None else beside(folder, results, other)
    path = folder / "report.html"
    predictions = read_predictions(folder, results)
    history, notes = read_history(folder, results)
    kept = read_samples(folder)
    if kept is None and fused_row(results, predictions):
        notes.append(_NO_SAMPLES)
    diagnosis, problem = kept_diagnosis(folder, results)
    notes += [problem] if problem else []
    found = Found(
        history, notes, predictions, kept, diagnosis, read_standing(folder, results), both
    )
    with as_written(folder, "write the folder again: equimodal compare --resume"):
        content = page(results, found)
    write_text(path, content)
    return path


@dataclass(frozen=True)
class Found:
    """What a folder holds beside the results.

    Attributes:
        history: records of the runs.
        notes: a sentence for each file that could not be read.
        predictions: what the runs predicted on test data.
        kept: the samples to show.
        diagnosis: the diagnosis of one of the rows.
        held: the best row's differences to the others.
        both: the comparison beside another one.
    """

    history: History = field(default_factory=dict)
    notes: Sequence[str] = ()
    predictions: Predictions = field(default_factory=dict)
    kept: Samples | None = None
    diagnosis: Diagnosis | None = None
    held: Held = field(default_factory=dict)
    both: Beside | None = None


def page(results: Results, found: Found) -> str:
    """The page as text."""
    shown = shown_first(results)
    numbers = {row: number for number, row in enumerate(ordered_rows(results), 1)}
    every = [
        *_of_comparison(results, found, shown),
        *_of_samples(results, found),
        sections.side_by_side(found.both),
        sections.origin(results, found.notes),
    ]
    return rendered(
        "page.html",
        Choice(numbers, shown),
        name=results["data"]["name"],
        plan=sections.plan(results),
        note=results["data"].get("note"),
        standing=list(standing(results, found.held)),
        sections=[section for section in every if section is not None],
        texts={name: written(results) for name, written in TABLES.items()},
    )


def _of_comparison(results: Results, found: Found, shown: Sequence[str]) -> list[Section | None]:
    return [
        verdict(results, found.diagnosis),
        sections.happened(results, found.diagnosis),
        sections.every_row(results, found.held),
        sections.accuracy(results, shown),
        sections.ranks(results),
        sections.cost(results, shown),
        sections.probes(results),
        sections.robustness(results),
        sections.over_epochs(results, found.history),
        sections.decided(results, found.history),
        sections.gradients(results, found.history),
    ]


def _of_samples(results: Results, found: Found) -> list[Section | None]:
    return [
        by_class(results, found.predictions),
        confused(results, found.predictions),
        reliance(results, found.diagnosis),
        samples(results, found.predictions, found.kept, found.diagnosis),
    ]
