"""Successive halving over methods and their main setting, in parallel processes, until a deadline.

Optuna proposes (TPE) and prunes (asynchronous successive halving, Li et al., arXiv 1810.05934); the
runs are those of a comparison, so that a promising one goes on from where it paused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from equimodal.comparison.words import percent
from equimodal.comparison.worker_process import WorkerProcess
from equimodal.errors import BalanceError
from equimodal.experiments.choice import space
from equimodal.numerics.spreads import main_score
from equimodal.storage.files import read_json
from equimodal.training.config import RunConfig
from equimodal.training.run_folder import RESULT
from equimodal.workers.process import ready

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

REDUCTION = 3
"""Of the trials at a rung the best third goes on, to three times as many epochs."""
_LARGEST_RUNGS = 2
_PAUSE = 1.0  # seconds between looks at the clock


def rungs(epochs: int) -> list[int]:
    """Epochs after which a trial is judged: ``[2, 6]`` of 20; none where there are fewer than 3."""
    first = max(1, epochs // REDUCTION**_LARGEST_RUNGS)
    found = [first * REDUCTION**k for k in range(_LARGEST_RUNGS)]
    return [n for n in found if n < epochs] if epochs >= REDUCTION else []


def open_study(journal: Path, rows: Sequence[str], *, seed: int, epochs: int) -> Study:
    """The study of a search, new or as an interrupted one left it.

    Each row is tried at its default first. Trials that were at work when it was interrupted count
    as failed.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="choose",
        storage=JournalStorage(JournalFileBackend(str(journal))),
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 * len(rows)),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=rungs(epochs)[0] if rungs(epochs) else 1, reduction_factor=REDUCTION
        ),
        direction="maximize",
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    if not study.trials:
        for row in rows:
            study.enqueue_trial(space.default(row))
    return study


@dataclass
class Work:
    """A trial in a worker."""

    trial: Trial
    config: RunConfig
    folder: Path
    rungs: list[int]
    accuracy: float = 0.0


class Search:
    """Trains trials until the time for it is over.

    Args:
        study: what `open_study` gave.
        configs: the run of every row at its defaults, on the seed that is searched on.
        folder: where the trials' runs lie.
        jobs: trials at a time.
        data_root: where the data lie.
        time_left: seconds until the search ends.
        tell: hears a sentence for every trial that is over.
    """

    def __init__(
        self,
        study: Study,
        configs: Mapping[str, RunConfig],
        folder: Path,
        *,
        jobs: int,
        data_root: str | None,
        time_left: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.study, self.configs, self.folder = study, dict(configs), folder
        self.data_root, self.time_left, self.tell = data_root, time_left, tell
        self.workers = [WorkerProcess(index) for index in range(jobs)]
        self.works: dict[int, Work] = {}
        self.failures: list[str] = []

    def run(self) -> None:
        """Search.

        Raises:
            BalanceError: no worker can be started, or every trial fails.
        """
        try:
            while self.time_left() > 0 and self.workers:
                self._turn()
        finally:
            for worker in self.workers:
                worker.close()
            for work in self.works.values():
                self._close(work, "FAIL")

    def _turn(self) -> None:
        for worker in ready(self.workers, min(_PAUSE, max(0.0, self.time_left()))):
            message = worker.receive()
            if message is None:
                self._bury(worker)
            else:
                self._answer(worker, message)

    def _answer(self, worker: WorkerProcess, message: Mapping[str, Any]) -> None:
        kind = message["kind"]
        if kind == "ready":
            return self._begin(worker)
        work = self.works[worker.index]
        if kind == "epoch":
            work.accuracy = message["accuracy"]
        elif kind == "paused":
            self._judge(worker, work)
        elif kind in ("finished", "failed"):
            self._end(work, message)
            self._begin(worker)

    def _begin(self, worker: WorkerProcess) -> None:
        """Give a worker the next trial."""
        trial = self.study.ask()
        row, settings = space.suggest(trial, list(self.configs))
        base = self.configs[row]
        work = Work(
            trial, replace(base, settings={**base.settings, **settings}),
            self.folder / f"trial-{trial.number:04d}", rungs(base.epochs),
        )  # fmt: skip
        self.works[worker.index] = work
        self._send(worker, work)

    def _send(self, worker: WorkerProcess, work: Work) -> None:
        job: dict[str, Any] = {
            "config": work.config.as_dict(),
            "folder": str(work.folder),
            "data_root": self.data_root,
        }
        if work.rungs:
            job["until"] = work.rungs[0]
        worker.assign(work.trial.number, job)

    def _judge(self, worker: WorkerProcess, work: Work) -> None:
        """Let a trial go on from its rung, or end it there."""
        work.trial.report(work.accuracy, work.rungs.pop(0))
        if work.trial.should_prune():
            self._close(work, "PRUNED")
            return self._begin(worker)
        self._send(worker, work)

    def _end(self, work: Work, message: Mapping[str, Any]) -> None:
        result = read_json(work.folder / RESULT) if message["kind"] == "finished" else {}
        if result.get("status") == "finished":
            self._close(work, "COMPLETE", main_score(result["validation"]))
        else:
            self._fail(work, message.get("message") or result["message"])

    def _fail(self, work: Work, message: str) -> None:
        self._close(work, "FAIL")
        self.failures.append(message)
        if len(self.failures) >= 2 * len(self.configs) and best(self.study) is None:
            raise BalanceError(f"Every trial fails, the last one: {message}")

    def _bury(self, worker: WorkerProcess) -> None:
        """Fail the trial of a dead worker, and put another in its place."""
        self.workers.remove(worker)
        ending = worker.ending()
        worker.close()
        work = self.works.get(worker.index)
        if work is None:
            raise BalanceError(f"The training processes cannot start: {ending}.")
        self._fail(work, f"the process that trained it died ({ending})")
        self.workers.append(WorkerProcess(worker.index))

    def _close(self, work: Work, state: str, value: float | None = None) -> None:
        from optuna.trial import TrialState

        self.study.tell(work.trial, value, state=TrialState[state])
        # What counts is in the journal; a choice is trained anew on fresh seeds.
        rmtree(work.folder, ignore_errors=True)
        self.works = {index: w for index, w in self.works.items() if w is not work}
        if value is not None:
            self.tell(f"trial {work.trial.number}: {named(work.trial.params)}, {percent(value)} %")


def best(study: Study) -> FrozenTrial | None:
    """The best trial: of those that came furthest, the one with the best accuracy; None without."""
    trials = study.get_trials(deepcopy=False)
    judged = [t for t in trials if t.intermediate_values or t.state.name == "COMPLETE"]
    return max(judged, key=_merit, default=None)


def _merit(trial: FrozenTrial) -> tuple[bool, int, float]:
    if trial.state.name == "COMPLETE":
        assert trial.value is not None
        return True, 0, trial.value
    last = max(trial.intermediate_values)
    return False, last, trial.intermediate_values[last]


def named(parameters: Mapping[str, Any]) -> str:
    """A trial's row and setting, such as ``amss tau=0.31``."""
    row = parameters["row"]
    return f"{row} {space.main(row).setting}={parameters[space.key(row)]:.3g}"


def setting(parameters: Mapping[str, Any]) -> dict[str, float]:
    """A trial's setting: ``{"tau": 0.31}``"""
    row = parameters["row"]
    return {space.main(row).setting: parameters[space.key(row)]}
