"""The sections on single classes and samples: which of them rely on which modality."""

from __future__ import annotations

from collections.abc import Sequence

from equimodal.report.charts.class_chart import class_chart
from equimodal.report.charts.confusion import confusions
from equimodal.report.charts.figures import colour
from equimodal.report.charts.reliance_charts import (
    class_reliance_chart,
    drop_table,
    interaction_table,
    overall_chart,
)
from equimodal.report.kept.sample_store import Samples
from equimodal.report.page.rendering import Section, chart_section
from equimodal.report.page.sample_cards import Gathered, cards, filters
from equimodal.report.read.diagnosis import Diagnosis, contributions, entry, mapping
from equimodal.report.read.knowledge import share_table
from equimodal.report.read.predictions import Predictions, alone_rows, fused_row
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import modalities, rows_in

FIRST = 8
"""Cards that are shown before a reader asks for more."""


def by_class(results: Results, predictions: Predictions) -> Section | None:
    """What is recognised of every class, and how often who knows the answer."""
    fused, alone = fused_row(results, predictions), alone_rows(results, predictions)
    if fused is None:
        return None
    known = share_table(results, predictions)
    told = (
        "Every model answers the same test samples. Where only the weaker modality is right, a "
        "fused model that was not starved can gain most. Over all seeds."
    )
    return chart_section(
        "classes",
        "Who knows the answer",
        [class_chart(results, predictions)],
        [
            *((colour(modalities(results).index(m)), "dot", f"{m} alone") for m in alone),
            ("--ink", "dot", fused),
        ],
        explained=told if known.lines else "",
        kind="one",
        before={"How often who is right": known},
    )


def confused(results: Results, predictions: Predictions) -> Section | None:
    """Which classes are taken for which, by joint and by the best row."""
    found = confusions(results, predictions)
    if not found:
        return None
    count, shown = len(results["data"]["classes"]), len(found[0].names)
    capped = "" if shown == count else f" The {shown} of {count} classes with most mistakes."
    lead = (
        "Of the test samples of the class on the left, the percent that is taken for the class "
        f"above; over all seeds.{capped}"
    )
    content = {"lead": lead, "found": found}
    title, opens = "Which classes are mistaken", f"Show {shown} classes"
    return Section("confusion", title, "confusion.html", content, opens)


def reliance(results: Results, diagnosis: Diagnosis | None) -> Section | None:
    """What the accuracy of the diagnosed model rests on, overall and by class."""
    if diagnosis is None:
        return None
    row = entry(diagnosis, "source", "row") or "the model"
    return chart_section(
        "reliance",
        "What the model relies on",
        [overall_chart(results, diagnosis), class_reliance_chart(results, diagnosis)],
        [(colour(i), "dot", m) for i, m in enumerate(modalities(results))],
        lead=f"Points of accuracy that each modality brings to {row}.",
        explained=f"Shapley values of the modalities in {row}: what each brings to the accuracy, "
        "averaged over all orders in which they could be added to a model that knows none. They "
        "sum to what the model gains over a blind guess.",
        after={
            "Synergy and redundancy": interaction_table(diagnosis),
            "Accuracy lost without a modality": drop_table(results, diagnosis),
        },
    )


def samples(
    results: Results,
    predictions: Predictions,
    kept: Samples | None,
    diagnosis: Diagnosis | None = None,
) -> Section | None:
    """Single test samples with filters; None where none were kept."""
    gathered = None if kept is None else _gathered(results, predictions, kept.seed, diagnosis)
    if kept is None or gathered is None:
        return None
    shown = cards(gathered, kept.shown)
    content = {
        "lead": f"Test samples of seed {kept.seed}, a few of every kind of agreement, rare kinds "
        "more often than they occur. Behind each answer, how likely the model takes the true "
        "class.",
        "fused": gathered.fused[0],
        "filters": list(filters(gathered)),
        "cards": shown,
        "first": FIRST,
    }
    return Section("samples", "Single samples", "samples.html", content) if shown else None


def _gathered(
    results: Results, predictions: Predictions, seed: int, diagnosis: Diagnosis | None
) -> Gathered | None:
    fused = fused_row(results, predictions)
    if fused is None or seed not in predictions[fused]:
        return None
    alone = alone_rows(results, predictions)
    rows = [r for r in rows_in(results, ("baselines", "methods")) if r != fused]
    return Gathered(
        results["data"]["classes"],
        modalities(results),
        {m: predictions[row][seed] for m, row in alone.items() if seed in predictions[row]},
        (fused, predictions[fused][seed]),
        {r: predictions[r][seed] for r in rows if seed in predictions.get(r, {})},
        _contributions(diagnosis, fused, seed, len(predictions[fused][seed].labels)),
    )


def _contributions(
    diagnosis: Diagnosis | None, fused: str, seed: int, count: int
) -> dict[str, Sequence[float]]:
    """Those of the diagnosis, where it is one of the row that is shown, on test data."""
    source = mapping(diagnosis, "source")
    fits = source.get("row") == fused and source.get("split") == "test"
    return contributions(diagnosis, seed, count) if fits else {}
