"""The page of a comparison: one file that opens offline, made from its results and run folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from equimodal.report import markup, sections
from equimodal.report.history import History, read_history
from equimodal.report.reading import Results, read_results


def write_page(folder: str | Path) -> Path:
    """Writes ``folder``/report.html from results.json and the run folders; returns its path.

    A run without records.json is named on the page. Raises `BalanceError` when results.json is
    missing, damaged or of another schema.
    """
    folder = Path(folder)
    results = read_results(folder)
    path = folder / "report.html"
    temporary = folder / f".report.html.{os.getpid()}"
    temporary.write_text(page(results, *read_history(folder, results)), encoding="utf-8")
    temporary.replace(path)
    return path


def page(results: Results, history: History, notes: Sequence[str] = ()) -> str:
    """The page as text: checked ``results``, records of their runs, what could not be read."""
    gallery = sections.Gallery()
    body = [
        sections.header(results),
        sections.happened(results),
        sections.every_row(results),
        sections.accuracy(results, gallery),
        sections.probes(results, gallery),
        sections.over_epochs(results, history, gallery),
        sections.decided(results, history, gallery),
        sections.origin(results, notes),
    ]
    figures = [{"data": chart.data, "layout": chart.layout} for chart in gallery.charts]
    parts = {
        "title": markup.text(f"{results['data']['name']}: multimodal comparison"),
        "style": _resource("page.css"),
        "body": "\n".join(body),
        "figures": markup.script_data(figures),
        "plotly": _plotly(),
        "script": _resource("page.js"),
    }
    pieces = _resource("page.html").split("@@")
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


@cache
def _resource(name: str) -> str:
    return files("equimodal.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")
