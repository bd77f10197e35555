"""Successive halving over methods and their main setting, several at a time, until a deadline.

Optuna proposes (TPE) and prunes (asynchronous successive halving, Li et al., arXiv 1810.05934); the
runs are those of a comparison, so that a promising one goes on from where it paused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from equimodal.comparison.engines.crew import Crew, job_of
from equimodal.comparison.plan import PlannedRun
from equimodal.comparison.words import percent
from equimodal.errors import BalanceError
from equimodal.experiments.choice import space
from equimodal.numerics.spreads import main_score
from equimodal.storage.files import read_json
from equimodal.training.config import RunConfig
from equimodal.training.run_folder import RESULT

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
    """A trial at work."""

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
        crew: trains the trials.
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
        crew: Crew,
        data_root: str | None,
        time_left: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.study, self.configs, self.folder = study, dict(configs), folder
        self.data_root, self.time_left, self.tell = data_root, time_left, tell
        self.crew = crew
        self.works: dict[int, Work] = {}
        self.failures: list[str] = []

    def run(self) -> None:
        """Search.

        Raises:
            BalanceError: nothing can be trained, or every trial fails.
        """
        try:
            while self.time_left() > 0:
                while self.crew.free:
                    self._begin()
                for message in self.crew.messages(min(_PAUSE, max(0.0, self.time_left()))):
                    self._answer(message)
        finally:
            self.crew.close()  # before the folders of what is at work go
            for work in list(self.works.values()):
                self._close(work, "FAIL")

    def _answer(self, message: Mapping[str, Any]) -> None:
        kind, work = message["kind"], self.works[message["run"]]
        if kind == "epoch":
            work.accuracy = message["accuracy"]
        elif kind == "paused":
            self._judge(work)
        elif kind in ("finished", "failed"):
            self._end(work, message)

    def _begin(self) -> None:
        """Begin the next trial."""
        trial = self.study.ask()
        row, settings = space.suggest(trial, list(self.configs))
        base = self.configs[row]
        work = Work(
            trial, replace(base, settings={**base.settings, **settings}),
            self.folder / f"trial-{trial.number:04d}", rungs(base.epochs),
        )  # fmt: skip
        self.works[trial.number] = work
        self._send(work)

    def _send(self, work: Work) -> None:
        job = job_of(PlannedRun(work.config, work.folder.name), self.folder, self.data_root)
        if work.rungs:
            job["until"] = work.rungs[0]
        self.crew.begin(work.trial.number, job)

    def _judge(self, work: Work) -> None:
        """Let a trial go on from its rung, or end it there."""
        work.trial.report(work.accuracy, work.rungs.pop(0))
        if work.trial.should_prune():
            return self._close(work, "PRUNED")
        self._send(work)

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

    def _close(self, work: Work, state: str, value: float | None = None) -> None:
        from optuna.trial import TrialState

        self.study.tell(work.trial, value, state=TrialState[state])
        # What counts is in the journal; a choice is trained anew on fresh seeds.
        rmtree(work.folder, ignore_errors=True)
        del self.works[work.trial.number]
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
