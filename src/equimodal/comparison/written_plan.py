"""A plan as a file: the runs of a comparison, which any machine can train one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from equimodal.checks import is_whole
from equimodal.comparison.execution import Execution
from equimodal.comparison.plan import Plan, PlannedRun
from equimodal.data.table import absolute, is_manifest
from equimodal.errors import BalanceError, quoted
from equimodal.storage.files import as_written, read_json, write_json
from equimodal.training.config import RunConfig

SCHEMA = "equimodal.plan/1"
_REMEDY = "write it again with `equimodal compare ... --write-plan`"


@dataclass(frozen=True)
class WrittenPlan:
    """The runs of a comparison, its folder, and where its data come from, all by absolute paths."""

    out: Path
    data: str
    data_root: str | None
    cache: str | None
    runs: tuple[PlannedRun, ...]

    def needed(self, index: int) -> list[PlannedRun]:
        """The run of a number from 0, behind those that it learns from.

        Raises:
            BalanceError: there is no such run.
        """
        if not is_whole(index) or not 0 <= index < len(self.runs):
            raise BalanceError(
                f"The plan has the runs 0 to {len(self.runs) - 1}; found {quoted(index)}."
            )
        run = self.runs[index]
        return [*(other for other in self.runs if other.folder in run.learns_from), run]


def write_plan(file: Path, plan: Plan, folder: Path, data: str, execution: Execution) -> None:
    """Write a plan whose runs go to the folder, on the data that the user named.

    Raises:
        BalanceError: the file is there already, or cannot be written.
    """
    if file.exists():
        raise BalanceError(f"'{file}' is there already; delete it, or write another name.")
    root, cache = (
        None if place is None else str(Path(place).absolute())
        for place in (execution.data_root, execution.cache)
    )
    write_json(
        file,
        {
            "schema": SCHEMA,
            "out": str(folder.absolute()),
            "data": absolute(data) if is_manifest(data) else data,
            "data_root": root,
            "cache": cache,
            "runs": [{"folder": run.folder, "config": run.config.as_dict()} for run in plan.runs],
        },
    )


def read_plan(file: Path) -> WrittenPlan:
    """The plan that `write_plan` wrote.

    Raises:
        BalanceError: the file is missing, damaged, or no plan.
    """
    if not file.is_file():
        raise BalanceError(
            f"There is no plan '{file}'; `equimodal compare ... --write-plan {file}` writes one."
        )
    found = read_json(file, remedy=_REMEDY)
    if found.get("schema") != SCHEMA:
        raise BalanceError(f"'{file}' is no plan of this version ({SCHEMA}); {_REMEDY}.")
    with as_written(file.parent, _REMEDY):
        runs = tuple(PlannedRun(RunConfig(**run["config"]), run["folder"]) for run in found["runs"])
        return WrittenPlan(
            Path(found["out"]), found["data"], found["data_root"], found["cache"], runs
        )
