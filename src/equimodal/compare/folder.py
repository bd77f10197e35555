"""The folder of a comparison: never overwritten, continued only by the same comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from equimodal.compare.environment import versions
from equimodal.compare.plan import Plan
from equimodal.errors import BalanceError
from equimodal.train.storage import read_json, write_json

CONFIG = "config.json"


def check_new(folder: Path, *, resume: bool) -> None:
    """Refuse a folder with results, or with anything else, unless it is to be continued.

    Raises:
        BalanceError: the folder is a file, holds other files, or holds results without ``resume``.
    """
    if folder.exists() and not folder.is_dir():
        raise BalanceError(f"'{folder}' is a file; choose a folder with --out.")
    if not folder.is_dir():
        return
    entries = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    if CONFIG in entries and not resume:
        raise BalanceError(
            f"'{folder}' holds results already; add --resume to continue them, or choose another "
            "folder with --out."
        )
    if entries and CONFIG not in entries:
        raise BalanceError(
            f"'{folder}' holds {len(entries)} other files, such as '{min(entries)}', and no "
            "comparison; choose another folder with --out."
        )


def claim(folder: Path, plan: Plan) -> None:
    """Write the comparison's configuration, or check that it is the one to be continued.

    Raises:
        BalanceError: the folder belongs to another comparison; the message names what differs.
    """
    wanted = {**plan.config, "data_summary": plan.data, **versions()}
    if not (folder / CONFIG).exists():
        return write_json(folder / CONFIG, wanted)
    found = read_json(
        folder / CONFIG,
        remedy="the runs beside it are whole: put a copy of it back, or choose another folder "
        "with --out",
    )
    different = [key for key in wanted if found.get(key) != wanted[key]]
    if different:
        listed = "; ".join(
            f"{k} was {_shown(found.get(k))}, is {_shown(wanted[k])}" for k in different
        )
        raise BalanceError(
            f"'{folder}' holds another comparison: {listed}. Repeat it with what it was made "
            "with, or choose another folder with --out."
        )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
