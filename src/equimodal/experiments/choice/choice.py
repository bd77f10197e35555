"""From a data set and a time budget to a trained model: diagnose, search, confirm, hand back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import Execution, arranged
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.plan import check_request, loadable, make_plan
from equimodal.comparison.rows import JOINT, REFERENCES
from equimodal.diagnosis.folder import diagnose_folder
from equimodal.errors import BalanceError, check_all
from equimodal.experiments.choice.confirmation import FEWEST, confirmed, seed_seconds
from equimodal.experiments.choice.folder import CHOICE, check_new, claimed
from equimodal.experiments.choice.measuring import check_possible
from equimodal.experiments.choice.outcome import picked
from equimodal.experiments.choice.search import Search, best, named, open_study, setting
from equimodal.experiments.choice.space import SEARCH_SEED, candidates
from equimodal.experiments.choice.task import CLOSING, Json, Task
from equimodal.experiments.choice.telling import Teller
from equimodal.experiments.choice.time_budget import TimeBudget, seconds_of, spoken
from equimodal.experiments.left_model import MODEL
from equimodal.saved.writing import tell_verdict
from equimodal.storage.files import make_folder, read_json, write_json
from equimodal.storage.locks import locked

JOURNAL = "journal.log"
_CONFIRMING = 0.4
"""Share of the budget that is kept for fresh seeds."""


def choose(
    data: str = "keypad",
    *,
    budget: str | float,
    data_root: str | Path | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    resume: bool = False,
    progress: bool = True,
    cache: str | Path | None = None,
    **options: Any,
) -> Json:
    """Try what a diagnosis suggests under a time budget, and hand back the best on fresh seeds.

    Trains joint training, its baselines and every modality alone on seed 0 and diagnoses them;
    searches the suggested methods and their main setting on that seed by successive halving;
    trains the best against ``joint`` and ``joint+unimodal`` on fresh seeds; picks the row with the
    best mean validation accuracy there. Test samples are judged last and select nothing.

    Args:
        data: name of the data set, or the path of a table of your own.
        budget: time for all of it, ``"10m"``, ``"1h30m"`` or seconds.
        data_root: folder with the data set's own files.
        out: folder of everything. None: ``results/choose-<data>``.
        jobs: runs at a time. None: one a processor, or one a card.
        resume: continue what is in that folder; the time that it took counts.
        progress: show how far it is, on the error stream.
        cache: folder of the decoded samples of a table.
        options: of `equimodal.compare`: ``epochs``, ``lr``, ``batch_size``, ``optimizer``,
            ``objective``, ``device``, ``settings`` of the data, ``encoders``, ``fusion``,
            ``schedule``, ``engine``, ``address``, ``cpus_per_run``, ``gpus_per_run``.

    Returns:
        What choice.json holds, see docs/choose.md.

    Raises:
        BalanceError: no Optuna, a budget that is too short, or as in `equimodal.compare`.
    """
    place = {"data_root": data_root, "out": out, "jobs": jobs, "resume": resume, "cache": cache}
    given = experiment_of({"data": data, **place, "progress": progress, **options})
    return chosen(*given, budget=budget)


def experiment_of(given: Mapping[str, Any]) -> tuple[Experiment, Execution]:
    """What is searched from, joint training on the seed of the search, and where.

    Raises:
        BalanceError: a value that cannot be honoured.
    """
    return arranged({**given, "methods": (JOINT,), "seeds": (SEARCH_SEED,)})


def chosen(experiment: Experiment, execution: Execution, *, budget: str | float) -> Json:
    """What `choose` returns, of the experiment that is searched from."""
    seconds = seconds_of(budget)
    if find_spec("optuna") is None:
        raise BalanceError(
            "choose needs Optuna, which is not installed; write pip install 'equimodal[choose]'."
        )
    folder = execution.folder(experiment.data, "choose-")
    place = Workplace(execution, experiment.device, experiment.data)
    check_all(
        lambda: check_request(experiment), lambda: check_new(folder, resume=execution.resume),
        place.check,
    )  # fmt: skip
    loaded = loadable(experiment, execution)
    plan = make_plan(*loaded)
    make_folder(folder)
    with locked(folder, patience=0.0), place.open():
        jobs = place.places()
        execution = replace(execution, jobs=jobs, resume=True)
        state = claimed(folder, plan.config)
        time = TimeBudget(seconds, spent=state["spent"])
        teller = Teller(shown=execution.progress, budget=time)
        task = Task(experiment, execution, loaded, folder, jobs, time, teller)
        if (folder / CHOICE).exists():
            return read_json(folder / CHOICE)
        return _chosen(task)


def _chosen(task: Task) -> Json:
    check_possible(task)
    task.teller.stage("diagnosing: joint training, its baselines, every modality alone")
    if not task.train("diagnosis", methods=REFERENCES):
        raise BalanceError(
            f"A budget of {spoken(task.budget.seconds)} was over before the diagnosis was: runs "
            "took longer than the epoch that was measured. Nothing is lost: write --resume "
            f"--budget {spoken(3 * task.budget.seconds)}, or begin anew with fewer --epochs."
        )
    references = task.compare("diagnosis", methods=REFERENCES)
    task.keep()
    found = diagnose_folder(task.folder / "diagnosis", split="validation")
    for line in found["text"]:
        task.teller.line(line)
    rows = candidates(found)
    _check_time(task, references, rows)
    winner, trials = _searched(task, references, rows) if rows else (None, [])
    results = confirmed(task, references, winner)
    choice = picked(
        task.folder, results, winner, trials, found,
        experiment=task.experiment, execution=task.execution,
        budget={"seconds": task.budget.seconds, "spent": task.budget.spent},
    )  # fmt: skip
    tell_verdict(task.folder / "confirmed" / MODEL, found["text"])
    write_json(task.folder / CHOICE, choice)
    return choice


def _searched(task: Task, references: Json, rows: Sequence[str]) -> tuple[Json | None, list[Json]]:
    """The best row with its setting on the seed of the search, and all trials."""
    task.teller.stage(f"searching {', '.join(rows)}, on validation samples of seed {SEARCH_SEED}")
    plan = task.plan(methods=rows)
    configs = {run.config.method: run.config for run in plan.runs}
    epochs = next(iter(configs.values())).epochs
    place = task.folder / "search"
    make_folder(place)
    study = open_study(place / JOURNAL, rows, seed=SEARCH_SEED, epochs=epochs)
    reserve = FEWEST * seed_seconds(task, references, rows) + CLOSING
    end = task.budget.seconds - max(reserve, _CONFIRMING * task.budget.seconds)
    if "winner" not in task.keep():

        def tell(sentence: str) -> None:
            task.keep()
            task.teller.line(sentence)

        with task.place.crew(place, task.jobs) as crew:
            Search(
                study, configs, place, crew=crew, data_root=plan.data_root,
                time_left=lambda: end - task.budget.spent, tell=tell,
            ).run()  # fmt: skip
        top = best(study)
        params = top.params if top else None
        task.keep(winner=params and {"row": params["row"], "settings": setting(params)})
    trials = [
        {"trial": named(t.params), "state": t.state.name.lower(), "validation": t.value}
        for t in study.get_trials(deepcopy=False)
        if t.params
    ]
    return task.keep()["winner"], trials


def _check_time(task: Task, references: Json, rows: Sequence[str]) -> None:
    """Refuse a budget that leaves no time to try and to confirm anything."""
    confirming = FEWEST * seed_seconds(task, references, rows) + CLOSING
    trying = len(rows) * seed_seconds(task, references, ()) / 2
    if task.budget.left < confirming + trying:
        data, least = task.experiment.data, 1.2 * (task.budget.spent + confirming + trying)
        raise BalanceError(
            f"A budget of {spoken(task.budget.seconds)} is too short for {data}: diagnosing "
            f"took {spoken(task.budget.spent)} of it, and one search with {FEWEST} fresh seeds "
            f"takes about {spoken(confirming + trying)} more. Nothing is lost: write --resume "
            f"--budget {spoken(least)}, or begin anew with fewer --epochs."
        )
