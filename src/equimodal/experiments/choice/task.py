"""What is chosen for, and how much time it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equimodal.experiments.choice.folder import STATE
from equimodal.experiments.choice.telling import Teller
from equimodal.experiments.choice.time_budget import TimeBudget
from equimodal.experiments.compare import compare
from equimodal.storage.files import read_json, write_json

Json = dict[str, Any]


@dataclass
class Task:
    """What is chosen for: the data as runs load it, options of the comparisons, folder, time."""

    data: str
    """As the user names it."""
    place: Json
    """``data_root`` and ``cache`` as the user gives them."""
    ready: tuple[str, str | None]
    """Name and root by which every run loads the data."""
    options: Json
    folder: Path
    jobs: int
    budget: TimeBudget
    teller: Teller
    progress: bool

    def compare(self, name: str, **options: Any) -> Json:
        """A comparison in a folder of its own, continued where it is there."""
        return compare(
            self.data, **self.place, **{**self.options, **options}, jobs=self.jobs,
            out=self.folder / name, resume=True, progress=self.progress,
        )  # fmt: skip

    def keep(self, **known: Any) -> Json:
        """Write down what is known and how much time is gone, for an interrupted call."""
        path = self.folder / STATE
        state = {**(read_json(path) if path.exists() else {}), **known}
        state["spent"] = self.budget.spent
        write_json(path, state)
        return state
