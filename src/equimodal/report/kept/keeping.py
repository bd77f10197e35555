"""What a page needs beyond the results and the runs, written into their folder once."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from equimodal.comparison.rows import JOINT, alone_row
from equimodal.errors import BalanceError
from equimodal.report.kept.diagnosis_store import keep_diagnosis
from equimodal.report.kept.sample_store import SAMPLES, keep_samples
from equimodal.report.kept.standing_store import STANDING, keep_standing, read_standing
from equimodal.report.read.diagnosis import DIAGNOSIS
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import by_seed, modalities


def keep(folder: str | Path, results: Results, data_root: str | Path | None = None) -> None:
    """Writes samples, diagnosis and the best row's differences of a comparison that has ended.

    What cannot be had is left out, as the results stand without it, and the page says so.
    """
    for name in (SAMPLES, DIAGNOSIS, STANDING):  # what is there may be of fewer runs
        (Path(folder) / name).unlink(missing_ok=True)
    _diagnose(folder, results)
    keep_standing(folder, results)
    with suppress(BalanceError):  # last, so that a folder with samples has all
        keep_samples(folder, results, data_root)


def is_kept(folder: str | Path) -> bool:
    """Whether `keep` ended with samples in this folder."""
    return (Path(folder) / SAMPLES).exists()


def renew(folder: str | Path, results: Results, data_root: str | Path | None = None) -> None:
    """Writes what is missing of them; with ``data_root`` the samples anew.

    Raises:
        BalanceError: the data at ``data_root`` cannot be loaded or are not the comparison's.
    """
    if data_root is not None:
        keep_samples(folder, results, data_root)
    elif not is_kept(folder) and _generated(str(results["config"]["data"])):
        with suppress(BalanceError):
            keep_samples(folder, results)
    if not (Path(folder) / DIAGNOSIS).exists():
        _diagnose(folder, results)
    if not read_standing(folder, results):
        keep_standing(folder, results)


def _diagnose(folder: str | Path, results: Results) -> None:
    """Only where a verdict is possible: joint and every modality alone were trained."""
    rows = (JOINT, *(alone_row(m) for m in modalities(results)))
    if all(by_seed(results, row, "accuracy") for row in rows):
        with suppress(BalanceError):  # such as predictions of an earlier version
            keep_diagnosis(folder, results)


def _generated(name: str) -> bool:
    """Whether the data set is one of ours that needs no files."""
    from equimodal.data.sources import describe, names

    return name in names() and not describe(name).files
