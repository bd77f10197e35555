"""One training process as its parent sees it."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Mapping
from typing import Any

from equimodal.workers.process import PipedProcess

Message = dict[str, Any]

TARGET = "equimodal.comparison.engines.worker:main"
_GRACE = 5.0


class WorkerProcess(PipedProcess):
    """A running `equimodal.comparison.engines.worker`, the run that it is at, and what it wrote.

    Args:
        index: number of the worker, for whoever listens.
        card: the only card that it sees, as CUDA_VISIBLE_DEVICES takes it; None for what this
            process sees.
    """

    def __init__(self, index: int, card: str | None = None) -> None:
        self.index, self.card = index, card
        self.run: int | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the process)
        super().__init__(TARGET, self._log, {} if card is None else {"CUDA_VISIBLE_DEVICES": card})

    def assign(self, run: int, job: Mapping[str, Any]) -> None:
        """Give the worker a run."""
        self.run = run
        self.send({"run": run, **job})

    def receive(self) -> Message | None:
        """The next message, or None where the worker has ended."""
        content = self.received()
        return None if content is None else json.loads(content)

    def close(self) -> None:
        """Close the pipe and wait until the worker has ended."""
        self.end(_GRACE)
        self._log.close()

    def ending(self) -> str:
        """How the worker ended, with the last line that it wrote."""
        code = self.exit_code()
        cause = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return cause + (f"; it wrote: {lines[-1]}" if lines else "")
