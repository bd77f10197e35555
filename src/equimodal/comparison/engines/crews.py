"""Which crew trains, where an execution says so, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from equimodal.comparison.engines.cards import visible_cards
from equimodal.comparison.engines.crew import Crew, Listener, execute
from equimodal.comparison.engines.here import HereCrew
from equimodal.comparison.engines.local import LocalCrew
from equimodal.comparison.execution import EVERY_CARD, RAY, Execution, check_device
from equimodal.comparison.progress import shown
from equimodal.data.table import is_manifest
from equimodal.errors import BalanceError
from equimodal.workers.process import processors

if TYPE_CHECKING:
    from equimodal.comparison.plan import PlannedRun


@dataclass(frozen=True)
class Workplace:
    """Where runs are trained, and on what.

    Args:
        execution: as the user gives it.
        device: of the experiment; ``cuda:all`` for every card.
        data: of the experiment.
    """

    execution: Execution
    device: str
    data: str

    def check(self) -> None:
        """Refuse what cannot be trained here.

        Raises:
            BalanceError: the engine, its options or the device.
        """
        if self.execution.engine == RAY:
            return _check_ray(self.execution, self.device)
        for name in ("address", "cpus_per_run", "gpus_per_run"):
            if getattr(self.execution, name) is not None:
                raise BalanceError(
                    f"--{name.replace('_', '-')} belongs to --engine ray; write that too, or leave "
                    "it out."
                )
        check_device("cuda" if self.device == EVERY_CARD else self.device)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep a cluster for several crews, where there is one."""
        self.check()
        if self.execution.engine != RAY:
            yield
            return
        from equimodal.comparison.engines.on_ray.cluster import session

        with session(self.execution, self.device):
            yield

    def places(self) -> int:
        """How many runs at a time; of Ray while it is `open`."""
        if self.execution.jobs is not None:
            return self.execution.jobs
        if self.execution.engine == RAY:
            from equimodal.comparison.engines.on_ray.cluster import room

            return max(1, room(self.execution, self.device))
        if self.device == EVERY_CARD:
            return len(visible_cards())
        return processors() if self.device == "cpu" else 1

    @contextmanager
    def crew(self, folder: Path, most: int) -> Iterator[Crew]:
        """A crew for runs below a folder, at most so many at a time."""
        with self.open():
            crew = self._crew(folder, most)
            try:
                yield crew
            finally:
                crew.close()

    def trained(
        self,
        runs: Sequence[PlannedRun],
        folder: Path,
        data_root: str | None,
        *,
        heard_by: Callable[[Listener], Listener] = lambda listener: listener,
    ) -> dict[int, str]:
        """Train runs below a folder and show how far they are; by index why those failed that did.

        Args:
            runs: the runs.
            folder: the folder that theirs start from.
            data_root: where `sources.ready` has the data on this machine.
            heard_by: makes the listener that hears the runs of the one that shows them.
        """
        if not runs:
            return {}
        with (
            shown(runs, progress=self.execution.progress) as listener,
            self.crew(folder, len(runs)) as crew,
        ):
            return execute(
                runs, folder, crew=crew, listener=heard_by(listener), data_root=data_root
            )

    def _crew(self, folder: Path, most: int) -> Crew:
        if self.execution.here:
            return HereCrew()
        if self.execution.engine != RAY:
            cards = visible_cards() if self.device == EVERY_CARD else ()
            return LocalCrew(min(self.places(), most), cards)
        from equimodal.comparison.engines.on_ray.task import origin
        from equimodal.comparison.engines.on_ray.tasks import RayCrew

        # A cluster queues what waits for room; what grows with its queue can see all of it.
        at_once = min(self.execution.jobs or most, most)
        table = origin(self.data, self.execution) if is_manifest(self.data) else None
        return RayCrew(at_once, folder, self.execution, self.device, table)


def _check_ray(execution: Execution, device: str) -> None:
    if find_spec("ray") is None:
        raise BalanceError(
            "--engine ray needs Ray, which is not installed; write pip install 'equimodal[ray]'."
        )
    if execution.here:
        raise BalanceError("A run is trained here or by --engine ray; leave out one of the two.")
    if device not in ("cpu", "cuda", EVERY_CARD):
        raise BalanceError(
            f"Ray gives every run its card; in the place of --device {device} write --device cuda "
            "or cpu, and --gpus-per-run for a share of a card."
        )
