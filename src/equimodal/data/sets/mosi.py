"""mosi: the opinion of a film reviewer, from the words, the voice and the face.

CMU-MOSI as utterance features of Poria et al., "Context-Dependent Sentiment Analysis in
User-Generated Videos", ACL 2017, https://aclanthology.org/P17-1081/.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import Arrays, Kind, Labels, Split, standardised
from equimodal.data.files import SourceFile
from equimodal.data.information import Facts
from equimodal.numerics.random import data_generator

WIDTHS = {"text": 100, "audio": 73, "video": 100}
VALIDATION = 0.15
NOTE = (
    "Published split, without a common speaker; validation is 15 % of the training rows of "
    "each class, a block in the order of the videos at a place that follows the run's seed. "
    "A linear classifier of text reaches .99 on validation and .76 on test, one of video .92 "
    "and .52, as if these features had been learned with the training labels: validation "
    "flatters both, so that rates and epochs chosen on it are a weak choice."
)
FACTS = Facts(
    licence="research only, do not redistribute; the repository with the features is MIT",
    origin=(
        "the repository declare-lab/multimodal-deep-learning (bc-LSTM/data: text, audio and "
        "video) as the folder cmu_mosi"
    ),
    files=tuple(f"cmu_mosi/{m}_{part}0.csv" for m in WIDTHS for part in ("train", "test")),
)


def mosi(*, root: Path, seed: int) -> Arrays:
    """Opinion in an utterance, from features of its text (100), audio (73) and video (100).

    The files list one class after the other, each in the order of the videos. So validation is
    15 % of the training rows of each class, one block at the same place of both: rows drawn one
    by one would come from videos that training has seen, while test shares no speaker with it.
    Validation is easier than test however it is drawn, as it would be if the published text and
    video features came from networks that had learned the training labels; we could not check.

    Args:
        root: folder that holds ``cmu_mosi``.
        seed: seed of the place of the validation blocks.

    Raises:
        DataError: a file is missing or damaged, or the labels of the three modalities differ.
    """
    published, test = _part(root, "train"), _part(root, "test")
    place = data_generator(seed, "validation").uniform()
    chosen = blocks(published.labels, place)
    if not chosen.any():
        raise _file(root, "text", "train").error(
            f"holds {len(chosen)} rows, too few to leave {VALIDATION:.0%} out for validation"
        )
    kinds: dict[str, Kind] = dict.fromkeys(WIDTHS, "vector")
    train, validation, test = standardised(
        published.rows(~chosen), published.rows(chosen), test, kinds
    )
    return Arrays(train, validation, test, kinds, ("negative", "positive"), {}, NOTE)


def blocks(labels: Labels, place: float) -> NDArray[np.bool_]:
    """15 % of each class's rows, one after the other: (N,) -> (N,).

    ``place`` is the same for every class, from 0 (its first rows) to 1 (its last).
    """
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = round(VALIDATION * len(rows))
        start = round(place * (len(rows) - count))
        chosen[rows[start : start + count]] = True
    return chosen


def _file(root: Path, modality: str, part: str) -> SourceFile:
    return SourceFile(root, f"cmu_mosi/{modality}_{part}0.csv", FACTS.origin)


def _part(root: Path, part: str) -> Split:
    """The three tables of the training or the test utterances, which agree in their labels."""
    inputs, columns = {}, {}
    for modality, width in WIDTHS.items():
        file = _file(root, modality, part)
        table = _table(file, width + 1)
        inputs[modality] = table[:, :-1].astype(np.float32)
        columns[modality] = file.class_indices(table[:, -1], range(2))
    labels = columns["text"]
    for modality, column in columns.items():
        file = _file(root, modality, part)
        if len(column) != len(labels):
            raise file.error(f"has {len(column)} rows, text_{part}0.csv has {len(labels)}")
        if (column != labels).any():
            row = 1 + int((column != labels).argmax())
            raise file.error(f"has another label in row {row} than text_{part}0.csv")
    return Split(inputs, labels)


def _table(file: SourceFile, width: int) -> NDArray[np.float64]:
    """The numbers of a file without a header, cells quoted or not: -> (N, width)."""
    rows: list[list[float]] = []
    try:
        text = file.content().decode("ascii")
        # Strict: a file that ends within quotes is an error.
        for cells in csv.reader(io.StringIO(text, newline=""), strict=True):
            rows.append(_numbers(file, len(rows) + 1, cells, width))
    except (UnicodeDecodeError, csv.Error) as error:
        raise file.error(f"is damaged after row {len(rows)} ({error})") from error
    table = np.array(rows)
    file.check_finite(table, "numbers")
    return table


def _numbers(file: SourceFile, row: int, cells: list[str], width: int) -> list[float]:
    if len(cells) != width:
        raise file.error(f"has {len(cells)} cells in row {row}, expected {width}")
    try:
        return [float(cell) for cell in cells]
    except ValueError as error:
        raise file.error(f"holds no number in row {row} ({error})") from error
