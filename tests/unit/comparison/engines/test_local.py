"""Runs shared out to a local crew, with threads in the place of its worker processes."""

import json
import threading
from multiprocessing import Pipe
from pathlib import Path

import pytest

from equimodal.comparison.engines import local
from equimodal.comparison.engines.cards import visible_cards
from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.engines.worker_process import WorkerProcess
from equimodal.comparison.execution import Execution
from equimodal.comparison.progress import Silence
from equimodal.errors import BalanceError
from unit.comparison.conftest import plan_of


@pytest.fixture
def runs(tiny_plans):
    return plan_of("tiny", methods=["joint", "amss", "dus"], seeds=2).runs


class Recorder(Silence):
    def __init__(self):
        self.runs, self.heards = {}, []

    def started(self, worker, run):
        self.runs.setdefault(worker, []).append(run)

    def heard(self, worker, message):
        self.heards.append((message["kind"], message["run"]))


class Thread:
    """Answers every run at once with what `answer` says; "die" closes the pipe instead."""

    made: list["Thread"]
    buried: threading.Semaphore
    answer: staticmethod

    def __init__(self, index, card=None):
        self.index, self.card, self.run, self.jobs = index, card, None, []
        self.connection, self._theirs = Pipe()
        self.made.append(self)
        threading.Thread(target=self._live, daemon=True).start()

    def assign(self, run, job):
        self.run = run
        self.connection.send_bytes(json.dumps({"run": run, **job}).encode())

    def receive(self):
        try:
            return json.loads(self.connection.recv_bytes())
        except EOFError:
            return None

    def close(self):
        self.connection.close()

    def ending(self):
        self.buried.release()
        return "signal SIGKILL"

    def _live(self):
        if self.answer(None) == "die":
            return self._theirs.close()
        try:
            self._say({"kind": "ready"})
            while True:
                job = json.loads(self._theirs.recv_bytes())
                self.jobs.append(job)
                self._say({"run": job["run"], "kind": "started"})
                answer = self.reply(job["run"])
                if answer == "die":
                    return self._theirs.close()
                self._say({"run": job["run"], **answer})
        except (EOFError, OSError):
            self._theirs.close()

    def reply(self, run):
        return self.answer(run)

    def _say(self, message):
        self._theirs.send_bytes(json.dumps(message).encode())


@pytest.fixture
def buried():
    """Counts the dead workers whose end the engine has noticed."""
    return threading.Semaphore(0)


def trained(runs, listener, *, jobs=None, device="cpu"):
    place = Workplace(Execution(jobs=jobs, progress=False), device, "tiny")
    return place.trained(runs, Path("out"), "d", heard_by=lambda _: listener)


@pytest.fixture
def execute(monkeypatch, runs, buried):
    """Train six runs with given answers; gives failures, listener and workers."""

    def run(answer, *, jobs=2):
        members = {"made": [], "buried": buried, "answer": staticmethod(answer)}
        crew = type("Crew", (Thread,), members)
        monkeypatch.setattr(local, "WorkerProcess", crew)
        listener = Recorder()
        return trained(runs, listener, jobs=jobs), listener, crew.made

    return run


DONE = {"kind": "finished", "status": "finished"}


@pytest.mark.parametrize("jobs", [1, 2, 4, 50])
def test_every_run_is_trained_once_by_at_most_that_many_workers(execute, jobs):
    failures, listener, made = execute(lambda run: DONE, jobs=jobs)
    assert failures == {}
    assert sorted(run for mine in listener.runs.values() for run in mine) == list(range(6))
    assert len(made) == min(jobs, 6)


def test_a_worker_gets_all_that_a_run_needs(execute, runs):
    _, _, (only,) = execute(lambda run: DONE, jobs=1)
    assert [job["run"] for job in only.jobs] == list(range(6))
    first = only.jobs[0]
    assert first["config"] == runs[0].config.as_dict()
    assert (first["folder"], first["data_root"]) == ("out/runs/joint/seed-0", "d")


def test_a_failed_run_is_reported_and_the_others_go_on(execute):
    failures, listener, made = execute(
        lambda run: {"kind": "failed", "message": "why"} if run == 1 else DONE
    )
    assert failures == {1: "why"}
    assert listener.heards.count(("failed", 1)) == 1
    assert len([kind for kind, _ in listener.heards if kind == "finished"]) == 5
    assert len(made) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_dead_worker_fails_its_run_alone_and_is_replaced(execute, buried, jobs):
    def answer(run):
        # The runs after a deadly one wait for its death, so that some are left for a new worker.
        if run in (1, 4):
            assert buried.acquire(timeout=10)
        return "die" if run in (0, 3) else DONE

    failures, listener, made = execute(answer, jobs=jobs)
    assert failures == dict.fromkeys((0, 3), "the process that trained it died (signal SIGKILL)")
    assert ("failed", 0) in listener.heards
    assert len(made) == jobs + 2
    assert {worker.index for worker in made} == set(range(jobs))


@pytest.mark.parametrize("jobs", [1, 2, 4, 50])
@pytest.mark.parametrize("ending", ["finished", "failed", "die"])
def test_a_run_begins_when_those_that_it_learns_from_are_over(
    monkeypatch, tiny_plans, buried, jobs, ending
):
    rows = ["g2d", "joint", "umt"]
    planned = plan_of("tiny", methods=rows, seeds=2).runs[::-1]  # in the order that is worst
    teachers = [k for k, run in enumerate(planned) if run.config.alone == "b"]

    def answer(run):
        if run in teachers:
            return {"kind": "failed", "message": "why"} if ending == "failed" else (
                "die" if ending == "die" else DONE
            )  # fmt: skip
        return DONE

    members = {"made": [], "buried": buried, "answer": staticmethod(answer)}
    monkeypatch.setattr(local, "WorkerProcess", type("Crew", (Thread,), members))
    listener = Ordered()
    failures = trained(planned, listener, jobs=jobs)

    assert sorted(listener.began) == list(range(len(planned)))
    assert failures.keys() == (set() if ending == "finished" else set(teachers))
    places = {run.folder: k for k, run in enumerate(planned)}
    dependent = [k for k, run in enumerate(planned) if run.learns_from]
    assert len(dependent) == 4
    for k in dependent:
        assert {places[p] for p in planned[k].learns_from} <= listener.over_before[k]


class Ordered(Silence):
    """What was over when each run began."""

    def __init__(self):
        self.began, self.over, self.over_before = [], set(), {}

    def started(self, worker, run):
        self.began.append(run)
        self.over_before[run] = set(self.over)

    def heard(self, worker, message):
        if message["kind"] in ("finished", "failed"):
            self.over.add(message["run"])


def test_workers_that_cannot_start_are_an_error(execute):
    with pytest.raises(BalanceError, match=r"cannot start: signal SIGKILL"):
        execute(lambda run: "die")


def places(device):
    return Workplace(Execution(), device, "tiny").places()


def test_the_default_is_a_process_for_each_processor_and_one_for_an_accelerator(cards):
    assert places("cpu") >= 1
    assert places("cuda:0") == 1
    assert places("cuda:all") == 3


CARDS = ["3", "5", "GPU-7"]


@pytest.fixture
def cards(monkeypatch):
    """Three cards of the seven that a machine has."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", " 3,5,GPU-7")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)


@pytest.fixture
def on_cards(monkeypatch, runs, buried, cards):
    """Train six runs on three cards with answers by run and card; the same as `execute`."""

    def run(answer, *, jobs=None):
        members = {
            "made": [], "buried": buried, "answer": staticmethod(lambda run: None),
            "reply": lambda self, run: answer(run, self.card),
        }  # fmt: skip
        crew = type("Crew", (Thread,), members)
        monkeypatch.setattr(local, "WorkerProcess", crew)
        listener = Recorder()
        return trained(runs, listener, jobs=jobs, device="cuda:all"), listener, crew.made

    return run


def test_without_a_choice_of_the_user_all_cards_are_visible(monkeypatch, cards):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_cards() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("jobs", "expected"), [(None, CARDS), (2, CARDS[:2]), (5, [*CARDS, *CARDS[:2]])]
)
def test_each_worker_has_a_card_of_its_own_and_more_than_there_are_share_them(
    on_cards, jobs, expected
):
    failures, _, made = on_cards(lambda run, card: DONE, jobs=jobs)
    assert failures == {}
    assert [worker.card for worker in made] == expected


LOST = {"kind": "failed", "message": "CUDA error", "card_lost": True}


@pytest.mark.parametrize("jobs", [None, 6])
def test_a_broken_card_is_set_aside_and_another_goes_on_with_its_run(on_cards, jobs):
    failures, listener, made = on_cards(lambda run, card: LOST if card == "5" else DONE, jobs=jobs)
    assert failures == {}
    tried = [job["run"] for worker in made if worker.card == "5" for job in worker.jobs]
    assert 1 <= len(tried) <= (jobs or 3) // 3  # what was begun before it was known
    assert sorted(run for kind, run in listener.heards if kind == "warning") == sorted(tried)
    assert sorted(run for kind, run in listener.heards if kind == "finished") == list(range(6))


def test_a_run_that_fails_on_two_cards_is_at_fault_and_both_cards_come_back(on_cards):
    failures, listener, made = on_cards(lambda run, card: LOST if run == 0 else DONE)
    assert failures == {0: "CUDA error"}
    assert sorted(run for kind, run in listener.heards if kind == "finished") == [1, 2, 3, 4, 5]
    at_fault = [
        worker.card for worker in made if {"run": 0} in [{"run": j["run"]} for j in worker.jobs]
    ]
    assert len(set(at_fault)) == len(at_fault) == 2
    assert [w.card for w in made].count(at_fault[0]) == 2


def test_where_every_card_is_broken_all_runs_fail_and_it_ends(on_cards):
    failures, _, _ = on_cards(lambda run, card: LOST)
    assert failures == dict.fromkeys(range(6), "CUDA error")


def test_a_process_that_lost_its_only_card_is_replaced(monkeypatch, runs, buried):
    """Its state is beyond repair, while the card may be well."""
    answers = {0: LOST}
    members = {
        "made": [], "buried": buried, "answer": staticmethod(lambda run: answers.get(run, DONE)),
    }  # fmt: skip
    crew = type("Crew", (Thread,), members)
    monkeypatch.setattr(local, "WorkerProcess", crew)
    assert trained(runs, Recorder(), jobs=1) == {0: "CUDA error"}
    assert [[job["run"] for job in worker.jobs] for worker in crew.made] == [[0], [1, 2, 3, 4, 5]]


def test_each_worker_process_sees_its_card_alone(monkeypatch):
    monkeypatch.setattr(
        "equimodal.comparison.engines.worker_process.TARGET", "unit.comparison.engines.sees:main"
    )
    worker = WorkerProcess(0, "GPU-7")
    assert worker.receive() == {"sees": "GPU-7"}
    worker.close()
