"""What is chosen for, and how much time it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from equimodal.comparison.engines.crew import Listener
from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.plan import Plan, make_plan
from equimodal.comparison.results import is_over
from equimodal.experiments.choice.folder import STATE
from equimodal.experiments.choice.telling import Teller
from equimodal.experiments.choice.time_budget import TimeBudget
from equimodal.experiments.compare import compared
from equimodal.storage.files import read_json, write_json

Json = dict[str, Any]

LATEST = 1.1
"""Share of a budget after which nothing is trained any more."""
CLOSING = 12.0
"""Seconds to start processes and to write a page."""


class TimeOver(Exception):
    """So much more than the budget is gone that no run may go on."""


class Watch:
    """Hears the runs, and ends them once a budget is overdrawn.

    Args:
        listener: that hears them too.
        budget: the time.
    """

    def __init__(self, listener: Listener, budget: TimeBudget) -> None:
        self._listener, self._budget = listener, budget

    def started(self, worker: int, run: int) -> None:
        """A worker took a run."""
        self._listener.started(worker, run)

    def heard(self, worker: int, message: Mapping[str, Any]) -> None:
        """A run sent a message. Raises `TimeOver`."""
        self._listener.heard(worker, message)
        if self._budget.spent > LATEST * self._budget.seconds - CLOSING:
            raise TimeOver


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

    @property
    def place(self) -> Workplace:
        """Where its runs are trained."""
        return Workplace(self.execution, self.experiment.device, self.experiment.data)

    def plan(self, **changes: Any) -> Plan:
        """The plan of the experiment with other rows, seeds or settings."""
        experiment, root = self.loaded
        return make_plan(replace(experiment, **changes), root)

    def compare(self, name: str, **changes: Any) -> Json:
        """A comparison in a folder of its own, continued where it is there."""
        execution = replace(self.execution, out=self.folder / name)
        return compared(replace(self.experiment, **changes), execution)

    def train(self, name: str, **changes: Any) -> bool:
        """Train the runs of a comparison into its folder; False where the time is over before all
        are."""
        plan, folder = self.plan(**changes), self.folder / name
        runs = [run for run in plan.runs if not is_over(run, folder)]
        try:
            self.place.trained(
                runs, folder, plan.data_root, heard_by=lambda heard: Watch(heard, self.budget)
            )
        except TimeOver:
            return False
        return True

    def keep(self, **known: Any) -> Json:
        """Write down what is known and how much time is gone, for an interrupted call."""
        path = self.folder / STATE
        state = {**(read_json(path) if path.exists() else {}), **known}
        state["spent"] = self.budget.spent
        write_json(path, state)
        return state
