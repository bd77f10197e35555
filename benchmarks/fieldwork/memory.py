"""How much memory an epoch of training takes, read off this process, on Linux."""

import ctypes
import gc
from pathlib import Path
from shutil import rmtree

from equimodal.training.config import RunConfig
from equimodal.training.loop import advance

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(config: RunConfig, folder: Path, *, data_root: str | None) -> int | None:
    """Bytes by which the resident memory of this process grows at most in one epoch of a run.

    Two epochs are trained in a folder that is taken away again, the first so that all that is
    loaded once is there. None where the system does not tell.
    """
    if not RESET.exists():
        return None

    def epoch() -> None:
        advance(config, folder, until=1, data_root=data_root)
        rmtree(folder)

    epoch()
    gc.collect()
    # What is free goes back to the system, so that its use again is seen.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
    before = _resident("VmRSS")
    RESET.write_text("5")
    epoch()
    return max(0, _resident("VmHWM") - before)


def _resident(field: str) -> int:
    lines = STATUS.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
