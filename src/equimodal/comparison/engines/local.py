"""Worker processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from equimodal.comparison.engines.cards import Cards
from equimodal.comparison.engines.crew import ENDINGS, Message
from equimodal.comparison.engines.worker_process import WorkerProcess
from equimodal.errors import BalanceError
from equimodal.workers.process import ready


class LocalCrew:
    """As many worker processes as there are places, each on a card where there are several.

    A worker that dies fails the run it was at, and another takes its place.

    Args:
        jobs: how many runs at a time.
        cards: names of the cards, as CUDA_VISIBLE_DEVICES takes them; a worker sees its own alone.
            Without any, workers see what this process sees.
    """

    def __init__(self, jobs: int, cards: Sequence[str] = ()) -> None:
        self._cards = Cards(cards)
        self._places = set(range(jobs))
        self._workers: list[WorkerProcess] = []
        self._idle: list[WorkerProcess] = []
        self._jobs: dict[int, Mapping[str, Any]] = {}
        self._again: list[int] = []
        self._fill()

    @property
    def free(self) -> int:
        """How many workers wait for a run."""
        return len(self._idle)

    def begin(self, run: int, job: Mapping[str, Any]) -> None:
        """Give a run to a worker that waits."""
        self._jobs[run] = job
        self._idle.pop(0).assign(run, job)

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """What the workers said.

        Raises:
            BalanceError: no worker can be started.
        """
        for worker in ready(self._workers, timeout):
            if worker not in self._workers:
                continue  # let go while others were heard
            message = worker.receive()
            if message is None:
                yield from self._bury(worker)
            elif message["kind"] == "ready":
                self._freed(worker)
            elif message["kind"] in ENDINGS:
                yield from self._ended(worker, {**message, "worker": worker.index})
            else:
                yield {**message, "worker": worker.index}

    def close(self) -> None:
        """End all workers."""
        while self._workers:
            self._dismiss(self._workers[0])

    def _fill(self) -> None:
        """Hire for every place that has no worker and whose card may be used."""
        for index in sorted(self._places - {worker.index for worker in self._workers}):
            if self._cards.usable(card := self._cards.of(index)):
                self._workers.append(WorkerProcess(index, card))

    def _dismiss(self, worker: WorkerProcess) -> None:
        self._workers.remove(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.close()

    def _freed(self, worker: WorkerProcess) -> None:
        """Let a worker go on with a run that lost its card, wait, or go where its card is gone."""
        if not self._cards.usable(worker.card):
            self._dismiss(worker)
        elif self._again:
            run = self._again.pop(0)
            worker.assign(run, self._jobs[run])
        else:
            self._idle.append(worker)

    def _ended(self, worker: WorkerProcess, message: Message) -> Iterator[Message]:
        worker.run = None
        if not message.pop("card_lost", False):
            self._freed(worker)
            yield message
            return
        self._dismiss(worker)  # a process that lost its card does not get it back
        if self._cards.lost(worker.card, message["run"]):
            said = f"card {worker.card} failed ({message['message']}); another goes on with the run"
            message = {**message, "kind": "warning", "message": said}
            self._again.append(message["run"])
        yield message
        idle, self._idle = self._idle, []
        for waiting in idle:
            self._freed(waiting)
        self._fill()

    def _bury(self, worker: WorkerProcess) -> Iterator[Message]:
        """Fail the run of a dead worker, and hire another; not for one that never began."""
        ending, run = worker.ending(), worker.run
        if run is None and worker not in self._idle:
            self._places.discard(worker.index)
        self._dismiss(worker)
        self._fill()
        if not self._workers:
            raise BalanceError(f"The training processes cannot start: {ending}.")
        if run is not None:
            message = f"the process that trained it died ({ending})"
            yield {"kind": "failed", "run": run, "message": message, "worker": worker.index}
