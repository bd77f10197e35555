"""CMU-MOSI in miniature: the pickle of MulT."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COUNTS = {"train": 6, "valid": 3, "test": 3}
WIDTHS = {"text": 6, "audio": 3, "vision": 4}
Floats = NDArray[np.float32]
OPINIONS = (-2.4, 0.0, 1.6)


def features(part: str, *, steps: int = 5) -> dict[str, Floats]:
    """Sequences of 1 to 3 rows, padded with zeros in front, as MulT has them."""
    rng = np.random.default_rng(list(COUNTS).index(part))
    found = {}
    for name, width in WIDTHS.items():
        array = rng.normal(size=(COUNTS[part], steps, width)).astype(np.float32)
        for i in range(COUNTS[part]):
            array[i, : steps - 1 - i % 3] = 0
        found[name] = array
    return found


def opinions(part: str) -> Floats:
    """The opinion of each sample: -> (N,)."""
    return np.array([OPINIONS[i % 3] for i in range(COUNTS[part])], np.float32)


def write(root: Path) -> None:
    """mosi_data.pkl of MulT: labels (N, 1, 1), ids as byte texts."""
    content: dict[str, dict[str, Any]] = {
        part: {
            **features(part),
            "labels": opinions(part)[:, None, None],
            "id": np.array([[f"{part}-video{i}"[:11].encode(), b"0", b"1"] for i in range(count)]),
        }
        for part, count in COUNTS.items()
    }
    content["train"]["audio"][0, -1, 1] = -np.inf
    (root / "mosi_data.pkl").write_bytes(pickle.dumps(content, 2))
