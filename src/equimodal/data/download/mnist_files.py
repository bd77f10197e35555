"""MNIST: its four files, with the checksums that are published for them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

ADDRESS = "https://ossci-datasets.s3.amazonaws.com/mnist/"
TERMS = "MNIST (LeCun, Cortes and Burges): CC BY-SA 3.0"
# File name: bytes, published md5 of the file, md5 of the idx data within.
FILES = {
    "train-images-idx3-ubyte.gz": (
        9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb",
    ),
    "train-labels-idx1-ubyte.gz": (
        28881, "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624",
    ),
    "t10k-images-idx3-ubyte.gz": (
        1648877, "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        4542, "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637",
    ),
}  # fmt: skip
# Another compression of the same data may be a little larger.
LIMIT = 1.2
_MOST = 60_000_000


def right(path: Path) -> bool:
    """Whether a file is the MNIST file of its name, as published or compressed anew."""
    _, published, within = FILES[path.name.removesuffix(".part")]
    if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == published:
        return True
    try:
        with gzip.open(path) as file:
            data = file.read(_MOST)
    except (OSError, EOFError, zlib.error):
        return False
    return hashlib.md5(data, usedforsecurity=False).hexdigest() == within


def limit(name: str) -> int:
    """Bytes that a file has at most."""
    return int(LIMIT * FILES[name][0])
