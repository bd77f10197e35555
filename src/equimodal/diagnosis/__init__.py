"""Diagnosis: is a modality under-trained, how much is on the table, why, and what to try.

`diagnose_folder` reads what a comparison or a run left, `diagnose_data` trains it first,
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
    from equimodal.experiments.diagnose import diagnose_data

__all__ = ["diagnose_data", "diagnose_folder", "diagnose_recording", "sample_contributions"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Training stands above this floor, so that its function is only looked up when it is asked for.
    home = "experiments.diagnose" if name == "diagnose_data" else "diagnosis.folder"
    return getattr(import_module(f"equimodal.{home}"), name)
