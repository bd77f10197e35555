"""From a data set and a time budget to a trained model: diagnose, search, confirm, hand back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equimodal import data as sources
from equimodal.choosing.folder import CHOICE, STATE, check_new, claimed
from equimodal.choosing.outcome import picked
from equimodal.choosing.search import Search, best, named, open_study, setting
from equimodal.choosing.space import BASELINES, candidates
from equimodal.choosing.telling import Teller
from equimodal.choosing.time_budget import TimeBudget, seconds_of, spoken
from equimodal.compare.arguments import count_of, default_out
from equimodal.compare.comparison import compare
from equimodal.compare.engine import default_jobs, execute
from equimodal.compare.plan import make_plan
from equimodal.compare.progress import shown
from equimodal.compare.results import is_over
from equimodal.diagnostics.folder import diagnose_folder
from equimodal.diagnostics.training import ROWS
from equimodal.errors import BalanceError
from equimodal.train.storage import locked, make_folder, read_json, write_json

JOURNAL = "journal.log"
SEARCH_SEED = 0
_CONFIRMING = 0.4
"""Share of the budget that is kept for fresh seeds."""
_FEWEST, _CLOSING = 2, 12.0
"""Fewest fresh seeds; seconds to start processes and to write a page."""
_SLOWER = 1.3
"""How much longer than joint + unimodal a method may take."""

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
        jobs: runs at a time. None: one a processor, or one on an accelerator.
        resume: continue what is in that folder; the time that it took counts.
        progress: show how far it is, on the error stream.
        cache: folder of the decoded samples of a table.
        options: of `equimodal.compare`: ``epochs``, ``lr``, ``batch_size``, ``optimizer``,
            ``objective``, ``device``, ``settings`` of the data, ``encoders``, ``fusion``,
            ``schedule``.

    Returns:
        What choice.json holds, see docs/choose.md.

    Raises:
        BalanceError: the budget is too short, or as in `equimodal.compare`.
    """
    seconds = seconds_of(budget)
    folder = Path(out if out is not None else default_folder(data))
    check_new(folder, resume=resume)
    device = options.get("device") or "cpu"
    processes = count_of("number of jobs", jobs, default_jobs(device))
    ready = sources.ready(data, data_root, cache=cache, progress=progress)
    plan = make_plan(
        ready[0], data_root=ready[1], methods=["joint"], seeds=[SEARCH_SEED], **options
    )
    make_folder(folder)
    with locked(folder, patience=0.0):
        state = claimed(folder, plan.config)
        time = TimeBudget(seconds, spent=state["spent"])
        teller = Teller(shown=progress, budget=time)
        place = {"data_root": data_root, "cache": cache}
        task = Task(data, place, ready, options, folder, processes, time, teller, progress)
        if (folder / CHOICE).exists():
            return read_json(folder / CHOICE)
        return _chosen(task)


def _chosen(task: Task) -> Json:
    task.teller.stage("diagnosing: joint training, its baselines, every modality alone")
    references = task.compare("diagnosis", methods=list(ROWS), seeds=[SEARCH_SEED])
    task.keep()
    found = diagnose_folder(task.folder / "diagnosis", split="validation")
    for line in found["text"]:
        task.teller.line(line)
    rows = candidates(found["advice"])
    _check_time(task, references, rows)
    winner, trials = _searched(task, references, rows) if rows else (None, [])
    results = _confirmed(task, references, winner)
    choice = picked(
        task.folder, results, winner, trials, found,
        words=_command_words(task),
        budget={"seconds": task.budget.seconds, "spent": task.budget.spent},
    )  # fmt: skip
    write_json(task.folder / CHOICE, choice)
    return choice


def _searched(task: Task, references: Json, rows: Sequence[str]) -> tuple[Json | None, list[Json]]:
    """The best row with its setting on the seed of the search, and all trials."""
    task.teller.stage(f"searching {', '.join(rows)}, on validation samples of seed {SEARCH_SEED}")
    plan = make_plan(
        task.ready[0], data_root=task.ready[1], methods=rows, seeds=[SEARCH_SEED], **task.options
    )
    configs = {run.config.method: run.config for run in plan.runs}
    epochs = next(iter(configs.values())).epochs
    place = task.folder / "search"
    make_folder(place)
    study = open_study(place / JOURNAL, rows, seed=SEARCH_SEED, epochs=epochs)
    reserve = _FEWEST * _seed_seconds(task, references, rows) + _CLOSING
    end = task.budget.seconds - max(reserve, _CONFIRMING * task.budget.seconds)
    if "winner" not in task.keep():

        def tell(sentence: str) -> None:
            task.keep()
            task.teller.line(sentence)

        Search(
            study, configs, place, jobs=task.jobs, data_root=task.ready[1],
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


def _confirmed(task: Task, references: Json, winner: Json | None) -> Json:
    """The winner and the baselines on as many fresh seeds as the time allows."""
    rows = list(dict.fromkeys([*BASELINES, *([winner["row"]] if winner else [])]))
    settings = dict(task.options.get("settings") or {})
    for name, value in (winner["settings"] if winner else {}).items():
        settings[f"{rows[-1]}.{name}"] = value
    task.teller.stage(f"confirming {', '.join(rows)} on fresh seeds")
    each = _seed_seconds(task, references, rows[-1:])
    done = task.keep().get("seeds", 0)
    while more := _more_seeds(task, done, each, searched=bool(winner)):
        began = task.budget.spent
        _train_seeds(task, rows, settings, range(done, done + more))
        done += more
        each = (task.budget.spent - began) / more
        task.keep(seeds=done)
    seeds = [SEARCH_SEED + 1 + k for k in range(done)]
    return task.compare("confirmed", methods=rows, seeds=seeds, settings=settings)


def _more_seeds(task: Task, done: int, each: float, *, searched: bool) -> int:
    """How many fresh seeds to train next: half of what fits, so that a wrong estimate is seen."""
    if not searched or done < _FEWEST:
        return max(0, _FEWEST - done)
    fits = math.floor((task.budget.left - _CLOSING) / each)
    return max(0, min(fits, math.ceil(fits / 2)))


def _train_seeds(
    task: Task, rows: Sequence[str], settings: Mapping[str, Any], numbers: range
) -> None:
    """Train the runs of some fresh seeds, into the folder of the comparison that is to come."""
    plan = make_plan(
        task.ready[0], data_root=task.ready[1], methods=rows,
        seeds=[SEARCH_SEED + 1 + k for k in numbers], **{**task.options, "settings": settings},
    )  # fmt: skip
    folder = task.folder / "confirmed"
    runs = [run for run in plan.runs if not is_over(run, folder)]
    with shown(runs, progress=task.progress) as listener:
        execute(runs, folder, jobs=task.jobs, data_root=plan.data_root, listener=listener)


def _seed_seconds(task: Task, references: Json, rows: Sequence[str]) -> float:
    """Seconds that one fresh seed takes: the baselines, and one row like the slower of them."""
    seconds = {run["method"]: run["seconds"] or 0.0 for run in references["runs"]}
    known = [seconds[row] for row in BASELINES]
    own = [] if set(rows) <= set(BASELINES) else [_SLOWER * max(known)]
    return sum([*known, *own]) / task.jobs


def _check_time(task: Task, references: Json, rows: Sequence[str]) -> None:
    """Refuse a budget that leaves no time to try and to confirm anything."""
    confirming = _FEWEST * _seed_seconds(task, references, rows) + _CLOSING
    trying = len(rows) * _seed_seconds(task, references, ()) / 2
    if task.budget.left < confirming + trying:
        least = 1.2 * (task.budget.spent + confirming + trying)
        raise BalanceError(
            f"A budget of {spoken(task.budget.seconds)} is too short for {task.data}: diagnosing "
            f"took {spoken(task.budget.spent)} of it, and one search with {_FEWEST} fresh seeds "
            f"takes about {spoken(confirming + trying)} more. Nothing is lost: write --resume "
            f"--budget {spoken(least)}, or begin anew with fewer --epochs."
        )


def _command_words(task: Task) -> list[str]:
    """The options of the user's call, as `equimodal train` takes them."""
    words = ["--data", task.data]
    given = {**task.place, **task.options}
    for name in ("settings", "encoders"):
        option = "--set" if name == "settings" else "--encoder"
        pairs = (given.pop(name, None) or {}).items()
        words += [w for key, value in pairs for w in (option, f"{key}={value}")]
    for name, value in given.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def default_folder(data: str) -> Path:
    """Where everything lies where the user names no folder."""
    place = Path(default_out(data))
    return place.with_name(f"choose-{place.name}")
