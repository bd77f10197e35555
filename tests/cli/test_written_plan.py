"""The runs of a comparison as a list: written, trained one by one, gathered."""

import json

import pytest

from equimodal.cli.main import main

TABLE = ["split,label,words,numbers"] + [
    f"{('train', 'train', 'train', 'train', 'validation', 'test')[k % 6]},{'ab'[k // 6 % 2]},"
    f"word{k % 7} bird {k},{k} {k % 3}.5"
    for k in range(48)
]
COMPARE = (
    "compare --data my.csv --methods umt,joint --seeds 1 --epochs 2 --cache cache --out results"
)
TIMES = ("seconds", "step_seconds", "step_time_ratio", "samples_per_second", "waiting_share")


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def table(folder):
    (folder / "my.csv").write_text("\n".join(TABLE) + "\n")
    return folder


def plan_of(table):
    assert main([*COMPARE.split(), "--write-plan", "plan.json"]) == 0
    return json.loads((table / "plan.json").read_text())


def test_what_is_trained_one_by_one_is_the_comparison(table, without_workers, monkeypatch, capsys):
    runs = plan_of(table)["runs"]
    assert capsys.readouterr().out.splitlines() == [
        f"plan:    plan.json, {len(runs)} runs",
        f"each:    equimodal train --from-plan plan.json --index N, 0 to {len(runs) - 1}",
        "gather:  equimodal compare --data my.csv --methods umt,joint --seeds 1 --epochs 2 "
        "--cache cache --out results --resume",
    ]
    assert not (table / "results").exists()
    elsewhere = table / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    # The one that learns from others comes first and trains them; to repeat a task does nothing.
    learner = next(k for k, run in enumerate(runs) if run["config"]["method"] == "umt")
    for index in (learner, *range(len(runs)), learner):
        assert main(["train", "--from-plan", "../plan.json", "--index", str(index)]) == 0
    said = capsys.readouterr()
    assert "umt learns from alone:words, alone:numbers, trained first" in said.err
    assert f"run: {table}/results/runs/umt/seed-0" in said.out

    monkeypatch.chdir(table)
    monkeypatch.setattr("equimodal.comparison.engines.crews.LocalCrew", None)  # nothing is left
    assert main([*COMPARE.split(), "--resume"]) == 0
    gathered = json.loads((table / "results" / "results.json").read_text())
    monkeypatch.undo()
    monkeypatch.chdir(table)
    monkeypatch.setattr("equimodal.comparison.engines.crews.LocalCrew", _here)
    assert main([*COMPARE.replace("results", "whole").split()]) == 0
    whole = json.loads((table / "whole" / "results.json").read_text())
    assert without_times(gathered) == without_times(whole)


def _here(*_):
    from equimodal.comparison.engines.here import HereCrew

    return HereCrew()


def test_a_task_waits_for_the_one_that_trains_what_it_learns_from(table, monkeypatch, capsys):
    from equimodal.storage import locks

    plan = plan_of(table)
    taken = locks.FileLock(table / "results/runs/joint/seed-0/.lock")
    (table / "results/runs/joint/seed-0").mkdir(parents=True)
    taken.acquire()
    real = locks.FileLock.acquire

    def acquire(lock, *given, **options):
        if options.get("timeout") == float("inf"):
            taken.release()
        return real(lock, *given, **options)

    monkeypatch.setattr(locks.FileLock, "acquire", acquire)
    index = next(k for k, run in enumerate(plan["runs"]) if run["config"]["method"] == "joint")
    assert main(f"train --from-plan plan.json --index {index}".split()) == 0
    assert "another process trains joint, seed 0, lr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train", ["train takes --method NAME, or --from-plan FILE"]),
        ("train --from-plan plan.json", ["by both, --from-plan FILE and --index N"]),
        ("train --index 1", ["by both, --from-plan FILE and --index N"]),
        ("train --from-plan plan.json --index 4", ["runs 0 to 3; found 4"]),
        ("train --from-plan plan.json --index=-1", ["runs 0 to 3; found -1"]),
        ("train --from-plan other.json --index 0", ["no plan 'other.json'", "--write-plan"]),
        ("train --from-plan my.csv --index 0", ["my.csv", "damaged", "--write-plan"]),
        ("train --from-plan old.json --index 0", ["'old.json' is no plan of this version"]),
        ("train --from-plan cut.json --index 0", ["edited or damaged", "--write-plan"]),
        ("train --from-plan plan.json --index 0 --epochs 3", ["--epochs is part of the plan"]),
        (f"{COMPARE} --write-plan plan.json", ["'plan.json' is there already"]),
        (f"{COMPARE} --write-plan p.json --jobs 2", ["--engine and --jobs say who trains"]),
        (f"{COMPARE} --write-plan p.json --device tpu", ["no device 'tpu'"]),
        ("train --method joint --device cuda:all", ["One card is wanted, found cuda:all"]),
    ],
)
def test_what_is_no_plan_or_no_run_of_it_is_refused(table, refused, line, words):
    plan = plan_of(table)
    (table / "old.json").write_text(json.dumps({**plan, "schema": "equimodal.plan/0"}))
    (table / "cut.json").write_text(json.dumps({**plan, "runs": [{"folder": "runs/joint"}]}))
    refused(line, *words)
