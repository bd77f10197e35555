"""The runs of each row in a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from equimodal.comparison.outcome.differences import Differences, Read
from equimodal.comparison.outcome.robustness import Robustness
from equimodal.comparison.rows import JOINT, UNIMODAL, alone_row, controls_of
from equimodal.data.target import ACCURACY, main_keys
from equimodal.measures.scoring import CLASSES, SCORES
from equimodal.numerics.spreads import chosen_rate, mean_and_sd, paired_ratio

Run = dict[str, Any]


def chosen_runs(runs: Sequence[Run], row: str) -> list[Run]:
    """The runs of a row at the learning rate that did best on validation."""
    mine = [run for run in runs if run["method"] == row]
    rate = chosen_rate(mine)
    return [run for run in mine if run["lr"] == rate]


def summarise(
    rows: Sequence[str], runs: Sequence[Run], read: Read, *, kind: str = CLASSES,
    main: str = ACCURACY, modalities: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """``summary`` and ``judged`` of results.json.

    Args:
        rows: in order.
        runs: of all rows.
        read: what a run predicted on its test samples.
        kind: what is predicted, one of `scoring.SCORES`.
        main: name of the score that rows are held against each other by.
        modalities: of the data.
    """
    chosen = {row: chosen_runs(runs, row) for row in rows}
    differences = Differences(chosen, read, kind=kind, main=main)
    robustness = Robustness(differences, modalities)
    summary = {row: _summary(row, chosen, differences) | robustness.summary(row) for row in rows}
    return {"summary": summary, "judged": differences.judged()}


def _summary(
    row: str, chosen: Mapping[str, Sequence[Run]], differences: Differences
) -> dict[str, Any]:
    runs = chosen[row]
    finished = [run for run in runs if run["status"] == "finished"]
    tests = [run["test"] for run in finished]
    main, *by_modality = main_keys(differences.main)
    names = (*SCORES[differences.kind], main)
    scores = {key: mean_and_sd([test[key] for test in tests]) for key in dict.fromkeys(names)}
    return {
        "n": len(finished),
        "lr": runs[0]["lr"],
        "note": note(runs),
        **scores,
        main: {**scores[main], **differences.own(row)},
        **{key: _by_modality([test[key] for test in tests]) for key in by_modality},
        **_patterns(tests, main),
        **_held(row, chosen, differences),
        "converged_epoch": _converged(finished),
        "steps": _mean(finished, "steps"),
        "passes": _mean(finished, "passes"),
        "step_time_ratio": _ratio(row, chosen),
        "step_seconds": _mean(finished, "step_seconds"),
        "seconds": _mean(finished, "seconds"),
    }


def _patterns(tests: Sequence[Mapping[str, Any]], main: str) -> dict[str, Any]:
    """The main score by what is present, over the seeds in which it has a value there."""
    names = dict.fromkeys(name for test in tests for name in test.get("patterns", ()))
    found = {}
    for name in names:
        own = [test["patterns"][name] for test in tests if name in test["patterns"]]
        values = [one[main] for one in own if one[main] is not None]
        found[name] = {"samples": sum(one["samples"] for one in own), **mean_and_sd(values)}
    return {"patterns": found} if found else {}


def _held(
    row: str, chosen: Mapping[str, Sequence[Run]], differences: Differences
) -> dict[str, Any]:
    """A row against joint, the cheap remedy, its controls, and every modality trained alone."""

    def to(other: str) -> Any:
        return None if other == row else differences.difference(row, other)

    controls = {other: to(other) for other in controls_of(row)}
    control = next(iter(controls), None)
    _, _, probes = main_keys(differences.main)
    probed = {m: alone_row(m) for run in chosen[row] for m in (run["test"] or {}).get(probes) or ()}
    others = [name for name in SCORES[differences.kind] if name != differences.main]
    return {
        "difference_to_joint": to(JOINT),
        "difference_to_unimodal": to(UNIMODAL),
        "score_differences_to_joint": {
            name: None if row == JOINT else differences.score(row, JOINT, name) for name in others
        },
        "control": control,
        "difference_to_control": controls.get(control) if control else None,
        "controls": controls,
        "probe_difference_to_alone": {
            m: differences.probe(row, other, m) for m, other in probed.items() if other != row
        },
    }


def note(runs: Sequence[Run]) -> str:
    """What a reader must know of a row: runs that diverged or failed, a method that did not act."""
    notes = []
    for status in ("diverged", "failed"):
        count = sum(run["status"] == status for run in runs)
        if count:
            notes.append(f"{status} in {count} of {len(runs)}")
    finished = [run for run in runs if run["status"] == "finished"]
    idle = sum(not run["acted"] for run in finished)
    if idle:
        notes.append("did not act" + (f" in {idle} of {len(runs)}" if idle < len(finished) else ""))
    notes += dict.fromkeys(run["message"] for run in finished if run.get("message"))
    return ", ".join(notes)


def _converged(runs: Sequence[Run]) -> dict[str, Any] | None:
    """Over the runs that know of their fused training loss; mean and sd of those that got there."""
    known = [run["converged_epoch"] for run in runs if "converged_epoch" in run]
    reached = [epoch for epoch in known if epoch is not None]
    return {**mean_and_sd(reached), "reached": len(reached), "n": len(known)} if known else None


def _by_modality(parts: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: mean_and_sd([part[name] for part in parts]) for name in names}


def _ratio(row: str, chosen: Mapping[str, Sequence[Run]]) -> float | None:
    return paired_ratio(_times(chosen[row]), _times(chosen.get(JOINT, ())))


def _times(runs: Sequence[Run]) -> dict[int, float]:
    return {r["seed"]: r["step_seconds"] for r in runs if r["step_seconds"] is not None}


def _mean(runs: Sequence[Run], key: str) -> float | None:
    values = [run[key] for run in runs if run.get(key) is not None]
    return fmean(values) if values else None
