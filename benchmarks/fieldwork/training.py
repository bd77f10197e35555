"""Trains the rows of one set: trials, choice on validation, final runs at an equal budget."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from os.path import relpath
from pathlib import Path
from typing import Any, NamedTuple

from equimodal import methods
from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.ensemble import ensemble_run
from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.plan import PlannedRun, loadable, make_plan
from equimodal.comparison.results import is_over
from equimodal.comparison.rows import (
    ALONE,
    ENSEMBLE,
    EVERY_ALONE,
    JOINT,
    RATE_FACTORS,
    UNTRAINED,
    alone_row,
    reads,
    slug,
)
from equimodal.numerics.spreads import main_score
from equimodal.storage.files import make_folder, read_json
from equimodal.training.config import create_method
from equimodal.training.run_folder import RESULT
from fieldwork.memory import peak_memory
from fieldwork.sets import FieldSet, Table
from fieldwork.trials import FINAL_SEEDS, TRIAL_SEEDS, Trial, chosen, first_trials, further_trials

ALTERNATING = "alternation"
"""The family whose rows are also run at as many times the steps as there are modalities."""
Json = dict[str, Any]


class Run(NamedTuple):
    """One training: what a row is trained with, how long, and by which seed."""

    row: str
    trial: Trial
    seed: int
    times: int = 1


class Trainer:
    """The runs of one set, each a folder below ``folder`` that is continued where it is there.

    Args:
        spec: the set.
        data_root: folder of the data.
        folder: of the runs.
        jobs: processes; 0 trains in this one, which is sooner where runs last seconds.
        progress: show how far it is.
        seeds: of the final runs.
    """

    def __init__(
        self, spec: FieldSet, data_root: str, folder: Path, *, jobs: int, progress: bool,
        seeds: Sequence[int] = FINAL_SEEDS,
    ) -> None:  # fmt: skip
        make_folder(folder)
        self.spec, self.folder, self.progress = spec, folder, progress
        self.seeds = seeds
        data, root = spec.data, data_root
        if isinstance(data, Table):
            data, below = data.placed(Path(data_root), folder / "table")
            root = str(below)
        experiment = Experiment(
            data, methods=(methods.FIELD,), seeds=(0,), epochs=spec.epochs, lr=(spec.rates[0],),
            batch_size=spec.batch_size, steps="nominal", settings=spec.settings,
        )  # fmt: skip
        execution = Execution(data_root=root, jobs=jobs or None, here=not jobs, progress=progress)
        self.workplace = Workplace(execution, experiment.device, data)
        self.plan = make_plan(*loadable(experiment, execution))
        self.configs = {run.config.method: run.config for run in self.plan.runs}
        self.modalities = list(self.plan.modalities)
        self.picked: dict[str, Trial] = {}
        self.refused: dict[str, str] = {}

    @property
    def rows(self) -> list[str]:
        """Every row of the set: references, then what stands by itself, then what reads others'
        runs."""
        trained = [row for row in self.configs if row != UNTRAINED]
        first = [row for row in trained if row.startswith(ALONE) or row == JOINT]
        late = [row for row in trained if reads(row)]
        early = [row for row in trained if row not in (*first, *late)]
        return [UNTRAINED, *first, ENSEMBLE, *RATE_FACTORS, *early, *late]

    @property
    def left_out(self) -> dict[str, str]:
        """Rows that have no meaning for the set, and why."""
        return dict(self.plan.config.get("left_out", {}))

    def lengths(self, row: str) -> list[int]:
        """How many times the steps of joint training a row is run."""
        known = methods.known(row) and methods.entry(row).family == ALTERNATING
        return [1, len(self.modalities)] if known else [1]

    def chosen(self, rows: Sequence[str]) -> dict[str, dict[Trial, list[float | None]]]:
        """Try rows and pick a trial of each; all trials with their scores on validation.

        A row that cannot be trained is left out, and `refused` says why.
        """
        scores = self._tried({row: first_trials(self.spec.rates) for row in rows})
        further = {row: further_trials(row, chosen(own)) for row, own in scores.items()}
        for row, own in self._tried(further).items():
            scores[row] |= own
            self.picked[row] = chosen(scores[row])
        return {row: own for row, own in scores.items() if row in self.picked}

    def _tried(self, trials: dict[str, list[Trial]]) -> dict[str, dict[Trial, list[float | None]]]:
        wanted = [Run(r, t, s) for r, own in trials.items() for t in own for s in TRIAL_SEEDS]
        self.train(wanted)
        return {
            row: {t: [self.score(Run(row, t, s)) for s in TRIAL_SEEDS] for t in own}
            for row, own in trials.items()
            if not self.refuses(row, [run for run in wanted if run.row == row])
        }

    def final(self, row: str) -> Trial:
        """What the final runs of a row are trained with."""
        if row in RATE_FACTORS:
            rate = self.picked[JOINT].lr
            assert rate is not None
            return Trial(rate * RATE_FACTORS[row])
        return Trial(None) if row == UNTRAINED else self.picked[row]

    def finals(self, row: str, times: int) -> list[Run]:
        """The final runs of a row."""
        return [Run(row, self.final(row), seed, times) for seed in self.seeds]

    def train(self, runs: Iterable[Run]) -> None:
        """Train what is not over yet, what it learns from first."""
        wanted: dict[str, PlannedRun] = {}
        for run in runs:
            for one in [*self._teachers(run).values(), run]:
                wanted.setdefault(self.place(one), self.planned(one))
        missing = [run for run in wanted.values() if not is_over(run, self.folder)]
        failed = self.workplace.trained(missing, self.folder, self.plan.data_root)
        self.failures = {missing[index].folder: why for index, why in failed.items()}

    def refuses(self, row: str, runs: Iterable[Run]) -> bool:
        """Whether one of the runs just trained of a row failed; keeps why."""
        why = next((w for run in runs if (w := self.failures.get(self.place(run)))), None)
        if why:
            self.refused[row] = why
        return why is not None

    def result(self, run: Run) -> Json:
        """How a run ended."""
        return read_json(self.folder / self.place(run) / RESULT)

    def score(self, run: Run) -> float | None:
        """The main score of a run on validation; None where it diverged or failed."""
        if self.place(run) in self.failures:
            return None
        validation = self.result(run)["validation"]
        return main_score(validation) if validation else None

    def ensembles(self) -> list[Json]:
        """The ensemble of every seed, of the final runs of the modalities trained alone; none where
        these failed."""
        members = [[self._alone(m, s) for m in self.modalities] for s in self.seeds]
        runs = [run for own in members for run in own]
        self.train(runs)
        if self.refuses(ENSEMBLE, runs):
            return []
        told = [[self.result(r) | {"folder": self.place(r)} for r in own] for own in members]
        return [
            ensemble_run(own, self.folder)
            | {k: sum(r[k] for r in own) for k in ("steps", "passes")}
            for own in told
        ]

    def place(self, run: Run) -> str:
        """The folder of a run."""
        longer = "" if run.times == 1 else f"-x{run.times}"
        tag = "untrained" if run.trial.lr is None else run.trial.tag
        return f"runs/{slug(run.row)}/{tag}{longer}/seed-{run.seed}"

    def planned(self, run: Run) -> PlannedRun:
        """A run and its folder."""
        row = JOINT if run.row in RATE_FACTORS else run.row
        base, own = self.configs[row], self.place(run)
        places = {m: relpath(self.place(t), own) for m, t in self._teachers(run).items()}
        config = replace(
            base, method=run.row, seed=run.seed, lr=run.trial.lr, teachers=places,
            settings={**base.settings, **run.trial.settings}, epochs=self._epochs(run),
        )  # fmt: skip
        return PlannedRun(config, own)

    def _epochs(self, run: Run) -> int:
        """Epochs that make as many updates as joint training's, or so many times as many."""
        updates = 1
        if methods.known(run.row):
            method = create_method(run.row, self.configs[run.row].settings | run.trial.settings)
            updates = method.repeats(len(self.modalities))
        return max(1, round(self.spec.epochs * run.times / updates))

    def _teachers(self, run: Run) -> dict[str, Run]:
        """The runs from which one learns: of its seed, as chosen for each modality alone."""
        if EVERY_ALONE not in reads(run.row):
            return {}
        return {m: self._alone(m, run.seed) for m in self.modalities}

    def _alone(self, modality: str, seed: int) -> Run:
        row = alone_row(modality)
        return Run(row, self.picked[row], seed)

    def before(self, run: Run) -> tuple[float, int]:
        """Seconds and updates of the trainings that a run learns from; both 0 without."""
        found = [self.result(teacher) for teacher in self._teachers(run).values()]
        return sum(r["seconds"] for r in found), sum(r["steps"] for r in found)

    def memory(self, row: str) -> int | None:
        """Bytes that an epoch of a row takes at most, see `peak_memory`."""
        run = Run(row, self.final(row), self.seeds[0])
        self.train(self._teachers(run).values())
        planned = self.planned(run)
        own = self.folder / Path(planned.folder).with_name("memory")
        return peak_memory(planned.config, own, data_root=self.plan.data_root)
