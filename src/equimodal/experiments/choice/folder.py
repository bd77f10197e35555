"""The folder of a choice: never overwritten, continued only by the same choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from equimodal.errors import BalanceError
from equimodal.storage.files import read_json, write_json

CHOICE, STATE = "choice.json", "state.json"

Json = dict[str, Any]


def check_new(folder: Path, *, resume: bool) -> None:
    """Refuse a folder that holds anything, unless it is a choice that is to be continued."""
    if folder.exists() and not folder.is_dir():
        raise BalanceError(f"'{folder}' is a file; choose a folder with --out.")
    entries = (
        {path.name for path in folder.iterdir() if path.name != ".lock"}
        if folder.exists()
        else set()
    )
    if not entries:
        return
    if STATE not in entries:
        raise BalanceError(
            f"'{folder}' holds other files, such as '{min(entries)}', and no choice; choose "
            "another folder with --out."
        )
    if not resume:
        raise BalanceError(
            f"'{folder}' holds a choice already; add --resume to continue it or to show it again, "
            "or choose another folder with --out."
        )


def claimed(folder: Path, config: Json) -> Json:
    """The state of the folder, which belongs to these data and options from now on.

    Raises:
        BalanceError: it belongs to others.
    """
    path = folder / STATE
    if not path.exists():
        write_json(path, {"config": config, "spent": 0.0})
    state: Json = read_json(path)
    for key, value in config.items():
        had = state["config"].get(key)
        if had != value:
            raise BalanceError(
                f"'{folder}' holds a choice with {key} {had!r}, this one has {value!r}; repeat its "
                "own command, or choose another folder with --out."
            )
    return state
