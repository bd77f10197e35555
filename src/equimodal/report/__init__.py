"""Shows what a comparison found: a table, a few sentences, Markdown, and a page."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equimodal.report.document import markdown
    from equimodal.report.kept.diagnosis_store import verdict_words
    from equimodal.report.kept.keeping import is_kept, keep, renew
    from equimodal.report.page.page import write_page
    from equimodal.report.plain import csv_text, latex, records
    from equimodal.report.read.beside import beside
    from equimodal.report.read.findings import conclusions
    from equimodal.report.read.reading import read_results
    from equimodal.report.single import run_line, run_table
    from equimodal.report.terminal import table

__all__ = [
    "beside",
    "conclusions",
    "csv_text",
    "is_kept",
    "keep",
    "latex",
    "markdown",
    "read_results",
    "records",
    "renew",
    "run_line",
    "run_table",
    "table",
    "verdict_words",
    "write_page",
]

_LAZY = {
    "beside": "equimodal.report.read.beside",
    "conclusions": "equimodal.report.read.findings",
    "csv_text": "equimodal.report.plain",
    "is_kept": "equimodal.report.kept.keeping",
    "keep": "equimodal.report.kept.keeping",
    "latex": "equimodal.report.plain",
    "markdown": "equimodal.report.document",
    "read_results": "equimodal.report.read.reading",
    "records": "equimodal.report.plain",
    "renew": "equimodal.report.kept.keeping",
    "run_line": "equimodal.report.single",
    "run_table": "equimodal.report.single",
    "table": "equimodal.report.terminal",
    "verdict_words": "equimodal.report.kept.diagnosis_store",
    "write_page": "equimodal.report.page.page",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
