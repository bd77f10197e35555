"""From the folder of a comparison, or of one run, to the evidence of a diagnosis."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from equimodal import methods
from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import JOINT, alone_row
from equimodal.diagnosis.evidence import LONGER, Case, Evidence, ensemble, longer_row
from equimodal.diagnosis.inside import Inside, inside_of, own_hits, own_measures
from equimodal.diagnosis.recorded import training_summary
from equimodal.diagnosis.stored.remedies import missing, remedies
from equimodal.diagnosis.stored.run_files import RunFiles, finished_runs, run_at
from equimodal.errors import BalanceError, did_you_mean, quoted
from equimodal.measures.coalitions import summed
from equimodal.measures.scoring import CLASSES, kind_of
from equimodal.training.run_folder import CONFIG

SPLITS = ("test", "validation")


def read_case(
    folder: str | Path,
    *,
    row: str | None = None,
    split: str = "test",
    look: Callable[[RunFiles], Inside] | None = None,
) -> Case:
    """The evidence in a folder that `equimodal compare` or `equimodal train` wrote.

    Args:
        folder: of a comparison, or of one run; the runs beside a run serve as its references.
        row: which row is diagnosed; by default ``joint``, or the run's own.
        split: whose samples are judged, one of `SPLITS`.
        look: gives what takes the model of a diagnosed run.

    Raises:
        BalanceError: no such folder, row or split, nothing finished, or a damaged file.
    """
    if split not in SPLITS:
        raise BalanceError(f"The split must be test or validation; found {quoted(split)}.")
    root, runs, subjects = read_runs(folder, row=row)
    chosen, seeds = list(subjects.values()), list(subjects)
    names = tuple(subjects[seeds[0]].judged(split).unimodal)
    if len(names) < 2:
        raise BalanceError(
            f"The row '{chosen[0].row}' has one modality, {names[0]}; a diagnosis compares two or "
            "more. Name another row with --row, such as joint."
        )
    found = [
        _evidence(subjects[s], runs, names, split, look(subjects[s]) if look else Inside())
        for s in seeds
    ]
    return Case(
        source=_source(subjects[seeds[0]], seeds, split, names),
        modalities=names,
        row=chosen[0].row,
        seeds=tuple(found),
        missing=tuple(missing(found, subjects, names, root or Path(folder))),
        remedies=remedies(subjects, Path(folder), split),
        notes=(*_notes(subjects[seeds[0]], root), *_unmeasured(found[0]), *_lacking(chosen, split)),
    )


def read_runs(
    folder: str | Path, *, row: str | None = None
) -> tuple[Path | None, list[RunFiles], dict[int, RunFiles]]:
    """The folder of the comparison, its finished runs, and the diagnosed one of each seed.

    Args and raises as `read_case`; there is no comparison around a run that lies by itself.
    """
    folder = Path(folder)
    root, only = _located(folder)
    runs = [only] if only is not None and root is None else finished_runs(root or folder)
    if only is not None:
        row = row or only.row
    chosen = {run.seed: run for run in _chosen(runs, row or JOINT, folder)}
    seeds = [only.seed] if only is not None else sorted(chosen)
    return root, runs, {seed: chosen[seed] for seed in seeds}


def _located(folder: Path) -> tuple[Path | None, RunFiles | None]:
    """The folder of the comparison, and the one run that was asked for."""
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise BalanceError(
            f"No folder '{folder}' to diagnose: found {found}. Train what it takes first: "
            "equimodal diagnose --data keypad"
        )
    if (folder / "runs").is_dir():
        return folder, None
    if not (folder / CONFIG).exists():
        raise BalanceError(
            f"'{folder}' holds no runs and is no run: found {_listed(folder)}. Give the folder of "
            "a comparison, such as results/keypad, or write equimodal diagnose --data keypad."
        )
    run = run_at(folder)
    if run is None:
        raise BalanceError(
            f"The run in '{folder}' is not finished, or diverged; repeat its command with --resume."
        )
    above = folder.resolve().parents
    root = above[2] if len(above) > 2 and above[1].name == "runs" else None
    return root, run


def _listed(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "nothing"


def _chosen(runs: Sequence[RunFiles], row: str, folder: Path) -> list[RunFiles]:
    """The finished runs of the diagnosed row, all of one budget."""
    rows = list(dict.fromkeys(run.row for run in runs))
    chosen = [run for run in runs if run.row == row]
    if not chosen:
        have = f"finished are {', '.join(rows)}" if rows else "no run is finished"
        raise BalanceError(
            f"'{folder}' has no finished run of the row '{row}': {have}."
            f"{did_you_mean(row, rows)} Name one with --row, or train it: equimodal train "
            f"--method {row} --out {folder}"
        )
    return [run for run in chosen if run.fits(chosen[0])]


def _source(
    run: RunFiles, seeds: Sequence[int], split: str, names: Sequence[str]
) -> dict[str, Any]:
    task = kind_of(run.judged(split).labels)
    return {
        "kind": "comparison" if len(seeds) > 1 else "run",
        "data": run.config["data"],
        "data_settings": dict(run.config["data_settings"]),
        "row": run.row,
        "seeds": list(seeds),
        "split": split,
        "epochs": run.config["epochs"],
        "readout": _readout(run, split),
        "modalities": list(names),
        **({} if task == CLASSES else {"task": task}),
    }


_OWN_READOUTS = {"shared": "SharedHead", "mmtm": "BranchSplit"}


def _readout(run: RunFiles, split: str) -> str:
    """By what the modalities' own logits were read."""
    fusion = run.own_fusion or run.config.get("fusion")
    if fusion in _OWN_READOUTS:
        return _OWN_READOUTS[fusion]
    if methods.known(run.row) and methods.load(run.row).brings_heads:
        return "AuxiliaryHeads"
    if not run.judged(split).adds_up:
        return "Ablation"
    return "CosineSplit" if fusion == "cosine" else "LinearSplit"


def _evidence(
    subject: RunFiles,
    runs: Sequence[RunFiles],
    names: Sequence[str],
    split: str,
    inside: Inside,
) -> Evidence:
    """The diagnosed run and all others of the same seed and budget."""
    models = {subject.row: subject.judged(split)}
    for run in runs:
        if run.seed == subject.seed and run.fits(subject):
            models.setdefault(run.row, run.judged(split))
    for m, times in product(names, LONGER):
        if (longer := reference(runs, subject, m, times)) is not None:
            models[longer_row(m, times)] = longer.judged(split)
    models |= ensemble(models, names)
    judged = models[subject.row]
    found = _measured_inside(judged)
    measured = {**found.measured, **inside.measured}
    if records := subject.diagnosis():
        measured["training"] = training_summary(records)
    every = {**found.contributions, **inside.contributions}
    return Evidence(subject.seed, models, every, measured)


def reference(
    runs: Sequence[RunFiles], subject: RunFiles, modality: str, times: int = 1
) -> RunFiles | None:
    """The run that trained one modality alone for so many times the steps of another."""
    row = alone_row(modality)
    fitting = (
        run
        for run in runs
        if run.row == row and run.seed == subject.seed and run.fits(subject, times=times)
    )
    return next(fitting, None)


def _measured_inside(judged: Judged) -> Inside:
    """What the kept predictions say; less where the modalities' parts do not sum to the logits."""
    given = (judged.unimodal, judged.labels)
    if not judged.adds_up:
        return Inside(own_hits(*given), own_measures(judged.logits, *given))
    return inside_of(summed, judged.unimodal, *given)


def _unmeasured(evidence: Evidence) -> Iterator[str]:
    """What takes the model, where the kept predictions do not say it."""
    if "drop" not in evidence.measured:
        yield (
            "The parts of this fusion do not sum to its logits: with --deep the model is loaded, "
            "for Shapley values and drops."
        )


def _lacking(runs: Sequence[RunFiles], split: str) -> Iterator[str]:
    """How many samples are left out, as they lack a modality."""
    left = [count for run in runs if (count := run.lacking(split))]
    if left:
        yield (
            f"judged on the {split} samples that have every modality; {max(left):,} of a seed lack "
            "one and are left out"
        )


def _notes(run: RunFiles, root: Path | None) -> Iterator[str]:
    """What the data set says of itself."""
    path = (root / "results.json") if root else None
    if path is not None and path.is_file():
        try:
            note = json.loads(path.read_text())["data"]["note"]
        except (ValueError, KeyError, TypeError):
            raise BalanceError(
                f"'{path}' is damaged; write it again: equimodal compare --resume --out {root}"
            ) from None
        if note:
            yield note
    if run.own_fusion:
        yield (
            f"{run.row} brings the fusion {run.own_fusion}: rows that it is held against may have "
            "another one, and accuracy inside the model compares within a fusion."
        )
    if run.result.get("message"):
        yield f"{run.row}: {run.result['message']}"
