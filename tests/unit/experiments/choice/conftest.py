"""A search whose workers are threads of this process, and whose clock counts their work."""

import json
import threading
from multiprocessing import Pipe

import pytest

from equimodal.comparison.engines import local, worker
from equimodal.experiments.choice import time_budget
from unit.training.tiny import tiny, tiny_source

__all__ = ["tiny"]


class ThreadWorker:
    """What `WorkerProcess` is, in a thread; ``jobs`` counts the work of all of them."""

    jobs = 0

    def __init__(self, index, card=None):
        self.index, self.card, self.run = index, card, None
        self.connection, self._theirs = Pipe()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        try:
            send(self._theirs, {"kind": "ready"})
            while True:
                job = json.loads(self._theirs.recv_bytes())
                ThreadWorker.jobs += 1
                worker._serve(self._theirs, job)
        except (EOFError, OSError):
            self._theirs.close()

    def assign(self, run, job):
        self.run = run
        self.connection.send_bytes(json.dumps({"run": run, **job}).encode())

    def receive(self):
        try:
            return json.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            return None

    def close(self):
        # As a process would, it ends at its next message.
        self.connection.close()
        self._thread.join()

    def ending(self):
        return "exit code 1"


def send(connection, message):
    """To a search that has ended, an error: a process would end itself, and so the tests."""
    connection.send_bytes(json.dumps(message).encode())


def write_page(folder):
    (folder / "report.html").write_text("")


@pytest.fixture
def threads(tiny, monkeypatch):
    """Searches on the tiny data in this process; a job takes ten seconds of the budget."""
    monkeypatch.setattr(ThreadWorker, "jobs", 0)
    monkeypatch.setattr(worker, "_send", send)
    monkeypatch.setattr(local, "WorkerProcess", ThreadWorker)
    monkeypatch.setattr("equimodal.data.load", tiny_source)
    # A page is none of a choice's business but that it is there.
    monkeypatch.setattr("equimodal.report.kept.keeping.keep", lambda *_: None)
    monkeypatch.setattr("equimodal.report.page.page.write_page", write_page)
    begun = {}

    def spent(budget):
        return 10.0 * ThreadWorker.jobs - begun.setdefault(id(budget), 10.0 * ThreadWorker.jobs)

    monkeypatch.setattr(time_budget.TimeBudget, "spent", property(spent))
    return ThreadWorker
