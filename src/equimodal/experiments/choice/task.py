"""What is chosen for, and how much time it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from equimodal.comparison.experiment import Execution, Experiment
from equimodal.comparison.plan import Plan, make_plan
from equimodal.experiments.choice.folder import STATE
from equimodal.experiments.choice.telling import Teller
from equimodal.experiments.choice.time_budget import TimeBudget
from equimodal.experiments.compare import compared
from equimodal.storage.files import read_json, write_json

Json = dict[str, Any]


@dataclass
class Task:
    """What is chosen for: the experiment, where it is carried out, folder, jobs and time."""

    experiment: Experiment
    """As the user gives it: joint training on the seed of the search."""
    execution: Execution
    """As the user gives it, but for the jobs, and whatever is there is continued."""
    loaded: tuple[Experiment, str | None]
    """The experiment, and the root, by which every run loads the data."""
    folder: Path
    jobs: int
    budget: TimeBudget
    teller: Teller

    def plan(self, **changes: Any) -> Plan:
        """The plan of the experiment with other rows, seeds or settings."""
        experiment, root = self.loaded
        return make_plan(replace(experiment, **changes), root)

    def compare(self, name: str, **changes: Any) -> Json:
        """A comparison in a folder of its own, continued where it is there."""
        execution = replace(self.execution, out=self.folder / name)
        return compared(replace(self.experiment, **changes), execution)

    def keep(self, **known: Any) -> Json:
        """Write down what is known and how much time is gone, for an interrupted call."""
        path = self.folder / STATE
        state = {**(read_json(path) if path.exists() else {}), **known}
        state["spent"] = self.budget.spent
        write_json(path, state)
        return state
