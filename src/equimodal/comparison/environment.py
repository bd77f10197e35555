"""With what a comparison was made, without a word about whose machine it was."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from equimodal.training.run_folder import versions


def environment(device: str) -> dict[str, str | int]:
    """The ``environment`` of results.json."""
    return {
        **versions(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(device),
        "threads_per_process": 1,
    }


def _processor(device: str) -> str:
    if device != "cpu":
        if not torch.cuda.is_available():  # where runs are gathered that others trained
            return "a card of another machine"
        return torch.cuda.get_device_name(torch.device(device))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
