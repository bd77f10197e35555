"""The columns of a comparison's table, written once for the terminal, Markdown and the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from equimodal.comparison.scores import WORDS, written
from equimodal.comparison.words import ABSENT, mean_and_sd, percent, ratio
from equimodal.data.target import ACCURACY, CLASSIFICATION, SCORES_BY_TASK
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import (
    finite,
    group,
    main_name,
    main_words,
    modalities,
    note,
    ordered_rows,
    reported,
    spread,
    with_interval,
)


@dataclass(frozen=True)
class Column:
    """One column: its group, its heading inside the group, and a cell for every row.

    ``signs`` holds 1 or -1 for a row that is shown to lie above or below.
    """

    group: str
    heading: str
    cells: dict[str, str]
    signs: dict[str, int] = field(default_factory=dict)


_EMPTY = ("", ABSENT)
EPOCH = "epoch"
EXTENT = "trained for"

_MEANING = {
    "accuracy": "test {score}, percent, mean ± sd over seeds",
    "scores": "other scores on test: percent, MAE and RMSE in the units of the numbers",
    "vs joint": "{score} minus joint in points, paired by sample, with its 95 % interval",
    "vs control": "{score} minus the row that lacks only the method's own idea, its first control",
    "inside": "{score} of one modality inside the fused model, read off its head, percent",
    "probe": "{score} of a linear probe on one encoder, percent (the sensitive measure)",
    "present": "{score} of the test samples that have these modalities and no others, percent",
    EPOCH: (
        "epoch, counted from 1, after which the loss of the fused prediction on training data is "
        "first below 0.1: mean over the seeds that got there, and how many did where not all"
    ),
    EXTENT: (
        "updates, and how often as many samples as there are for training were read, over all "
        "epochs: mean over seeds"
    ),
    "step": "time of a training step as a multiple of joint",
    "note": "what to know before reading the row",
}


def meanings(results: Results) -> dict[str, str]:
    """What the columns of each group say."""
    return {name: text.format(score=main_words(results)) for name, text in _MEANING.items()}


def columns(results: Results) -> list[Column]:
    """Every column of the table, in order; those in which nothing was measured are left out."""
    rows = ordered_rows(results)
    every = [
        _plain(
            results, "accuracy", main_words(results), lambda row: _spread(results, row, "accuracy")
        ),
        _difference(results, "vs joint", "difference_to_joint"),
        _difference(results, "vs control", "difference_to_control"),
        *_further(results),
        *_by_modality(results, "probe", "probe_accuracy"),
        *_by_modality(results, "inside", "modality_accuracy"),
        *_by_pattern(results),
        _plain(results, EPOCH, "loss<0.1", lambda row: converged(results, row)),
        _plain(results, EXTENT, "steps", lambda row: _counted(results, row, "steps")),
        _plain(results, EXTENT, "passes", lambda row: _counted(results, row, "passes")),
        _plain(results, "step", "step ×", lambda row: _step(results, row)),
        _plain(results, "note", "note", lambda row: note(results, row)),
    ]
    return [column for column in every if any(column.cells[row] not in _EMPTY for row in rows)]


def _plain(results: Results, name: str, heading: str, cell: Callable[[str], str]) -> Column:
    return Column(name, heading, {row: cell(row) for row in ordered_rows(results)})


def _spread(results: Results, row: str, measure: str) -> str:
    return mean_and_sd(*spread(results, row, measure))


def _further(results: Results) -> list[Column]:
    """The other scores, where the main one is not the accuracy."""
    if main_name(results) == ACCURACY:
        return []
    every = SCORES_BY_TASK[results["data"].get("task", CLASSIFICATION)]
    names = [name for name in every if name != main_name(results)]

    def cells(name: str) -> Callable[[str], str]:
        return lambda row: written(name, *_mean_and_sd(results, row, name))

    return [_plain(results, "scores", WORDS[name], cells(name)) for name in names]


def _mean_and_sd(results: Results, row: str, name: str) -> tuple[float | None, float | None]:
    found = results["summary"].get(row, {}).get(name) or {}
    return finite(found.get("mean")), finite(found.get("sd"))


def _by_pattern(results: Results) -> list[Column]:
    """The main score by which modalities a sample has, where some lack one."""
    summary = results["summary"]
    names = dict.fromkeys(n for entry in summary.values() for n in entry.get("patterns", ()))

    def cells(name: str) -> Callable[[str], str]:
        def cell(row: str) -> str:
            found = summary.get(row, {}).get("patterns", {}).get(name) or {}
            return mean_and_sd(finite(found.get("mean")), finite(found.get("sd")))

        return cell

    return [_plain(results, "present", name, cells(name)) for name in names]


def _step(results: Results, row: str) -> str:
    return ratio(finite(results["summary"].get(row, {}).get("step_time_ratio")))


def _counted(results: Results, row: str, key: str) -> str:
    """A mean number, of one decimal where it is no whole one: "480", "27.1"; "-" where unknown."""
    found = finite(results["summary"].get(row, {}).get(key))
    return f"{round(found, 1):.10g}" if found else ABSENT


def extent(results: Results, row: str) -> str:
    """How long a row was trained: "480 steps, 20 passes"; empty where that is not known."""
    steps, passes = (_counted(results, row, key) for key in ("steps", "passes"))
    return "" if ABSENT in (steps, passes) else f"{steps} steps, {passes} passes"


def converged(results: Results, row: str) -> str:
    """When the fused training loss fell: "6.3", "7 (2 of 3)", "never"; "-" where unknown."""
    found = results["summary"].get(row, {}).get("converged_epoch") or {}
    mean = finite(found.get("mean"))
    if mean is None:
        return "never" if found else ABSENT
    some = "" if found["reached"] == found["n"] else f" ({found['reached']} of {found['n']})"
    return f"{round(mean + 1, 1):g}{some}"


def _difference(results: Results, name: str, key: str) -> Column:
    rows = ordered_rows(results)
    found = {row: reported(results, row, key) for row in rows if group(results, row) != "floor"}
    cells = {row: with_interval(found.get(row)) for row in rows}
    signs = {row: difference.shown for row, difference in found.items() if difference}
    return Column(name, name, cells, signs)


def _by_modality(results: Results, name: str, measure: str) -> list[Column]:
    rows = ordered_rows(results)
    return [
        Column(name, m, {row: percent(spread(results, row, measure, m)[0]) for row in rows})
        for m in modalities(results)
    ]
