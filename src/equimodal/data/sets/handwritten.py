"""handwritten: two to six descriptions of the same scanned digit.

The UCI Multiple Features data set, https://archive.ics.uci.edu/dataset/72/multiple+features, in
the file and split of Han et al., "Trusted Multi-View Classification", ICLR 2021,
https://arxiv.org/abs/2102.02051.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import Arrays, Kind, Labels, Split, standardised, stratified
from equimodal.data.files import SourceFile
from equimodal.data.information import Facts
from equimodal.errors import DataError, quoted
from equimodal.numerics.random import data_generator

# Name in the file and number of columns.
VIEWS = {
    "pix": ("x1", 240),
    "fou": ("x2", 76),
    "fac": ("x3", 216),
    "zer": ("x4", 47),
    "kar": ("x5", 64),
    "mor": ("x6", 6),
}
VALIDATION = 0.2
PARTS = ("train", "test")
NOTE = (
    "Views of the same scanned digit: pairs are natural. Published split; a fifth of the "
    "training digits of each class, drawn from the run's seed, is validation."
)
FACTS = Facts(
    licence="UCI Multiple Features, CC BY 4.0",
    origin="the repository hanmenghan/TMC as the folder handwritten",
    files=("handwritten/handwritten_6views.mat",),
)


def handwritten(
    *, root: Path, seed: int, views: str | Sequence[str] = ("pix", "fou", "mor")
) -> Arrays:
    """Handwritten digit as pixels (pix), Fourier coefficients (fou) and up to four more vectors.

    Published split of 1,600 and 400 digits; a fifth of the training digits of each class is
    validation.

    Args:
        root: folder that holds ``handwritten``.
        seed: seed of the validation split.
        views: two or more of pix (240 pixel averages), fou (76 Fourier coefficients), fac (216
            profile correlations), zer (47 Zernike moments), kar (64 Karhunen-Loève coefficients)
            and mor (6 morphological features), a list or separated by commas.

    Raises:
        DataError: the file is missing or damaged, or the views are not two or more of the six.
    """
    chosen = _chosen(views)
    file = SourceFile(root, FACTS.files[0], FACTS.origin)
    content = _content(file, chosen)
    published, test = (_part(file, content, chosen, part) for part in PARTS)
    rows = stratified(published.labels, VALIDATION, data_generator(seed, "validation"))
    kinds: dict[str, Kind] = dict.fromkeys(chosen, "vector")
    train, validation, test = standardised(published.rows(~rows), published.rows(rows), test, kinds)
    settings: dict[str, object] = {"views": chosen}
    return Arrays(train, validation, test, kinds, tuple("0123456789"), settings, NOTE)


def _chosen(views: str | Sequence[str]) -> list[str]:
    names = views.split(",") if isinstance(views, str) else views
    if isinstance(names, Sequence) and all(isinstance(name, str) for name in names):
        chosen = [name.strip() for name in names]
        if len(set(chosen)) == len(chosen) >= 2 and set(chosen) <= set(VIEWS):
            return chosen
    raise DataError(
        f"handwritten.views must be two or more of {', '.join(VIEWS)}, each once, such as "
        f"pix,fou; found {quoted(views)}."
    )


def _content(file: SourceFile, chosen: Sequence[str]) -> Mapping[str, object]:
    """The arrays of the file that are needed, by their name in it."""
    from scipy.io import loadmat

    wanted = [f"{x}_{part}" for x in ("gt", *(VIEWS[v][0] for v in chosen)) for part in PARTS]
    if not file.path.is_file():
        raise file.error("is missing")
    try:
        content: Mapping[str, object] = loadmat(file.path, variable_names=wanted)
    except Exception as error:  # damage shows anywhere in the reader, as any kind of error
        raise file.error(f"is damaged or no MATLAB v5 file ({error!r})") from error
    for name in wanted:
        if name not in content:
            raise file.error(f"holds no array {name}")
    return content


def _part(
    file: SourceFile, content: Mapping[str, object], chosen: Sequence[str], part: str
) -> Split:
    column = _matrix(file, content, f"gt_{part}", (None, 1))
    labels: Labels = file.class_indices(column[:, 0], range(1, 11))
    inputs = {}
    for view in chosen:
        source, width = VIEWS[view]
        rows = _matrix(file, content, f"{source}_{part}", (len(labels), width))
        inputs[view] = rows.astype(np.float32)
    return Split(inputs, labels)


def _matrix(
    file: SourceFile, content: Mapping[str, object], name: str, shape: tuple[int | None, int]
) -> NDArray[np.float64]:
    """A matrix of finite numbers; any number of rows but none where ``shape`` leaves it open."""
    found = content[name]
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf" or found.ndim != 2:
        raise file.error(f"holds no matrix of numbers in {name}")
    expected = (shape[0] or max(len(found), 1), shape[1])
    if found.shape != expected:
        raise file.error(f"holds {name} of shape {found.shape}, expected {expected}")
    matrix = found.astype(np.float64)
    file.check_finite(matrix, f"numbers in {name}")
    return matrix
