"""The sections of the page, from what happened to how the numbers came about."""

from __future__ import annotations

from collections.abc import Sequence

from equimodal.comparison.rows import JOINT, UNTRAINED
from equimodal.report.charts.accuracy_charts import GROUP_COLOURS, accuracy_chart, difference_chart
from equimodal.report.charts.cost_chart import cost_chart
from equimodal.report.charts.curve_charts import curve_charts, decision_charts, gradient_charts
from equimodal.report.charts.figures import colour
from equimodal.report.charts.meters import meters
from equimodal.report.charts.probe_charts import probe_charts
from equimodal.report.charts.rank_chart import rank_chart, rank_sentence, row_ranking
from equimodal.report.page import markup
from equimodal.report.page.gallery import Gallery
from equimodal.report.page.page_tables import controls_table, results_table, runs_table
from equimodal.report.page.provenance import command, facts
from equimodal.report.read.columns import MEANING, columns
from equimodal.report.read.findings import findings
from equimodal.report.read.history import History
from equimodal.report.read.model import is_default, model_line
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import GROUPS, group, modalities, ordered_rows

Mark = tuple[str, str, str]

_GROUP_MARKS: list[Mark] = [
    (GROUP_COLOURS["methods"], "dot", "method"),
    (GROUP_COLOURS["baselines"], "dot", "baseline"),
    (GROUP_COLOURS["controls"], "dot", "alone or control"),
]
_INTERVAL_MARK: Mark = ("--ink", "line", "95 % interval over seeds")


_SWITCH = '<button type="button" id="scheme" hidden>Dark colours</button>'


def header(results: Results) -> str:
    """The title, the plan in one line, and the note on the data."""
    config, data = results["config"], results["data"]
    seeds = len(config["seeds"])
    plan = [
        " + ".join(modalities(results)),
        f"{seeds} seeds" if seeds > 1 else "one seed",
        f"{config['epochs']} epochs",
        f"objective {config['objective']}",
        f"selected by {config.get('selection', 'validation')}",
        *([] if is_default(config) else [model_line(config)]),
    ]
    title = f"{data['name']}: what joint training did to each modality"
    note = markup.paragraph(data["note"], "quiet") if data.get("note") else ""
    return (
        f"<header><h1>{markup.text(title)}</h1>{_SWITCH}"
        f"{markup.paragraph(' · '.join(plan), 'quiet')}{note}</header>"
    )


def happened(results: Results, *, tiles: bool = True) -> str:
    """The conclusions, below a tile per modality unless a verdict shows them already."""
    sentences = markup.definitions(findings(results).items(), "conclusions")
    shown = meters(results) if tiles else ""
    return markup.section("happened", "What happened", shown, sentences)


def every_row(results: Results) -> str:
    """The table, with the meaning of its columns folded away."""
    groups = dict.fromkeys(column.group for column in columns(results))
    meanings = markup.definitions((group, MEANING[group]) for group in groups)
    folded = markup.details("What the columns mean", meanings)
    parts = results_table(results), controls_table(results), folded
    return markup.section("table", "Every row", *parts)


def accuracy(results: Results, gallery: Gallery) -> str:
    """Accuracy of every row, and the paired differences to joint."""
    grid = gallery.place(accuracy_chart(results), difference_chart(results))
    marks = [*_GROUP_MARKS, ("--muted", "ring", "one seed"), _INTERVAL_MARK]
    return markup.section("accuracy", "Accuracy of the fused prediction", _with(marks, grid))


def ranks(results: Results, gallery: Gallery) -> str:
    """The critical-difference diagram, and what it rests on."""
    found = row_ranking(results)
    if found is None:
        return ""
    marks = [*_GROUP_MARKS, ("--ink", "line", "not told apart")] if found.alike else _GROUP_MARKS
    grid = gallery.place(rank_chart(results, found), kind="one")
    body = markup.paragraph(rank_sentence(found)) + markup.legend(marks) + grid
    return markup.section("ranks", "Which row wins how often", body)


def cost(results: Results, gallery: Gallery) -> str:
    """Accuracy against the time of a step."""
    marks = [*_GROUP_MARKS, ("--muted", "line dotted", "no cheaper row reaches more")]
    lead = (
        "Times are of this machine and these small encoders: with larger ones, what a method adds "
        "to a step weighs less. The ensemble's time is the sum of its members'."
    )
    grid = gallery.place(cost_chart(results), kind="one")
    return markup.section("cost", "What it costs", _with(marks, grid, lead))


def probes(results: Results, gallery: Gallery) -> str:
    """The linear probe of every encoder, one chart per modality."""
    marks = [
        *((colour(i), "dot", f"{m}, methods") for i, m in enumerate(modalities(results))),
        ("--ink", "dot", JOINT),
        ("--muted", "dot", "references and controls"),
        ("--ink", "line dashed", "trained alone"),
        ("--ink", "line dotted", UNTRAINED),
    ]
    lead = "What a linear classifier reads from each encoder; bars with ± sd over seeds."
    grid = gallery.place(*probe_charts(results))
    return markup.section("probes", "Linear probe of every encoder", _with(marks, grid, lead))


def over_epochs(results: Results, history: History, gallery: Gallery) -> str:
    """Validation accuracy of every modality over the epochs, one chart per row."""
    marks = [
        ("--ink", "line", "fused model"),
        *_modality_marks(results),
        ("--muted", "line dotted", "dotted: the same modality trained alone"),
    ]
    lead = (
        "Validation accuracy in percent: mean over seeds, shaded from the lowest to the highest. "
        "A modality's curve is read off the fused head."
    )
    grid = gallery.place(*curve_charts(results, history), kind="small")
    return markup.section("curves", "Over the epochs", _with(marks, grid, lead))


def decided(results: Results, history: History, gallery: Gallery) -> str:
    """What every method decided over the epochs."""
    rows = sorted(ordered_rows(results), key=lambda row: -GROUPS.index(group(results, row)))
    parts = [_row_decisions(results, history, row, gallery) for row in rows]
    lead = "By epoch: mean over its steps and the seeds, shaded from the lowest to the highest."
    grid = f'<div class="rows">{"".join(parts)}</div>' if any(parts) else ""
    return markup.section(
        "decided", "What the methods decided", _with(_modality_marks(results), grid, lead)
    )


def gradients(results: Results, history: History, gallery: Gallery) -> str:
    """What was measured of the gradients during training."""
    joint, shares = gradient_charts(results, history)
    parts = [
        f"<h3>{markup.text(title)}</h3>{gallery.place(*charts, kind='small', level=4)}"
        for title, charts in ((JOINT, joint), ("Share of the gradient's norm", shares))
        if charts
    ]
    lead = (
        "Measured every few steps, before a method changes a gradient. A cosine below zero is a "
        "conflict: the fused loss pulls an encoder's part away from what its own loss wants."
    )
    body = _with(_modality_marks(results), "".join(parts), lead)
    return markup.section("gradients", "Gradients during training", body)


def _row_decisions(results: Results, history: History, row: str, gallery: Gallery) -> str:
    charts, constant = decision_charts(results, history, row)
    if not charts and not constant:
        return ""
    same = ", ".join(f"{name} {value:.3g}" for name, value in constant.items())
    told = markup.paragraph(f"Constant for every modality: {same}.", "quiet") if same else ""
    kind = "row wide" if len(charts) > 2 else "row"
    grid = gallery.place(*charts, kind="small", level=4)
    return f'<div class="{kind}"><h3>{markup.text(row)}</h3>{grid}{told}</div>'


def origin(results: Results, notes: Sequence[str]) -> str:
    """Settings, statistics, the command, what is missing, and every run."""
    missing = markup.items(notes)
    return markup.section(
        "origin",
        "How the numbers came about",
        f"<h3>What is missing</h3>{missing}" if missing else "",
        markup.definitions(facts(results)),
        f"<h3>To make them again</h3>{markup.code(command(results))}",
        markup.details(f"Every run ({len(results['runs'])})", runs_table(results)),
    )


def _modality_marks(results: Results) -> list[Mark]:
    return [(colour(i), "line", name) for i, name in enumerate(modalities(results))]


def _with(marks: Sequence[Mark], grid: str, lead: str = "") -> str:
    if not grid:
        return ""
    return (markup.paragraph(lead) if lead else "") + markup.legend(marks) + grid
