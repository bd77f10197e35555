"""Reads items in parallel processes; one that dies or hangs costs the one item that it was at."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from math import inf

from equimodal.data.table.items.work import Entry, Outcome, Task, as_dict
from equimodal.errors import DataError
from equimodal.workers.process import PipedProcess, ready

CHUNK = 32
PATIENCE = 120.0
"""Seconds that the items of one chunk may take together, and a single item alone."""

TARGET = "equimodal.data.table.items.worker:main"
_START_SECONDS = 120.0

Answer = tuple[list[Outcome], bytes]


def answers(
    task: Task, entries: Sequence[Entry], *, jobs: int, patience: float = PATIENCE,
    ahead: int | None = None,
) -> Iterator[Answer]:  # fmt: skip
    """The outcomes of all items with the bytes of their arrays, in chunks, in any order.

    Args:
        task: what is done with each item.
        entries: the items.
        jobs: processes.
        patience: seconds after which a chunk's process is ended.
        ahead: how far, in samples, an item may lie behind the first that is still at work: who
            needs them in their order keeps no more than these. None: any distance.

    Raises:
        DataError: no process can be started.
    """
    chunks = deque(list(entries[at : at + CHUNK]) for at in range(0, len(entries), CHUNK))
    pool = _Pool(task, chunks, patience, inf if ahead is None else ahead)
    try:
        for _ in range(min(jobs, len(chunks))):
            pool.hire()
        while pool.workers:
            yield from pool.turn()
    finally:
        for worker in pool.workers:
            worker.end()


class _Worker(PipedProcess):
    """A running `equimodal.data.table.items.worker` and the chunk that it is at."""

    def __init__(self, task: Task) -> None:
        super().__init__(TARGET)
        self.chunk: list[Entry] = []
        self.deadline = time.monotonic() + _START_SECONDS
        self.send(as_dict(task))

    def receive(self) -> Answer | None:
        """The answer, or None where the process has ended."""
        outcomes, arrays = self.received(), self.received()
        return None if outcomes is None or arrays is None else (json.loads(outcomes), arrays)


class _Pool:
    """The chunks that wait and the workers."""

    def __init__(
        self, task: Task, chunks: deque[list[Entry]], patience: float, ahead: float
    ) -> None:
        self.task, self.waiting, self.patience, self.ahead = task, chunks, patience, ahead
        self.workers: list[_Worker] = []

    def hire(self) -> None:
        """Start a worker; it asks for its first chunk when it is ready."""
        self.workers.append(_Worker(self.task))

    def turn(self) -> Iterator[Answer]:
        """Wait for an answer, an end or a deadline, and say what came of it."""
        for worker in [w for w in self.workers if w.deadline == inf]:
            self._assign(worker)
        if not self.workers:
            return
        due = min(worker.deadline for worker in self.workers)
        for worker in ready(self.workers, max(0.0, due - time.monotonic())):
            answer = worker.receive()
            if answer is None:
                yield from self._lost(worker, "its reader died")
                continue
            yield answer
            self._assign(worker)
        # One that has answered while nobody asked is not late.
        late = [w for w in self.workers if w.deadline <= time.monotonic()]
        for worker in [w for w in late if not ready([w], 0.0)]:
            yield from self._lost(worker, f"it took longer than {self.patience:g} s")

    def _assign(self, worker: _Worker) -> None:
        """Give the worker the next chunk, or let it go."""
        if not self.waiting:
            self.workers.remove(worker)
            worker.end()
            return
        worker.chunk = []
        if self._too_far():
            worker.deadline = inf
            return
        worker.chunk = self.waiting.popleft()
        worker.deadline = time.monotonic() + self.patience
        worker.send(worker.chunk)

    def _too_far(self) -> bool:
        """Whether the next chunk has to wait for one that is at work."""
        at_work = [worker.chunk[0][0] for worker in self.workers if worker.chunk]
        return bool(at_work) and self.waiting[0][0][0] - min(at_work) > self.ahead

    def _lost(self, worker: _Worker, reason: str) -> Iterator[Answer]:
        """The items of a lost worker: each is tried alone, a single one is the culprit."""
        self.workers.remove(worker)
        code = worker.end()
        if not worker.chunk:
            raise DataError(f"A process that reads files cannot start: {reason} (code {code}).")
        if len(worker.chunk) > 1:
            self.waiting.extendleft([entry] for entry in reversed(worker.chunk))
        else:
            problem = ["unreadable", f"cannot be read: {reason}"]
            yield [{"i": i, "problem": problem, "array": False} for i, _ in worker.chunk], b""
        if self.waiting:
            self.hire()
