"""The process that reads files: takes items from a pipe until it closes.

In, as JSON: the task, then ``{"entries": [...]}`` again and again. Out: the outcomes as JSON, then,
where arrays are kept, their bytes; once without any, when the process is ready.
"""

from __future__ import annotations

import json
import os
import signal
import warnings
from multiprocessing.connection import Connection
from typing import Any

from equimodal.workers.process import at_most

MEMORY = 4 * 2**30
"""Bytes that one process may hold: what a file declares must not take the machine's memory."""


def main(descriptor: int) -> None:
    """Serve the pipe with this file descriptor; ends the process when the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    connection = Connection(descriptor)
    at_most(MEMORY)
    try:
        _serve(connection)
    except (EOFError, OSError):
        os._exit(0)


def _serve(connection: Connection) -> None:
    from equimodal.data.table.items.work import Task, done, known_digests, packed
    from equimodal.data.table.store.cache import RECORD

    task = Task(**json.loads(connection.recv_bytes()))
    if (task.name, task.kind) == ("decode", "sound"):  # its spectrograms are made by torch
        import torch

        torch.set_num_threads(1)
    known = known_digests(task.index, RECORD)
    _answer(connection, [], b"")
    while True:
        entries = [(index, cell) for index, cell in json.loads(connection.recv_bytes())]
        outcomes, arrays = done(task, entries, known)
        _answer(connection, outcomes, packed(arrays))


def _answer(connection: Connection, outcomes: list[dict[str, Any]], arrays: bytes) -> None:
    connection.send_bytes(json.dumps(outcomes).encode())
    connection.send_bytes(arrays)
