"""The engine with threads in the place of its worker processes."""

import json
import threading
from multiprocessing import Pipe
from pathlib import Path

import pytest

from equimodal.comparison import engine
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

    def __init__(self, index):
        self.index, self.run, self.jobs = index, None, []
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
        self._say({"kind": "ready"})
        try:
            while True:
                job = json.loads(self._theirs.recv_bytes())
                self.jobs.append(job)
                answer = self.answer(job["run"])
                if answer == "die":
                    return self._theirs.close()
                self._say({"run": job["run"], **answer})
        except (EOFError, OSError):
            self._theirs.close()

    def _say(self, message):
        self._theirs.send_bytes(json.dumps(message).encode())


@pytest.fixture
def buried():
    """Counts the dead workers whose end the engine has noticed."""
    return threading.Semaphore(0)


@pytest.fixture
def execute(monkeypatch, runs, buried):
    """Run the engine over six runs with given answers; gives failures, listener and workers."""

    def run(answer, *, jobs=2):
        members = {"made": [], "buried": buried, "answer": staticmethod(answer)}
        crew = type("Crew", (Thread,), members)
        monkeypatch.setattr(engine, "WorkerProcess", crew)
        listener = Recorder()
        failures = engine.execute(runs, Path("out"), jobs=jobs, listener=listener, data_root="d")
        return failures, listener, crew.made

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
    monkeypatch.setattr(engine, "WorkerProcess", type("Crew", (Thread,), members))
    listener = Ordered()
    failures = engine.execute(planned, Path("out"), jobs=jobs, listener=listener)

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


def test_the_default_is_a_process_for_each_processor_and_one_for_an_accelerator():
    assert engine.default_jobs("cpu") >= 1
    assert engine.default_jobs("cuda:0") == 1
