"""The page of a comparison: one file that opens offline, made from its results and run folders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from equimodal.report.kept.sample_store import Samples, read_samples
from equimodal.report.page import markup, sections
from equimodal.report.page.gallery import Gallery
from equimodal.report.page.sample_section import by_class, reliance, samples
from equimodal.report.page.verdict_section import verdict
from equimodal.report.read.diagnosis import Diagnosis, read_diagnosis
from equimodal.report.read.history import History, read_history
from equimodal.report.read.predictions import Predictions, fused_row, read_predictions
from equimodal.report.read.reading import Results, read_results
from equimodal.storage.files import write_text

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
    diagnosis, problem = read_diagnosis(folder)
    notes += [problem] if problem else []
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
    gallery = Gallery()
    body = [
        *_of_comparison(results, history, gallery, diagnosis),
        *_of_samples(results, predictions or {}, kept, gallery, diagnosis),
        sections.origin(results, notes),
    ]
    figures = [{"data": chart.data, "layout": chart.layout} for chart in gallery.charts]
    parts = {
        "title": markup.text(f"{results['data']['name']}: multimodal comparison"),
        "style": _resource("page.css"),
        "body": "\n".join([sections.header(results), markup.contents(body), *body]),
        "figures": markup.script_data(figures),
        "plotly": _plotly(),
        "script": _resource("page.js"),
    }
    pieces = _resource("page.html").split("@@")
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def _of_comparison(
    results: Results, history: History, gallery: Gallery, diagnosis: Diagnosis | None
) -> list[str]:
    return [
        verdict(results, diagnosis),
        sections.happened(results, tiles=diagnosis is None),
        sections.every_row(results),
        sections.accuracy(results, gallery),
        sections.ranks(results, gallery),
        sections.cost(results, gallery),
        sections.probes(results, gallery),
        sections.over_epochs(results, history, gallery),
        sections.decided(results, history, gallery),
        sections.gradients(results, history, gallery),
    ]


def _of_samples(
    results: Results,
    predictions: Predictions,
    kept: Samples | None,
    gallery: Gallery,
    diagnosis: Diagnosis | None,
) -> list[str]:
    return [
        by_class(results, predictions, gallery),
        reliance(results, diagnosis, gallery),
        samples(results, predictions, kept, diagnosis),
    ]


@cache
def _resource(name: str) -> str:
    return files("equimodal.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")
