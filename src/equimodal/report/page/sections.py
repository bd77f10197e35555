"""The sections of the page, from what happened to how the numbers came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from equimodal.comparison.rows import JOINT, UNTRAINED
from equimodal.comparison.scores import capitalised
from equimodal.comparison.words import number
from equimodal.report.charts.accuracy_charts import accuracy_chart, difference_chart
from equimodal.report.charts.cost_chart import cost_chart
from equimodal.report.charts.curve_charts import (
    LOSS_COLOURS,
    curve_charts,
    decision_charts,
    gradient_charts,
    loss_charts,
    rate_charts,
)
from equimodal.report.charts.figures import GROUP_COLOURS, colour
from equimodal.report.charts.probe_charts import probe_charts
from equimodal.report.charts.rank_chart import rank_chart, rank_sentence, row_ranking
from equimodal.report.charts.robustness_charts import robustness_charts
from equimodal.report.page.page_tables import rows_content, runs_table
from equimodal.report.page.provenance import command, facts
from equimodal.report.page.rendering import Mark, Section, chart_section
from equimodal.report.page.tiles import tiles
from equimodal.report.read.beside import Beside
from equimodal.report.read.diagnosis import Diagnosis, words_on_joint
from equimodal.report.read.findings import findings
from equimodal.report.read.history import FUSED, History
from equimodal.report.read.model import is_default, model_line, other_models
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import GROUPS, group, main_words, modalities, ordered_rows
from equimodal.report.read.standing import Held

_GROUP_MARKS: list[Mark] = [
    (GROUP_COLOURS["methods"], "dot", "method"),
    (GROUP_COLOURS["baselines"], "dot", "baseline"),
    (GROUP_COLOURS["controls"], "dot", "alone or control"),
]
_INTERVAL_MARK: Mark = ("--ink", "line", "95 % interval")


def plan(results: Results) -> list[str]:
    """What was compared, in a few words each."""
    config = results["config"]
    seeds = len(config["seeds"])
    return [
        " + ".join(modalities(results)),
        f"{seeds} seeds" if seeds > 1 else "one seed",
        f"{config['epochs']} epochs",
        f"objective {config['objective']}",
        f"selected by {config.get('selection', 'validation')}",
        *([] if is_default(config) else [model_line(config)]),
    ]


def happened(results: Results, diagnosis: Diagnosis | None = None) -> Section:
    """The conclusions, below a tile per modality unless a verdict shows them already."""
    shown = tiles(results) if diagnosis is None else []
    told = findings(results, words_on_joint(diagnosis))
    content = {"tiles": shown, "conclusions": told.items()}
    return Section("happened", "What happened", "happened.html", content)


def every_row(results: Results, held: Held) -> Section:
    """The table, with the meaning of its columns folded away."""
    return Section("table", "Every row", "rows.html", rows_content(results, held))


def accuracy(results: Results, shown: Sequence[str]) -> Section | None:
    """Accuracy of every row, and the paired differences to joint."""
    charts = accuracy_chart(results, shown), difference_chart(results, shown)
    marks = [*_GROUP_MARKS, ("--muted", "ring", "one seed"), _INTERVAL_MARK]
    title = f"{capitalised(main_words(results))} of the fused prediction"
    return chart_section("accuracy", title, charts, marks)


def ranks(results: Results) -> Section | None:
    """The critical-difference diagram, and what it rests on; folded where nothing is tested."""
    found = row_ranking(results)
    if found is None:
        return None
    untested = "Show the ranks, which too few seeds leave untested"
    return chart_section(
        "ranks",
        "Which row wins how often",
        [rank_chart(results, found)],
        _GROUP_MARKS,
        explained=" ".join(
            filter(None, [rank_sentence(found, main_words(results)), _models_told(results)])
        ),
        kind="one",
        folded=untested if found.difference is None else "",
    )


def _models_told(results: Results) -> str:
    """That a ranking is over different models, where it is."""
    told = other_models(results["config"])
    return f"{told}." if told else ""


def cost(results: Results, shown: Sequence[str]) -> Section | None:
    """Accuracy against the time of a step."""
    return chart_section(
        "cost",
        "What it costs",
        [cost_chart(results, shown)],
        [*_GROUP_MARKS, ("--ink", "ring", "a cheaper row reaches as much")],
        explained="Times are of this machine and these small encoders: with larger ones, what a "
        "method adds to a step weighs less. The ensemble's time is the sum of its members'.",
        lead="The cheapest row stands first.",
        kind="one",
    )


def probes(results: Results) -> Section | None:
    """The linear probe of every encoder, one chart per modality."""
    marks = [
        *((colour(i), "dot", f"{m}, methods") for i, m in enumerate(modalities(results))),
        ("--ink", "dot", JOINT),
        ("--muted", "dot", "references and controls"),
        ("--ink", "line dashed", "trained alone"),
        ("--ink", "line dotted", UNTRAINED),
    ]
    lead = "What a linear classifier reads from each encoder; bars with ± sd over seeds."
    title = "Linear probe of every encoder"
    return chart_section("probes", title, probe_charts(results), marks, lead=lead)


def robustness(results: Results) -> Section | None:
    """The score of every row as each modality is dropped, noised and shuffled."""
    found = robustness_charts(results)
    marks = [
        (GROUP_COLOURS["methods"], "line", "method"),
        (GROUP_COLOURS["baselines"], "line", JOINT),
        (GROUP_COLOURS["baselines"], "line dotted", "other baseline"),
        (GROUP_COLOURS["controls"], "line", "alone or control"),
    ]
    content = {
        "lead": "Test samples with one modality dropped, noised or of another sample, the same for "
        "every row of a seed; mean over seeds. Relative robustness is the mean height of a curve, "
        "effective robustness what is left above a model of the same clean score that loses what "
        "joint does. A row that hardly reads a modality loses little without it.",
        "groups": [(capitalised(kind), marks, charts) for kind, charts in found.items()],
    }
    count = sum(map(len, found.values()))
    return _folded(
        "robustness", "What is left when a modality fades", "groups.html", content, count
    )


def over_epochs(results: Results, history: History) -> Section | None:
    """Validation accuracy of every modality, losses and learning rates over the epochs."""
    alone = ("--muted", "line dotted", "dotted: the same modality trained alone")
    curves, losses = curve_charts(results, history), loss_charts(results, history)
    rates = rate_charts(results, history)
    title = f"Validation {main_words(results)}"
    content = {
        "lead": "Mean over seeds, shaded from the lowest to the highest. A modality's curve is "
        "read off the fused head; the loss of a row is what it trains, its own or the plain one.",
        "groups": [
            (title, [("--ink", "line", FUSED), *_modality_marks(results), alone], curves),
            ("Loss", [(mark, "line", name) for name, mark in LOSS_COLOURS.items()], losses),
            ("Learning rate", [], rates),
        ],
    }
    count = len(curves) + len(losses) + len(rates)
    return _folded("curves", "Over the epochs", "groups.html", content, count)


def _folded(
    name: str, title: str, template: str, content: dict[str, Any], count: int
) -> Section | None:
    """A section that is closed at first; None without a chart."""
    told = f"Show the charts ({count} in all, of the rows that are ticked)"
    return Section(name, title, template, content, told) if count else None


def decided(results: Results, history: History) -> Section | None:
    """What every method decided over the epochs."""
    rows = sorted(ordered_rows(results), key=lambda row: -GROUPS.index(group(results, row)))
    found = [(row, *decision_charts(results, history, row)) for row in rows]
    content = {
        "lead": "By epoch: mean over its steps and the seeds, shaded from the lowest to the "
        "highest.",
        "marks": _modality_marks(results),
        "rows": [
            (row, charts, ", ".join(f"{name} {number(v, '.3g')}" for name, v in constant.items()))
            for row, charts, constant in found
            if charts or constant
        ],
    }
    count = sum(max(1, len(charts)) for _, charts, _ in content["rows"])
    return _folded("decided", "What the methods decided", "decided.html", content, count)


def gradients(results: Results, history: History) -> Section | None:
    """What was measured of the gradients during training."""
    joint, shares = gradient_charts(results, history)
    content = {
        "lead": "Measured every few steps, before a method changes a gradient. A cosine below "
        "zero is a conflict: the fused loss pulls an encoder's part away from what its own loss "
        "wants.",
        "groups": [
            (JOINT, _modality_marks(results), joint),
            ("Share of the gradient's norm", _modality_marks(results), shares),
        ],
    }
    count = len(joint) + len(shares)
    return _folded("gradients", "Gradients during training", "groups.html", content, count)


def side_by_side(found: Beside | None) -> Section | None:
    """The comparison beside another one; None where none is named."""
    if found is None:
        return None
    lead = (
        f"{found.names[0]}, this one, and {found.names[1]} have the same data and the same score. "
        "The last column is a plain difference of means, in points: it has no interval, as the "
        "trainings are not paired."
    )
    content = {"lead": lead, "found": found}
    return Section("beside", f"Beside {found.names[1]}", "beside.html", content)


def origin(results: Results, notes: Sequence[str]) -> Section:
    """Settings, statistics, the command, what is missing, and every run."""
    content = {
        "notes": notes,
        "facts": facts(results),
        "command": command(results),
        "runs": runs_table(results),
    }
    return Section("origin", "How the numbers came about", "origin.html", content)


def _modality_marks(results: Results) -> list[Mark]:
    return [(colour(i), "line", name) for i, name in enumerate(modalities(results))]
