"""The folder of a run: its files, and whose run it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from equimodal import __version__
from equimodal.errors import BalanceError
from equimodal.storage.files import read_json, write_json
from equimodal.training.config import OPTIONAL, RunConfig

CONFIG, CHECKPOINT, RECORDS, PREDICTIONS, ROBUSTNESS, RESULT = (
    "config.json", "checkpoint.pt", "records.json", "predictions.npz", "robustness.npz",
    "result.json",
)  # fmt: skip


def versions() -> dict[str, str]:
    """What must not change between the runs of one comparison."""
    import torch  # takes seconds, and who only looks into a folder needs none

    return {"equimodal": __version__, "torch": str(torch.__version__)}


def claim(folder: Path, config: RunConfig, *, processes: int = 1) -> None:
    """Write what determines the run into a new folder; refuse the folder of another run.

    Args:
        folder: an existing folder.
        config: the run.
        processes: how many train it together; others do not continue it to the same numbers,
            but any may use its result.

    Raises:
        BalanceError: the folder holds another run; the message names what differs.
    """
    if (folder / CONFIG).exists():
        over = (folder / RESULT).exists()
        return check_claim(folder, config, processes=None if over else processes)
    shared = {"processes": processes} if processes > 1 else {}
    write_json(folder / CONFIG, {**config.as_dict(), **versions(), **shared})


def check_claim(folder: Path, config: RunConfig, *, processes: int | None = None) -> None:
    """Refuse a folder that `claim` gave to another run; any number of processes is right for None.

    Raises:
        BalanceError: the folder holds another run, or its configuration is damaged.
    """
    found = {**OPTIONAL, "processes": 1, **read_json(folder / CONFIG)}
    own = {**OPTIONAL, **config.as_dict()}
    wanted = json.loads(json.dumps(own)) | _known_versions(found)
    if processes is not None:
        wanted["processes"] = processes
    different = [key for key in {**wanted, **OPTIONAL} if wanted.get(key) != found.get(key)]
    if different:
        there, here = ([values.get(key) for key in different] for values in (found, wanted))
        raise BalanceError(
            f"'{folder}' holds a run with other values of {', '.join(different)}: found {there}, "
            f"wanted {here}. Repeat its own command, or choose another folder with --out."
        )


def _known_versions(found: Mapping[str, Any]) -> dict[str, str]:
    """Of our versions those that the folder names; an older one names none."""
    return {key: value for key, value in versions().items() if key in found}
