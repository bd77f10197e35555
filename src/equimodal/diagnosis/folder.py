"""Diagnoses of what is on disk."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from equimodal.balancing.recording_file import read
from equimodal.diagnosis.diagnosis import Diagnosis
from equimodal.diagnosis.document import document, recording_document
from equimodal.diagnosis.evidence import Case
from equimodal.diagnosis.inside import Inside
from equimodal.diagnosis.recorded import training_summary
from equimodal.diagnosis.stored.reading import read_case, read_runs
from equimodal.diagnosis.stored.run_files import RunFiles
from equimodal.storage.console import Console
from equimodal.storage.files import as_written

_REMEDY = "put back what was there, or train it again in a new folder"


def diagnose_folder(
    folder: str | Path,
    *,
    row: str | None = None,
    split: str = "test",
    deep: bool = False,
    data_root: str | Path | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
) -> Diagnosis:
    """The diagnosis of a folder that `equimodal compare` or `equimodal train` wrote.

    What it holds is documented in docs/diagnosis-schema.md.

    Args:
        folder: of a comparison, or of one run.
        row: which row is diagnosed; by default ``joint``, or the run's own.
        split: whose samples are judged, ``test`` or ``validation``.
        deep: also load the model of each seed, for the families ``gradients``, ``fisher_trace``
            and ``purity``, and for Shapley values of any fusion; that takes the data.
        data_root: for ``deep``, the folder with the data set's files, where it needs them.
        cache: for ``deep``, the folder of a table's decoded samples.
        progress: for ``deep``, say on the error stream which model is looked into.

    Raises:
        BalanceError: no such folder or row, nothing finished, or a damaged file.
    """

    console = Console(stderr=True, highlight=False, quiet=not progress)
    looked: list[int] = []

    def look(run: RunFiles) -> Inside:
        from equimodal.diagnosis.own_model.checkpoint import look_inside

        looked.append(run.seed)
        told = f"looking into {run.row}, seed {run.seed}: model {len(looked)} of {count}"
        console.print(told, markup=False, emoji=False, soft_wrap=True)
        return look_inside(run, split, data_root=data_root, cache=cache)

    with as_written(Path(folder), _REMEDY):
        count = len(read_runs(folder, row=row)[2]) if deep else 0
        case = read_case(folder, row=row, split=split, look=look if deep else None)
        return document(case)


def sample_contributions(
    folder: str | Path, *, row: str | None = None, split: str = "test"
) -> dict[int, dict[str, Tensor]]:
    """Per-sample measures of each seed: seed -> name -> (N,), row i is sample i of the split.

    Names: ``shapley/accuracy/<m>``, ``shapley/score/<m>``, ``interaction/<gain>/<a>|<b>``,
    ``inside/readout/<m>``, ``inside/ablation/<m>``, and ``label``, ``prediction``.

    Args and raises as `diagnose_folder`.
    """
    return case_contributions(read_case(folder, row=row, split=split))


def case_contributions(case: Case) -> dict[int, dict[str, Tensor]]:
    """`sample_contributions` of evidence that was read already."""
    found = {}
    for evidence in case.seeds:
        judged = evidence.models[case.row]
        own = {"label": judged.labels, "prediction": judged.logits.argmax(1)}
        found[evidence.seed] = {**evidence.contributions, **own}
    return found


def diagnose_recording(path: str | Path) -> Diagnosis:
    """What the records of one training say. They cannot tell under-trained from weak.

    Raises:
        BalanceError: the file is missing, damaged or of another kind.
    """
    found = read(path)
    return recording_document(Path(path).name, found, training_summary(found["records"]))
