"""A comparison as plain values, a CSV and a LaTeX table: for notebooks, spreadsheets and papers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from equimodal.data.target import CLASSIFICATION, SCORES_BY_TASK
from equimodal.errors import printable
from equimodal.report.document import markdown, markdown_table
from equimodal.report.read.columns import EPOCH, Column, columns
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import (
    accuracy,
    finite,
    group,
    grouped_rows,
    main_name,
    modalities,
    note,
    ordered_rows,
    reported,
    spread,
)
from equimodal.report.read.schema import check

_DIFFERENCES = ("difference_to_joint", "difference_to_unimodal", "difference_to_control")
_BY_MODALITY = {"probe": "probe_accuracy", "inside": "modality_accuracy"}
_ABOVE = {"present": "having: ", "inside": "inside: ", "probe": "probe: ", EPOCH: "epoch of "}
_SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "×": r"$\times$", "<": r"$<$", ">": r"$>$",
}  # fmt: skip

Record = dict[str, Any]


def records(results: Results) -> list[Record]:
    """A dictionary for every row of the table, in its order.

    All have the same keys: ``row``, ``group``, ``n`` (finished seeds), ``lr``; shares in [0, 1]
    with their ``_sd``, of the main score, accuracy for classes, also ``_low`` and ``_high``; errors
    in the units of the numbers; differences of the main score with ``_low`` and ``_high``;
    ``probe: <modality>`` and ``inside: <modality>``; ``steps``, and ``passes`` over the data;
    ``step_time_ratio``, ``seconds`` and ``note``. What was not measured is None.

    Raises `BalanceError` when ``results`` is not of the documented schema.

    Example::

        import pandas
        pandas.DataFrame(report.records(report.read_results("results/keypad")))
    """
    check(results)
    return _records(results)


def _records(results: Results) -> list[Record]:
    return [_record(results, row) for row in ordered_rows(results)]


def _record(results: Results, row: str) -> Record:
    summary: Mapping[str, Any] = results["summary"].get(row, {})
    found: Record = {
        "row": row, "group": group(results, row), "n": summary.get("n", 0),
        "lr": finite(summary.get("lr")),
    }  # fmt: skip
    for name in SCORES_BY_TASK[results["data"].get("task", CLASSIFICATION)]:
        held = summary.get(name) or {}
        found[name], found[f"{name}_sd"] = finite(held.get("mean")), finite(held.get("sd"))
    own, main = accuracy(results, row), main_name(results)
    found[f"{main}_low"], found[f"{main}_high"] = (own.low, own.high) if own else (None, None)
    for name in _DIFFERENCES:
        told = reported(results, row, name)
        found[name] = told.mean if told else None
        found[f"{name}_low"], found[f"{name}_high"] = (told.low, told.high) if told else (None,) * 2
    for name, measure in _BY_MODALITY.items():
        for m in modalities(results):
            found[f"{name}: {m}"] = spread(results, row, measure, m)[0]
    counted = ("steps", "passes", "step_time_ratio", "seconds")
    found |= {key: finite(summary.get(key)) for key in counted}
    return {**found, "note": note(results, row)}


def csv_text(results: Results) -> str:
    """`records` as a CSV with a header; what was not measured is an empty cell."""
    check(results)
    return _csv(results)


def _csv(results: Results) -> str:
    found = _records(results)
    into = io.StringIO(newline="")
    writer = csv.DictWriter(into, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return into.getvalue()


def latex(results: Results) -> str:
    r"""The table of the terminal, all columns of it, as a ``tabular`` of the package booktabs."""
    check(results)
    return _latex(results)


def _latex(results: Results) -> str:
    every = [column for column in columns(results) if column.group != "note"]
    headings = [_ABOVE.get(column.group, "") + column.heading for column in every]
    lines = [
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{l{'r' * len(every)}}}",
        r"\toprule",
        _line("row", *headings),
        *_groups(results, every),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _groups(results: Results, every: list[Column]) -> list[str]:
    found = []
    for rows in grouped_rows(results).values():
        found.append(r"\midrule")
        found += [_line(row, *(column.cells[row] for column in every)) for row in rows]
    return found


def _line(*cells: str) -> str:
    return f"{' & '.join(map(_escaped, cells))} \\\\"


def _escaped(text: str) -> str:
    """Text that LaTeX shows as it stands."""
    return "".join(_SIGNS.get(sign, sign) for sign in printable(" ".join(text.split())))


FORMATS: Mapping[str, Callable[[Results, Mapping[str, str]], str]] = {
    "markdown": markdown,
    "csv": lambda results, _: csv_text(results),
    "latex": lambda results, _: latex(results),
}
"""How a comparison is written, by the name that `equimodal report --format` takes: of its results
and the words of its verdict."""

TABLES: Mapping[str, Callable[[Results], str]] = {
    "csv": _csv,
    "markdown": markdown_table,
    "latex": _latex,
}
"""The table alone in each of these forms, of results that are checked."""
