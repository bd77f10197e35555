"""The folder of a comparison: never overwritten, continued only by the same comparison."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equimodal.comparison.rows import ENSEMBLE, slug
from equimodal.errors import BalanceError
from equimodal.storage.disk import disk_error
from equimodal.storage.files import read_json, write_json
from equimodal.training.config import OPTIONAL
from equimodal.training.run_folder import RESULT, check_claim, versions

if TYPE_CHECKING:
    from equimodal.comparison.plan import Plan

CONFIG = "config.json"
RUNS = "runs"
DATA = "data"
"""Where a recipe puts the table that it compares on."""


def check_new(folder: Path, *, resume: bool) -> None:
    """Refuse a folder with results, or with anything else, unless it is to be continued.

    Raises:
        BalanceError: the folder is a file, holds other files, or holds results without ``resume``.
    """
    if _ours(folder) and not resume:
        raise BalanceError(
            f"'{folder}' holds results already; add --resume to continue them, or choose another "
            "folder with --out."
        )


def check_run(folder: Path, run: str, *, resume: bool) -> None:
    """The same for one run in its place below the folder, beside which others may lie.

    Raises:
        BalanceError: the folder is a file, holds other files, or holds this run without ``resume``.
    """
    check_no_links(folder, [run])
    if _ours(folder) and (folder / run / CONFIG).exists() and not resume:
        raise BalanceError(
            f"'{folder / run}' holds this run already; add --resume to continue it or to show its "
            "result, or choose another folder with --out."
        )


def check_no_links(folder: Path, runs: Iterable[str]) -> None:
    """Refuse a folder in which a link stands where runs are written: it may lead anywhere.

    Raises:
        BalanceError: one of the runs' folders is a link, or lies below one.
    """
    for run in runs:
        for place in (Path(run), *Path(run).parents[:-1]):
            if (folder / place).is_symlink():
                raise BalanceError(
                    f"'{folder / place}' is a link, and nothing is written through links within a "
                    "folder of results; put the folder itself there, or choose another with --out."
                )


def _ours(folder: Path) -> bool:
    """Whether the folder holds a comparison or single runs; False where there is nothing."""
    try:
        found = folder.exists()
    except OSError as error:  # a name that no system takes, or a folder that may not be read
        raise disk_error(error, folder) from None
    if found and not folder.is_dir():
        raise BalanceError(f"'{folder}' is a file; choose a folder with --out.")
    if not found:
        return False
    entries = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    if entries and CONFIG not in entries and not entries <= {RUNS, DATA}:
        raise BalanceError(
            f"'{folder}' holds {len(entries)} other files, such as '{min(entries)}', and no "
            "comparison; choose another folder with --out."
        )
    return bool(entries)


def check_runs(folder: Path, plan: Plan) -> None:
    """Refuse single runs that do not belong to the comparison, before it claims their folder.

    Raises:
        BalanceError: a run of the plan is there with another configuration; the message names what
            differs.
    """
    check_no_links(folder, [run.folder for run in plan.runs] + [f"{RUNS}/{slug(ENSEMBLE)}"])
    if (folder / CONFIG).exists():
        return
    for run in plan.runs:
        own = folder / run.folder
        if (own / CONFIG).exists():
            over = (own / RESULT).exists()
            check_claim(own, run.config, processes=None if over else 1)


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
    different = [key for key in {**wanted, **OPTIONAL} if found.get(key) != wanted.get(key)]
    if different:
        listed = "; ".join(
            f"{k} was {_shown(found.get(k))}, is {_shown(wanted.get(k))}" for k in different
        )
        raise BalanceError(
            f"'{folder}' holds another comparison: {listed}. Repeat it with what it was made "
            "with, or choose another folder with --out."
        )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
