"""MNIST from its original files: gzipped idx, big-endian, unsigned bytes."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import Floats, Labels
from equimodal.data.files import SourceFile

ORIGIN = "https://ossci-datasets.s3.amazonaws.com/mnist/ (LeCun, Cortes and Burges's four files)"
FILES = (
    "mnist/train-images-idx3-ubyte.gz",
    "mnist/train-labels-idx1-ubyte.gz",
    "mnist/t10k-images-idx3-ubyte.gz",
    "mnist/t10k-labels-idx1-ubyte.gz",
)


def mnist(root: Path, part: str, *, limit: int) -> tuple[Floats, Labels]:
    """Images with pixels from 0 to 1 and digits of a part: -> (N, 1, 28, 28), (N,).

    Args:
        root: the data root.
        part: "train" or "t10k", as the files are called.
        limit: rows to return at most, the first ones; the files are checked to their end.

    Raises:
        DataError: a file is missing or damaged, or the two differ in their number of rows.
    """
    images_file = SourceFile(root, f"mnist/{part}-images-idx3-ubyte.gz", ORIGIN)
    labels_file = SourceFile(root, f"mnist/{part}-labels-idx1-ubyte.gz", ORIGIN)
    images, labels = _idx(images_file, 3), _idx(labels_file, 1)
    if images.shape[1:] != (28, 28):
        raise images_file.error(
            f"holds images of {images.shape[1]}x{images.shape[2]} pixels, expected 28x28"
        )
    if len(images) != len(labels):
        raise labels_file.error(
            f"holds {len(labels)} labels for the {len(images)} images of {images_file.relative}"
        )
    digits = labels_file.class_indices(labels, range(10))
    return images[:limit, None].astype(np.float32) / np.float32(255), digits[:limit]


def _idx(file: SourceFile, dimensions: int) -> NDArray[np.uint8]:
    """The array of unsigned bytes that an idx file holds."""
    try:
        content = gzip.decompress(file.content())
    except (OSError, EOFError, zlib.error) as error:
        raise file.error(f"is damaged or cut short: {error}") from error
    start = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) < start:
        raise file.error(f"is no idx file of unsigned bytes in {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    found, expected = len(content) - start, int(np.prod(shape, dtype=object))
    if found != expected or expected == 0:
        raise file.error(f"holds {found} bytes of data, its header announces {expected}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
