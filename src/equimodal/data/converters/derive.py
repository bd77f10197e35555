"""Files that a manifest needs and the original layout lacks: made once, in parallel, resumable."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from equimodal.data.converters.table import Work
from equimodal.data.progress import shown
from equimodal.errors import BalanceError
from equimodal.storage.console import Console
from equimodal.storage.disk import DATA_ROOT, FULL, disk_error
from equimodal.storage.files import make_folder, unfinished


def derive(
    root: Path, wanted: Mapping[str, Work], *, jobs: int, console: Console | None = None
) -> dict[str, str]:
    """Make the files that are not there yet; -> why, for each that could not be made.

    A file appears under its name when it is whole. An interrupted call goes on where it was.

    Args:
        root: the data root.
        wanted: how each file is made, by its path relative to the root.
        jobs: how many are made at a time.
        console: shows the progress; standard error by default.

    Raises:
        BalanceError: the disk is full, or a folder cannot be written.
    """
    missing = {name: work for name, work in wanted.items() if not _there(root / name)}
    for folder in sorted({(root / name).parent for name in missing}):
        make_folder(folder, DATA_ROOT)
    failures: dict[str, str] = {}
    with shown(console=console) as advance, ThreadPoolExecutor(jobs) as pool:
        try:
            tasks = {pool.submit(_make, root / name, work): name for name, work in missing.items()}
            for finished, task in enumerate(as_completed(tasks), 1):
                if reason := task.result():
                    failures[tasks[task]] = reason
                advance("making files", finished, len(tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return dict(sorted(failures.items()))


def _there(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _make(path: Path, work: Work) -> str:
    """Make one file; -> why it could not be made, "" if it was."""
    try:
        with unfinished(path) as target:
            work(target)
    except BalanceError as error:
        return str(error)
    except Exception as error:  # damage shows anywhere in a decoder, as any kind of error
        if isinstance(error, OSError) and error.errno in FULL:
            raise disk_error(error, path, DATA_ROOT) from error
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ""
