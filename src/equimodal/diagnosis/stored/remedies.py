"""What a diagnosis lacks, each with the command that gives it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from equimodal.comparison.command.writing import command, stored_experiment
from equimodal.comparison.execution import Execution
from equimodal.comparison.rows import JOINT, REFERENCES, UNIMODAL, UNTRAINED, alone_row
from equimodal.diagnosis import rules
from equimodal.diagnosis.evidence import Evidence
from equimodal.diagnosis.stored.run_files import RunFiles
from equimodal.training.run_folder import CONFIG

JUDGED = "test"
"""The split that is judged unless another is named."""


def references(names: Sequence[str]) -> tuple[str, ...]:
    """The rows that a diagnosis is held against, besides the ensemble."""
    return (UNTRAINED, *map(alone_row, names), UNIMODAL)


def missing(
    found: Sequence[Evidence], subjects: Mapping[int, RunFiles], names: Sequence[str], out: Path
) -> Iterator[dict[str, Any]]:
    """References that are not there, each with the command that trains it."""
    for evidence in found:
        for row in references(names):
            if row not in evidence.models:
                command = _train_command(subjects[evidence.seed], row, evidence.seed, out)
                yield {"row": row, "seed": evidence.seed, "command": command}


def _train_command(like: RunFiles, row: str, seed: int, out: Path) -> str:
    """The command that trains another row with the data and the budget of a run."""
    changes = {"method": row, "seed": seed, "settings": {}}
    rate = {} if row != UNTRAINED else {"lr": None}
    return command(
        "train", stored_experiment({**like.config, **changes, **rate}), Execution(out=out)
    )


def remedies(subjects: Mapping[int, RunFiles], folder: Path, split: str) -> dict[str, str]:
    """The commands that give a modality without a word one, by what it wants."""
    run = next(iter(subjects.values()))
    row = {} if run.row == JOINT or (folder / CONFIG).exists() else {"row": run.row}
    judged = {} if split == JUDGED else {"split": split}
    whole = replace(
        stored_experiment({**run.config, "seed": min(subjects)}),
        seeds=tuple(subjects), methods=tuple(dict.fromkeys([*REFERENCES, run.row])),
    )  # fmt: skip
    epochs, rate = run.config["epochs"], run.config["lr"] or 0.0
    settle = shlex.join(["equimodal", "diagnose", str(folder), "--settle"] + [
        word for name, value in {**row, **judged}.items() for word in (f"--{name}", value)
    ])  # fmt: skip

    def again(name: str, **changes: Any) -> str:
        out = folder.with_name(f"{folder.name}-{name}")
        return command("compare", replace(whole, **changes), Execution(out=out))

    return {
        rules.REFERENCES: settle,
        rules.LONGER: settle,
        rules.EPOCHS: again("longer", epochs=2 * epochs),
        rules.RATES: again("rates", lr=tuple(float(f"{rate * x:.2g}") for x in (0.25, 1, 4))),
        rules.SEEDS: again("seeds", seeds=_more(tuple(subjects))),
    }


def _more(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """Three times as many seeds, at least five."""
    further = (seed for seed in count() if seed not in seeds)
    return (*seeds, *islice(further, max(2 * len(seeds), 5 - len(seeds))))
