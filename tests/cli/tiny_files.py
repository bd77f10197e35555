"""The real data sets' files in miniature, in the layout of their sources."""

import gzip
import struct

import numpy as np
import scipy.io
import soundfile

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
VIEWS = {"x1": 240, "x2": 76, "x3": 216, "x4": 47, "x5": 64, "x6": 6}


def write_avdigits(root):
    """Two recordings of each digit by each speaker, index 0 and 7, and 40 + 40 images."""
    rng = np.random.default_rng(0)
    (root / "fsdd" / "recordings").mkdir(parents=True)
    for digit in range(10):
        for speaker in SPEAKERS:
            for index in (0, 7):
                wave = rng.normal(0, 0.1, 1600 + 10 * digit)
                name = f"{digit}_{speaker}_{index}.wav"
                soundfile.write(root / "fsdd" / "recordings" / name, wave, 8000)
    (root / "mnist").mkdir()
    for split in ("train", "t10k"):
        labels = np.tile(np.arange(10, dtype=np.uint8), 4)
        images = rng.integers(0, 255, (40, 28, 28), dtype=np.uint8)
        _write_idx(root / "mnist" / f"{split}-labels-idx1-ubyte.gz", labels)
        _write_idx(root / "mnist" / f"{split}-images-idx3-ubyte.gz", images)


def write_mosi(root):
    """24 training and 8 test utterances; the last column of each table is the label."""
    rng = np.random.default_rng(0)
    (root / "cmu_mosi").mkdir(parents=True)
    for name, width in {"text": 100, "audio": 73, "video": 100}.items():
        for split, count in {"train": 24, "test": 8}.items():
            table = rng.normal(0, 1, (count, width)).round(3).astype(str)
            rows = [[*row, str(2 * i // count)] for i, row in enumerate(table)]
            lines = "\n".join(",".join(row) for row in rows)
            (root / "cmu_mosi" / f"{name}_{split}0.csv").write_text(lines + "\n")


def write_handwritten(root):
    """Eight training and two test samples of each digit in six views."""
    rng = np.random.default_rng(0)
    (root / "handwritten").mkdir(parents=True)
    found = {}
    for split, count in {"train": 80, "test": 20}.items():
        for view, width in VIEWS.items():
            found[f"{view}_{split}"] = rng.normal(0, 1, (count, width))
        found[f"gt_{split}"] = np.tile(np.arange(1, 11), count // 10)[:, None]
    scipy.io.savemat(root / "handwritten" / "handwritten_6views.mat", found)


def _write_idx(path, values):
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes()))
