"""Makes one set: what is kept is done, all else is trained, and kept some rows at a time."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from equimodal import methods
from equimodal.comparison.environment import environment
from equimodal.comparison.outcome.differences import unit_numbers
from equimodal.comparison.outcome.judged import Judged, read_judged
from equimodal.comparison.rows import (
    ENSEMBLE,
    JOINT,
    RATE_FACTORS,
    UNTRAINED,
    alone_row,
    controls_of,
    reads,
)
from equimodal.comparison.words import duration
from equimodal.data.target import ACCURACY
from equimodal.errors import BalanceError
from equimodal.storage.locks import locked
from equimodal.training.prediction import read_arrays
from fieldwork.kept import RESULTS, SCHEMA, Kept, Outcome, label, read
from fieldwork.sets import FieldSet
from fieldwork.training import Json, Run, Trainer
from fieldwork.trials import TRIAL_SEEDS, TRIALS, Trial

AT_A_TIME = 4
"""Rows that are trained before their outcomes are written."""
UNTRIED = (UNTRAINED, ENSEMBLE, *RATE_FACTORS)
"""Rows without trials of their own."""


class Making:
    """One set in the making.

    Args:
        name: of the set.
        trainer: of its runs.
        folder: where its outcomes are kept.
        rows: the only ones to make; None for all.
    """

    def __init__(
        self, name: str, trainer: Trainer, folder: Path, *, rows: Sequence[str] | None = None
    ) -> None:
        self.trainer, self.folder = trainer, folder
        about = described(name, trainer)
        self.kept = read(folder) if (folder / RESULTS).exists() else Kept(about)
        self.kept.check(about["budget"])
        self.kept.about |= {k: about[k] for k in ("planned", "left_out")}
        for record in self.kept.rows.values():
            if record["trials"]:
                trainer.picked[record["row"]] = _trial(record["chosen"])
        wanted = [row for row in trainer.rows if rows is None or row in rows]
        self.missing = [r for r in wanted if not self.kept.has(r, trainer.lengths(r))]

    @property
    def trainings(self) -> int:
        """How many trainings as long as joint training's are missing at most."""
        trainer = self.trainer
        tried = sum(row not in UNTRIED for row in self.missing) * TRIALS * len(TRIAL_SEEDS)
        lengths = (sum(trainer.lengths(row)) for row in self.missing if row != ENSEMBLE)
        return tried + sum(lengths) * len(trainer.seeds)

    def make(self) -> None:
        """Train what is missing and keep it, some rows at a time."""
        total, began, name = len(self.missing), time.monotonic(), self.kept.about["set"]
        self._tell(
            f"{name}: {len(self.kept.rows)} rows are kept, {total} are to be made, in "
            f"{self.trainings:,} trainings as long as joint training"
        )
        for done, rows in _portions(self.missing):
            with locked(self.trainer.folder, patience=0.0):
                self._portion(rows)
            self.kept.about["refused"] = dict(self.trainer.refused)
            if self.kept.samples:
                self.kept.write(self.folder)
            spent = time.monotonic() - began
            left = duration(spent / done * (total - done))
            self._tell(f"{name}: {done} of {total} rows after {duration(spent)}, {left} left")

    def _portion(self, portion: Sequence[str]) -> None:
        trainer = self.trainer
        early = [row for row in portion if row not in UNTRIED and not reads(row)]
        scores = trainer.chosen(early)
        rows = [row for row in portion if self._can(row)]
        scores |= trainer.chosen([row for row in rows if reads(row) and row not in UNTRIED])
        ready = [row for row in rows if row in scores or row in (UNTRAINED, *RATE_FACTORS)]
        lengths = [(row, n) for row in ready for n in trainer.lengths(row)]
        trainer.train(run for row, n in lengths for run in trainer.finals(row, n))
        failures = dict(trainer.failures)
        for row, times in lengths:
            runs = trainer.finals(row, times)
            trainer.failures = failures
            if not trainer.refuses(row, runs):
                memory = trainer.memory(row) if times == 1 else None
                self._keep(row, times, runs, scores.get(row, {}), memory)
        if ENSEMBLE in rows and (found := trainer.ensembles()):
            folders = [trainer.folder / run["folder"] for run in found]
            record = _record(ENSEMBLE, 1, self.kept.about) | {"runs": [_told(r) for r in found]}
            self.kept.add(record, self._outcomes(found, folders))

    def _can(self, row: str) -> bool:
        """Whether what a row learns from, or takes its rate from, is there; keeps why not."""
        alone = [alone_row(m) for m in self.trainer.modalities] if reads(row) else []
        needed = [*alone, *([JOINT] if row in RATE_FACTORS else [])]
        absent = [name for name in needed if name not in self.trainer.picked]
        if absent:
            self.trainer.refused[row] = f"it needs the row {absent[0]}, which is not there"
        return not absent

    def _keep(
        self, row: str, times: int, runs: Sequence[Run],
        scores: Mapping[Trial, Sequence[float | None]], memory: int | None,
    ) -> None:  # fmt: skip
        trainer = self.trainer
        results = [trainer.result(run) for run in runs]
        told = []
        for run, result in zip(runs, results, strict=True):
            seconds, steps = trainer.before(run)
            told.append(_told(result) | {"teachers": {"seconds": seconds, "steps": steps}})
        record = _record(row, times, self.kept.about) | {
            "trials": [{**t.plain(), "validation": own} for t, own in scores.items()],
            "chosen": trainer.final(row).plain(), "runs": told, "memory": memory,
        }  # fmt: skip
        folders = [trainer.folder / trainer.place(run) for run in runs]
        self.kept.add(record, self._outcomes(results, folders))

    def _outcomes(self, results: Sequence[Json], folders: Sequence[Path]) -> dict[int, Outcome]:
        """What finished runs got right; the first row says which samples there are."""
        finished = [
            (result["seed"], folder)
            for result, folder in zip(results, folders, strict=True)
            if result["status"] == "finished"
        ]
        judged = {seed: read_judged(folder) for seed, folder in finished}
        if not self.kept.samples and len(judged) == len(results):
            self.kept.samples = {s: read_arrays(f)["test_indices"] for s, f in finished}
            numbers, unit = unit_numbers(list(judged.values()))
            self.kept.units = {s: n.numpy() for s, n in zip(judged, numbers, strict=True)}
            self.kept.about["unit"] = unit
        return {seed: outcome(own) for seed, own in judged.items()}

    def _tell(self, sentence: str) -> None:
        if self.trainer.progress:
            print(sentence, flush=True)


def outcome(judged: Judged) -> Outcome:
    """Which samples a run gets right, and which the probes of its encoders do."""

    def bits(hits: torch.Tensor) -> np.ndarray[Any, Any]:
        return hits.numpy() > 0

    return Outcome(bits(judged.hits), {m: bits(judged.probe_hits(m)) for m in judged.probed})


def described(name: str, trainer: Trainer) -> Json:
    """What is said of a set and its budget.

    Raises:
        BalanceError: it is no set of classes judged by accuracy, whose outcomes are bits.
    """
    spec: FieldSet = trainer.spec
    data = trainer.plan.data
    if data.get("score", ACCURACY) != ACCURACY:
        raise BalanceError(f"{name} is judged by {data['score']}; outcomes are kept as bits.")
    config = trainer.plan.config
    kept = ("epochs", "batch_size", "optimizer", "momentum", "weight_decay", "schedule",
            "objective", "steps")  # fmt: skip
    return {
        "schema": SCHEMA, "set": name, "title": spec.title, "source": spec.source,
        "pairs": spec.pairs, "modalities": trainer.modalities, "data": data,
        "budget": {
            **{key: config[key] for key in kept}, "rates": list(spec.rates), "trials": TRIALS,
            "trial_seeds": list(TRIAL_SEEDS), "seeds": list(trainer.seeds),
            "data_settings": config["data_settings"],
        },
        "planned": trainer.rows, "left_out": trainer.left_out, "refused": {},
    }  # fmt: skip


def _portions(rows: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Some rows at a time, and how many there are then in all."""
    for start in range(0, len(rows), AT_A_TIME):
        portion = rows[start : start + AT_A_TIME]
        yield start + len(portion), portion


def _record(row: str, times: int, about: Mapping[str, Any]) -> Json:
    """What the registry says of a row, and with what it was made."""
    entry = methods.entry(row) if methods.known(row) else None
    return {
        "row": row, "times": times, "family": entry.family if entry else "reference",
        "is_control": bool(entry and entry.is_control), "controls": list(controls_of(row)),
        "default": bool(entry and not entry.on_request),
        "made": {**environment("cpu"), "commit": _commit()},
        "trials": [], "chosen": {}, "memory": None,
    }  # fmt: skip


@cache
def _commit() -> str | None:
    """The commit of the code, where this is a repository."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def _told(result: Json) -> Json:
    """What is kept of how a run went."""
    names = ("seed", "status", "message", "acted", "best_epoch", "epochs", "steps", "passes",
             "seconds", "converged_epoch")  # fmt: skip
    told = {name: result[name] for name in names if name in result}
    return told | {"seconds": round(result["seconds"], 2)}


def _trial(chosen: Mapping[str, Any]) -> Trial:
    """A trial as results.json has it."""
    (setting, value), *_ = [*((k, v) for k, v in chosen.items() if k != "lr"), (None, None)]
    return Trial(chosen["lr"], setting, value)


def again(kept: Kept, trainer: Trainer, row: str) -> list[str]:
    """Train the final runs of a kept row anew and name what differs: nothing, where all is well."""
    different = []
    for times in trainer.lengths(row):
        name = label(row, times)
        runs = trainer.finals(row, times)
        trainer.train(runs)
        for run in runs:
            made = outcome(read_judged(trainer.folder / trainer.place(run)))
            had = kept.outcomes[name][run.seed]
            same = np.array_equal(made.fused, had.fused) and made.probed.keys() == had.probed.keys()
            same = same and all(np.array_equal(v, had.probed[m]) for m, v in made.probed.items())
            if not same:
                different.append(f"{name}, seed {run.seed}")
    return different
