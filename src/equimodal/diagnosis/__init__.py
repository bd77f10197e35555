"""Diagnosis: is a modality under-trained, how much is on the table, why, and what to try.

`diagnose_folder` reads what a comparison or a run left, `settle_folder` trains what is lacking
there, `diagnose_data` trains everything first,
`diagnose_recording` reads what a balancer recorded, and `equimodal.diagnose` takes a model of your
own. Every measure is a pure function in a file of its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equimodal.diagnosis.folder import (
        diagnose_folder,
        diagnose_recording,
        sample_contributions,
    )
    from equimodal.experiments.diagnose import diagnose_data, settle_folder

__all__ = [
    "diagnose_data", "diagnose_folder", "diagnose_recording", "sample_contributions",
    "settle_folder",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Training stands above this floor, so that what trains is only looked up when it is asked for.
    trains = name in ("diagnose_data", "settle_folder")
    home = "experiments.diagnose" if trains else "diagnosis.folder"
    return getattr(import_module(f"equimodal.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
