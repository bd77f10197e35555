"""A Python process of ours at the other end of a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import IO, Any, TypeVar

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def processors() -> int:
    """How many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def one_thread(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process whose numbers depend on no machine's cores or kernels."""
    steady = dict(environment) | dict.fromkeys(THREADS, "1")
    steady.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return steady


def at_most(memory: int) -> None:
    """Give this process no more than so many bytes for its data, where the system can say that."""
    import resource

    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


class PipedProcess:
    """A running function of ours and the pipe to it.

    The process ends by itself when this end of the pipe closes, also where this process is killed.

    Args:
        target: ``module:function``; it is called with the file descriptor of its end of the pipe.
        output: where its output goes; None for nowhere.
        environment: variables of its own, beside those of this process.
    """

    def __init__(
        self,
        target: str,
        output: IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.connection, theirs = Pipe()
        module, _, function = target.partition(":")
        written: IO[bytes] | int = subprocess.DEVNULL if output is None else output
        # -P: a file random.py in the user's folder must not stand in for Python's own module.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c",
             f"from {module} import {function}; {function}({theirs.fileno()})"],
            pass_fds=(theirs.fileno(),),
            env=one_thread(os.environ)
            | {"PYTHONPATH": os.pathsep.join(sys.path)}
            | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )  # fmt: skip
        theirs.close()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: Any) -> None:
        """Send plain data as JSON; a process that is dead is noticed when it should answer."""
        with suppress(OSError):
            self.connection.send_bytes(json.dumps(message).encode())

    def received(self) -> bytes | None:
        """The next message, or None where the process has ended."""
        try:
            return self.connection.recv_bytes()
        except (EOFError, OSError):
            return None

    def end(self, grace: float = 0.0) -> int:
        """Close the pipe, wait so many seconds, then kill the process; returns its exit code."""
        self.connection.close()
        if grace:
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(grace)
        self._process.kill()
        return self._process.wait()

    def exit_code(self) -> int:
        """The exit code of a process that has ended, or is about to; below 0 for a signal."""
        return self._process.wait()


Worker = TypeVar("Worker", bound=PipedProcess)


def ready(workers: Iterable[Worker], timeout: float | None = None) -> list[Worker]:
    """The processes that have said something or ended, waited for so many seconds at most."""
    by_connection: dict[Any, Worker] = {worker.connection: worker for worker in workers}
    return [by_connection[connection] for connection in wait(list(by_connection), timeout)]
