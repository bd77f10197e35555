"""What a worker of the cluster does: one run."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from equimodal.comparison.engines.crew import Message
from equimodal.comparison.engines.worker import carried_out, prepare
from equimodal.comparison.execution import Execution
from equimodal.data.table import absolute
from equimodal.errors import BalanceError


class Origin(NamedTuple):
    """From where a node that does not have a table's decoded samples decodes them."""

    data: str
    root: str | None
    cache: str | None


def origin(data: str, execution: Execution) -> Origin:
    """The same from any folder."""
    root, cache = (
        None if place is None else str(Path(place).absolute())
        for place in (execution.data_root, execution.cache)
    )
    return Origin(absolute(data), root, cache)


def trained(job: Message, shared: str, table: Origin | None, news: Any) -> Message:
    """The task: train a run on a node, and say how it ended."""

    def tell(message: Message) -> None:
        news.put_nowait({**message, "run": job["run"]})

    with redirect_stdout(sys.stderr):  # what the command prints is its result
        prepare()
        if not Path(shared).is_dir():
            return {"kind": "failed", "message": not_shared(Path(shared))}
        try:
            root = job["data_root"] if table is None else _decoded(table)
        except BalanceError as error:
            return {"kind": "failed", "message": str(error)}
        return carried_out({**job, "data_root": root}, tell)


@cache
def _decoded(table: Origin) -> str | None:
    """Where a table's samples lie on this node, which the first run there decodes."""
    from equimodal.data.sources import ready

    _, root = ready(table.data, table.root, cache=table.cache)
    return root


def not_shared(folder: Path) -> str:
    """What to say of a folder that a machine does not see."""
    return (
        f"'{folder}' is not the same folder on all machines of the cluster; put the results on "
        "storage that they share, with --out"
    )
