"""What a comparison shows, in two to five plain sentences. A loss is said as plainly as a gain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from equimodal.comparison.rows import ALONE, JOINT, UNIMODAL, UNTRAINED, alone_row
from equimodal.comparison.scores import capitalised
from equimodal.comparison.words import MOST_NAMED, listing, percent, points, some
from equimodal.diagnosis.rules import LOST_FROM, UNDER_TRAINED
from equimodal.numerics.enough import ENOUGH_SEEDS
from equimodal.report.read.controls import further
from equimodal.report.read.model import other_models
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import (
    Difference,
    main_words,
    modalities,
    note,
    ordered_rows,
    reported,
    rows_in,
    spread,
    with_interval,
)
from equimodal.report.read.schema import check

Compare = Callable[[str], Difference | None]


def conclusions(results: Results, words: Mapping[str, str] | None = None) -> list[str]:
    """Two to five sentences: who was starved, who beats joint, joint+unimodal, its own control.

    Args:
        results: what results.json holds.
        words: as of `findings`; `verdict_words` reads them from the folder of the comparison.

    Raises `BalanceError` when ``results`` is not of the documented schema.
    """
    return list(findings(results, words).values())


def findings(results: Results, words: Mapping[str, str] | None = None) -> dict[str, str]:
    """The conclusions, each under the question that it answers.

    Args:
        results: what results.json holds.
        words: of the modalities by the verdict on joint, where it is known: none is called
            starved that the verdict does not call under-trained.
    """
    check(results)
    every = {
        "Starvation": starvation(results, words or {}),
        "Against joint": against_joint(results),
        "Against joint+unimodal": against_unimodal(results),
        "Against its control": against_controls(results),
        "Read with care": trouble(results),
    }
    return {question: answer for question, answer in every.items() if answer}


def probe_gap(results: Results, modality: str) -> Difference | None:
    """Probe of a modality's encoder after joint training minus the same encoder trained alone."""
    return reported(results, JOINT, "probe_difference_to_alone", modality)


def probe_levels(results: Results, modality: str) -> tuple[float | None, ...]:
    """Probe of a modality's encoder after joint training, trained alone, and untrained."""
    rows = JOINT, alone_row(modality), UNTRAINED
    return tuple(spread(results, row, "probe_accuracy", modality)[0] for row in rows)


def starved(results: Results, modality: str) -> bool:
    """Whether joint training is shown to have starved a modality's encoder.

    By the rules of the verdict: its probe lost as much as makes it under-trained, with the whole
    interval, to the same encoder trained alone, which is shown to be above the untrained one.
    """
    gap = probe_gap(results, modality)
    floor = reported(results, UNTRAINED, "probe_difference_to_alone", modality)
    if gap is None or floor is None:
        return False
    return gap.shown < 0 and gap.mean <= -LOST_FROM and floor.sign < 0


def starvation(results: Results, words: Mapping[str, str]) -> str:
    """Which modalities joint training starved, by the linear probe, see `findings`."""
    gaps = {m: gap for m in modalities(results) if (gap := probe_gap(results, m)) is not None}
    if not gaps or UNTRAINED not in results["summary"]:
        rows = "joint, alone:<modality> and untrained"
        return f"Starvation was not measured: it takes the rows {rows}."
    hungry = [
        m for m in gaps if starved(results, m) and words.get(m, UNDER_TRAINED) == UNDER_TRAINED
    ]
    called = [m for m in gaps if words.get(m) == UNDER_TRAINED]
    told = "; ".join(
        f"{m}: {_probe_story(results, m, gaps[m] if m in hungry or not hungry else None)}"
        for m in sorted(gaps, key=lambda m: m not in hungry)
    )
    if hungry:
        verdict = f"Joint training starved {listing(hungry)}"
    elif few := _too_few(gaps):
        verdict = f"{few}, so starvation is not shown"
    elif called:
        verdict = (
            f"By the mean loss {listing(called)} counts as under-trained, which the whole 95 % "
            "interval does not show"
        )
    else:
        verdict = "No modality was shown to be starved by joint training"
    return f"{verdict}. Linear probe, {told}."


def _probe_story(results: Results, modality: str, gap: Difference | None) -> str:
    after, alone, floor = probe_levels(results, modality)
    story = f"{percent(after)} % after joint training, {percent(alone)} % trained alone"
    if gap is None:
        return story
    untrained = "" if floor is None else f", {percent(floor)} % untrained"
    return f"{story}{untrained} (joint minus alone {with_interval(gap)} points)"


def against_joint(results: Results) -> str:
    """Which rows are above joint and which below, by the paired interval."""
    if JOINT not in results["summary"]:
        return "Nothing is held against joint training: the row joint is missing."
    differences = _differences(
        results, lambda row: reported(results, row, "difference_to_joint"), ("alone",)
    )
    if not differences:
        return ""
    mean, _ = spread(results, JOINT, "accuracy")
    if few := _too_few(differences):
        shown = some([f"{row} {points(d.mean)}" for row, d in differences.items()])
        return f"{few}, so nothing is shown against joint: {shown} points."
    above, below, undecided = _by_sign(differences)
    sentence = (
        f"{capitalised(main_words(results))} above joint ({percent(mean)} %) with the whole 95 % "
        f"interval above zero: {_with_numbers(above, differences)}"
    )
    below = [row for row in below if not row.startswith(ALONE)]
    undecided = [row for row in undecided if not row.startswith(ALONE)]
    sentence += f"; below joint: {_with_numbers(below, differences)}" if below else ""
    sentence += f"; not told apart from joint: {some(undecided)}" if undecided else ""
    return f"{sentence}."


def against_unimodal(results: Results) -> str:
    """Which methods are not above the cheap remedy, joint training with unimodal losses."""
    differences = {
        row: difference
        for row in rows_in(results, ("methods",))
        if (difference := reported(results, row, "difference_to_unimodal")) is not None
    }
    if not differences or _too_few(differences):
        return ""
    above, below, undecided = _by_sign(differences)
    mean, _ = spread(results, UNIMODAL, "accuracy")
    lost = [row for row in differences if row in below or row in undecided]
    rest = f"; not shown to be above it: {_flagging(lost, below)}" if lost else ""
    return (
        f"Above joint+unimodal ({percent(mean)} %) by the same test: "
        f"{_with_numbers(above, differences)}{rest}."
    )


def _flagging(rows: list[str], below: list[str]) -> str:
    return some([f"{row} (below)" if row in below else row for row in rows])


def against_controls(results: Results) -> str:
    """Where a method's own idea has an effect: the difference to the row that lacks only that.

    A sentence more where methods have further controls.
    """
    first = {
        row: difference
        for row in ordered_rows(results)
        if (difference := reported(results, row, "difference_to_control")) is not None
    }
    others = {f"{row} (to {control})": d for (row, control), d in further(results).items()}
    sentences = (
        _effects("Held against the control that lacks only the method's own idea", first),
        _effects("Held against further controls", others),
    )
    return " ".join(sentence for sentence in sentences if sentence)


def _effects(held: str, differences: dict[str, Difference]) -> str:
    shown = differences
    if not shown or _too_few(shown):
        return ""
    above, below, undecided = _by_sign(shown)
    parts = [
        f"better: {_with_numbers(above, shown)}",
        f"worse: {_with_numbers(below, shown)}" if below else "",
        f"no effect shown: {some(undecided)}" if undecided else "",
    ]
    return f"{held}, {'; '.join(part for part in parts if part)}."


def trouble(results: Results) -> str:
    """Rows that did not act, diverged or failed, and those whose model is another one."""
    rows: dict[str, list[str]] = {}
    for row in ordered_rows(results):
        if text := note(results, row):
            rows.setdefault(text, []).append(row)
    told = [f"{listing(found)}: {text}" for text, found in rows.items()]
    told += filter(None, [other_models(results["config"])])
    return f"{'; '.join(told)}." if told else ""


def _differences(
    results: Results, compare: Compare, extra: tuple[str, ...] = ()
) -> dict[str, Difference]:
    rows = rows_in(results, ("baselines", "methods", *extra))
    return {row: found for row in rows if row != JOINT and (found := compare(row)) is not None}


def _too_few(differences: Mapping[str, Difference]) -> str:
    """Why none of some differences bears a sentence; empty where one has its seeds."""
    most = max(difference.n for difference in differences.values())
    if all(difference.low is None for difference in differences.values()):
        return "The predictions of the runs are not there, which an interval takes"
    if most >= ENOUGH_SEEDS:
        return ""
    have = "One seed is" if most == 1 else f"{most} seeds are"
    return f"{have} too few for a sentence on training, which takes {ENOUGH_SEEDS}"


def _by_sign(differences: dict[str, Difference]) -> tuple[list[str], list[str], list[str]]:
    signs = {row: difference.shown for row, difference in differences.items()}
    above, below, open_ = ([r for r in signs if signs[r] == sign] for sign in (1, -1, 0))
    return above, below, open_


def _with_numbers(rows: list[str], differences: dict[str, Difference]) -> str:
    """Rows with their differences; of many the largest."""
    if len(rows) > MOST_NAMED:
        rows = sorted(rows, key=lambda row: -abs(differences[row].mean))
    return some([f"{row} {with_interval(differences[row])}" for row in rows])
