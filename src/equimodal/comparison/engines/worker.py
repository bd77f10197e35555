"""The process that trains runs: takes them from a pipe, one after another, until it closes.

Messages are JSON. In: ``{"run": n, "config": {...}, "folder": ..., "data_root": ...}``, and
``"until": n`` where the run is to pause after so many epochs.
Out: ``{"kind": "ready"}``, then for each run ``{"kind": "started", "run"}``,
``{"kind": "epoch", "run", "epoch", "accuracy"}`` after every epoch,
``{"kind": "warning", "run", "message"}``, and at its end one of
``{"kind": "finished", "run", "status"}``, ``{"kind": "paused", "run"}`` and
``{"kind": "failed", "run", "message"}``, with ``"card_lost": true`` for an error of its card.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from equimodal.errors import BalanceError, bounded, printable
from equimodal.storage.files import write_text
from equimodal.training.launch import import_fabric

if TYPE_CHECKING:
    from equimodal.training.config import RunConfig

Message = dict[str, Any]

ERROR = "error.txt"


def main(descriptor: int) -> None:
    """Serve the pipe with this file descriptor; ends the process when the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    jobs: SimpleQueue[Message] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, jobs), daemon=True).start()
    prepare()
    _send(connection, {"kind": "ready"})
    while True:
        _serve(connection, jobs.get())


def _listen(connection: Connection, jobs: SimpleQueue[Message]) -> None:
    """Pass on jobs. Without the parent nobody reads results, so the process ends at once."""
    try:
        while True:
            jobs.put(json.loads(connection.recv_bytes()))
    except (EOFError, OSError):
        os._exit(0)


@cache
def prepare() -> None:
    """What every run needs, before the first is there; once in a process."""
    import torch

    steady()
    torch.set_num_interop_threads(1)
    import_fabric()
    import equimodal.training.loop  # noqa: F401


def steady() -> None:
    """One thread whatever the machine, so that numbers do not depend on it."""
    import torch

    torch.set_num_threads(1)
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)


def _serve(connection: Connection, job: Mapping[str, Any]) -> None:
    def tell(message: Message) -> None:
        _send(connection, {**message, "run": job["run"]})

    tell(carried_out(job, tell))


def carried_out(job: Mapping[str, Any], tell: Callable[[Message], None]) -> Message:
    """Train what a job asks for and tell of it; how that ended. All messages are without "run"."""
    from equimodal.training.config import RunConfig

    def notify(epoch: int, accuracy: float) -> None:
        tell({"kind": "epoch", "epoch": epoch, "accuracy": accuracy})

    tell({"kind": "started"})
    config, folder = RunConfig(**job["config"]), Path(job["folder"])
    with warnings_told(lambda text: tell({"kind": "warning", "message": text})):
        return outcome(config, folder, job["data_root"], notify, until=job.get("until"))


def outcome(
    config: RunConfig,
    folder: Path,
    data_root: str | None,
    notify: Callable[[int, float], None],
    *,
    until: int | None = None,
) -> Message:
    """Train a run, or its first ``until`` epochs; how that ended, as a message without "run"."""
    from equimodal.training.loop import advance, train  # importing Fabric takes seconds

    shared: dict[str, Any] = {"data_root": data_root, "notify": notify}
    try:
        if until is not None and until < config.trained_epochs:
            trouble = advance(config, folder, until=until, **shared)
            return {"kind": "failed", "message": trouble} if trouble else {"kind": "paused"}
        result = train(config, folder, **shared)
    except BalanceError as error:
        return {"kind": "failed", "message": str(error)}
    except Exception as error:
        lost = {"card_lost": True} if config.device != "cpu" and _of_card(error) else {}
        return {"kind": "failed", "message": unforeseen(error, folder / ERROR), **lost}
    (folder / ERROR).unlink(missing_ok=True)
    return {"kind": "finished", "status": result["status"]}


def _of_card(error: Exception) -> bool:
    """Whether the error leaves this process without its card."""
    import torch

    # Before PyTorch 2.8 such an error has no class of its own.
    return "CUDA error" in str(error) or not torch.cuda.is_available()


def unforeseen(error: Exception, file: Path) -> str:
    """One line on an error that is nobody's known mistake; the whole of it goes to the file."""
    with suppress(BalanceError):
        write_text(file, printable(traceback.format_exc()))
    line = bounded(next(iter(str(error).splitlines()), ""), 300)
    return f"{type(error).__name__}: {line} (see {file.name} in its folder)"


@contextmanager
def warnings_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Tells what a user can act on, each warning once, when the block is over.

    These are warnings of this library, not of those beneath it.
    """
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            yield
    finally:
        ours = (str(w.message) for w in caught if issubclass(w.category, UserWarning))
        for text in dict.fromkeys(ours):
            tell(text)


def _send(connection: Connection, message: Message) -> None:
    try:
        connection.send_bytes(json.dumps(message).encode())
    except OSError:
        os._exit(0)
