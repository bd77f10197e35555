import pytest

from equimodal import methods
from equimodal.comparison.engines import worker
from equimodal.comparison.engines.local import LocalCrew
from equimodal.errors import BalanceError
from equimodal.experiments.choice import space
from equimodal.experiments.choice.search import Search, best, named, open_study, rungs, setting
from unit.training.tiny import config

ROWS = ("dus", "amss")


def configs():
    return {row: config(method=row, epochs=9) for row in ROWS}


def searched(folder, study, threads, jobs):
    Search(
        study, configs(), folder, crew=LocalCrew(1), data_root=None,
        time_left=lambda: jobs - threads.jobs, tell=lambda sentence: None,
    ).run()  # fmt: skip


@pytest.fixture
def study(tmp_path):
    return open_study(tmp_path / "journal.log", ROWS, seed=0, epochs=9)


@pytest.mark.parametrize(
    ("epochs", "judged"), [(1, []), (2, []), (3, [1]), (9, [1, 3]), (20, [2, 6]), (90, [10, 30])]
)
def test_rungs_are_a_ninth_and_a_third_of_the_epochs(epochs, judged):
    assert rungs(epochs) == judged


@pytest.mark.parametrize("row", [n for n in methods.names() if methods.entry(n).main])
def test_every_range_holds_the_methods_default_and_values_that_it_takes(row):
    main = space.main(row)
    assert main.low < space.default(row)[space.key(row)] < main.high
    for value in (main.low, main.high):
        methods.create(row, **{main.setting: value})


def test_the_methods_that_were_searched_before_are_searched_in_the_same_ranges():
    ranges = {n: space.main(n) for n in methods.names() if methods.entry(n).main}
    searched = {n: (m.setting, m.low, m.high) for n, m in ranges.items()}
    assert searched.items() >= {
        "amss": ("tau", 0.05, 2.0), "amss+": ("tau", 0.05, 2.0), "dus": ("gamma", 0.25, 4.0),
        "dus-rl": ("policy_lr", 0.001, 0.1), "relearn": ("lam", 0.5, 10.0),
    }.items()  # fmt: skip


def test_only_suggested_rows_with_a_setting_are_searched():
    advice = [{"method": m} for m in ("joint+unimodal", "amss", "", "dus", "ensemble")]
    assert space.candidates({"advice": advice, "verdict": {"sure": 0.97}}) == ["amss", "dus"]


def test_of_a_verdict_that_is_not_sure_no_method_is_ruled_out():
    found = {"advice": [{"method": "amss"}], "verdict": {"sure": 0.9}}
    assert space.candidates(found) == ["amss", "dus", "relearn"]
    assert space.candidates(found | {"verdict": {"sure": 0.96}, "advice": []}) == []


def test_every_row_is_tried_at_its_default_and_the_best_complete_trial_wins(
    threads, study, tmp_path
):
    searched(tmp_path, study, threads, jobs=12)
    assert [named(t.params) for t in study.trials[:2]] == ["dus gamma=1", "amss tau=0.2"]
    complete = [t for t in study.trials if t.state.name == "COMPLETE"]
    assert best(study).value == max(t.value for t in complete)
    # Judged after epochs 1 and 3; a trial that came through has both.
    assert set(complete[0].intermediate_values) == {1, 3}
    assert not [t for t in study.trials if t.state.name == "RUNNING"]


def test_a_trial_is_pruned_where_it_is_not_in_the_best_third(threads, study, tmp_path):
    searched(tmp_path, study, threads, jobs=20)
    pruned = [t for t in study.trials if t.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        rung = max(trial.intermediate_values)
        earlier = [
            t.intermediate_values[rung]
            for t in study.trials[: trial.number + 1]
            if rung in t.intermediate_values
        ]
        above = sum(value > trial.intermediate_values[rung] for value in earlier)
        assert above >= len(earlier) // 3


def test_a_search_that_was_cut_goes_on_with_what_it_knows(threads, study, tmp_path):
    searched(tmp_path, study, threads, jobs=4)
    known = [(t.params, t.value) for t in study.trials]
    study.ask()  # at work when the process was killed
    again = open_study(tmp_path / "journal.log", ROWS, seed=0, epochs=9)
    assert [(t.params, t.value) for t in again.trials][: len(known)] == known
    assert again.trials[-1].state.name == "FAIL"
    searched(tmp_path, again, threads, jobs=8)
    assert len(again.trials) > len(known)


def test_where_no_trial_came_to_its_end_the_one_that_came_furthest_is_the_best(
    threads, study, tmp_path
):
    searched(tmp_path, study, threads, jobs=2)
    assert {t.state.name for t in study.trials} <= {"FAIL", "WAITING"}
    assert setting(best(study).params) == {"gamma": 1.0}


def test_a_search_whose_every_trial_fails_says_why(threads, study, tmp_path, monkeypatch):
    failed = {"kind": "failed", "message": "Training diverged in epoch 0"}
    monkeypatch.setattr(worker, "carried_out", lambda job, tell: failed)
    with pytest.raises(BalanceError, match="Every trial fails, the last one: Training diverged"):
        searched(tmp_path, study, threads, jobs=100)


def test_a_worker_that_dies_fails_its_trial_and_is_replaced(threads, study, tmp_path, monkeypatch):
    ours = worker.carried_out

    def dies_once(job, tell):
        if job["run"] == 0:
            raise OSError("killed")
        return ours(job, tell)

    monkeypatch.setattr(worker, "carried_out", dies_once)
    searched(tmp_path, study, threads, jobs=8)
    assert study.trials[0].state.name == "FAIL"
    assert any(t.intermediate_values for t in study.trials[1:])
