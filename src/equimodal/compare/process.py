"""One worker process as its parent sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from equimodal.train.launch import one_thread

Message = dict[str, Any]

_START = "from equimodal.compare.worker import main; main({})"
_GRACE = 5.0


class WorkerProcess:
    """A running `equimodal.compare.worker` and the pipe to it.

    The worker ends by itself when this end of the pipe closes, also where this process is killed.

    Args:
        index: number of the worker, for whoever listens.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.run: int | None = None
        self.connection, theirs = Pipe()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the process)
        # -P: a file random.py in the user's folder must not stand in for Python's own module.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START.format(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        theirs.close()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, run: int, job: Mapping[str, Any]) -> None:
        """Give the worker a run; one that is already dead is noticed by `receive`."""
        self.run = run
        with suppress(OSError):
            self.connection.send_bytes(json.dumps({"run": run, **job}).encode())

    def receive(self) -> Message | None:
        """The next message, or None where the worker has ended."""
        try:
            message: Message = json.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            return None
        return message

    def close(self) -> None:
        """Close the pipe and wait until the worker has ended."""
        self.connection.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def ending(self) -> str:
        """How the worker ended, with the last line that it wrote."""
        code = self._process.wait()
        cause = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return cause + (f"; it wrote: {lines[-1]}" if lines else "")


def _environment() -> dict[str, str]:
    """This process's, with its import path, one thread and repeatable kernels on accelerators."""
    return one_thread(os.environ) | {"PYTHONPATH": os.pathsep.join(sys.path)}
