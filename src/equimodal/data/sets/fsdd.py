"""The Free Spoken Digit Dataset: 8 kHz mono recordings ``{digit}_{speaker}_{index}.wav``."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import Floats, Labels
from equimodal.data.files import SourceFile

ORIGIN = "https://github.com/Jakobovski/free-spoken-digit-dataset (its folder recordings)"
FOLDER = "fsdd/recordings"
RATE = 8000
SAMPLES = 6400


@dataclass(frozen=True)
class Recordings:
    """Waveforms (N, 6400), and the digit, speaker and index (N,) that the files' names say."""

    waveforms: Floats
    digits: Labels
    speakers: NDArray[np.str_]
    indices: Labels


def fsdd(root: Path) -> Recordings:
    """All recordings in the order of digit, speaker and index, each with its peak at 1.

    The first 0.8 s are kept, which cuts one recording in fifty; a shorter one ends in silence.

    Raises:
        DataError: the folder or a recording is missing, damaged, misnamed, or not 8 kHz mono.
    """
    files = _files(root)
    waveforms = np.zeros((len(files), SAMPLES), np.float32)
    for row, file in zip(waveforms, files.values(), strict=True):
        sound = _sound(file)[:SAMPLES]
        row[: len(sound)] = sound
    digits, speakers, indices = (np.array(values) for values in zip(*files, strict=True))
    return Recordings(waveforms, digits, speakers, indices)


def _files(root: Path) -> dict[tuple[int, str, int], SourceFile]:
    """The recordings by digit, speaker and index: each speaker says each digit as often."""
    folder = SourceFile(root, FOLDER, ORIGIN)
    found = {}
    for path in folder.path.glob("*.wav"):
        file = SourceFile(root, f"{FOLDER}/{path.name}", ORIGIN)
        name = re.fullmatch(r"(\d)_([^_]+)_(\d+)\.wav", path.name)
        if name is None:
            raise file.error("is not named {digit}_{speaker}_{index}.wav")
        found[int(name[1]), name[2], int(name[3])] = file
    if not found:
        raise folder.error("holds no recording" if folder.path.is_dir() else "is missing")
    _, speakers, indices = (sorted(set(values)) for values in zip(*found, strict=True))
    for digit, speaker, index in product(range(10), speakers, indices):
        if (digit, speaker, index) not in found:
            missing = f"{FOLDER}/{digit}_{speaker}_{index}.wav"
            raise SourceFile(root, missing, ORIGIN).error("is missing")
    return dict(sorted(found.items()))


def _sound(file: SourceFile) -> Floats:
    """A recording's samples (T,), its peak at 1."""
    import soundfile  # loads a shared library

    content = file.content()
    # libsndfile reads a file that is cut short without a word.
    if content[:4] == b"RIFF" and len(content) < int.from_bytes(content[4:8], "little") + 8:
        raise file.error(f"is cut short: {len(content)} bytes are fewer than its header announces")
    try:
        sound, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise file.error(f"is no sound file ({error.error_string})") from error
    if rate != RATE or sound.shape[1] != 1:
        raise file.error(f"has {sound.shape[1]} channels at {rate} Hz, expected 1 at {RATE} Hz")
    file.check_finite(sound, "samples")
    peak = np.abs(sound).max(initial=0.0)
    if peak == 0:
        raise file.error("holds no sound")
    samples: Floats = sound[:, 0] / peak
    return samples
