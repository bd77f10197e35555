"""AV digits: spoken digits (FSDD) beside handwritten ones (MNIST), paired by their label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import (
    Arrays,
    Floats,
    Kind,
    Labels,
    Split,
    standardised,
    stratified,
)
from equimodal.data.files import SourceFile
from equimodal.data.information import Facts
from equimodal.data.sets import fsdd, mnist
from equimodal.data.settings import choice, whole
from equimodal.numerics.random import data_generator

FACTS = Facts(
    licence="FSDD: CC BY-SA 4.0; MNIST: CC BY-SA 3.0",
    origin=f"{fsdd.ORIGIN}; {mnist.ORIGIN}",
    files=(f"{fsdd.FOLDER}/*.wav", *mnist.FILES),
)
TEST_SPEAKERS = ("theo", "yweweler")
TEST_INDICES = range(5)
KINDS: dict[str, Kind] = {"audio": "spectrogram", "image": "image"}
BANDS = 32

Rows = NDArray[np.int64]


def avdigits(
    *,
    root: Path,
    seed: int,
    split: str = "speaker",
    train_images: int = 4000,
    test_images: int = 2000,
) -> Arrays:
    """Spoken digit (audio, log-mel 1x32x33) and handwritten digit (image 1x28x28), paired by label.

    Pairs are made, not natural: each recording gets an image of the same digit, drawn from the
    seed. Training and validation images come from MNIST's training part and do not overlap, test
    images from its test part. A digit's images are used again only where they run out.

    Args:
        root: folder that holds ``fsdd`` and ``mnist``.
        seed: seed of the pairs and of the validation split.
        split: "speaker": the speakers theo and yweweler are test and one of the others is
            validation, another for each of consecutive seeds; "official": recordings 0 to 4 of
            each speaker are test and a tenth of the others, drawn from the seed, is validation.
        train_images: MNIST training images to draw from, the first ones, 100 to 60000.
        test_images: MNIST test images to draw from, the first ones, 100 to 10000.

    Raises:
        DataError: a setting is wrong, a file is missing or damaged, or a digit is missing.
    """
    settings: dict[str, object] = {
        "split": choice("avdigits.split", split, ("speaker", "official")),
        "train_images": whole("avdigits.train_images", train_images, low=100, high=60000),
        "test_images": whole("avdigits.test_images", test_images, low=100, high=10000),
    }
    recordings = fsdd.fsdd(root)
    rows = (
        _by_speaker(recordings, seed, root) if split == "speaker" else _by_index(recordings, seed)
    )
    pools = _image_pools(root, seed, train_images, test_images)
    audio = _log_mel(recordings.waveforms)
    parts = {}
    for part, part_rows in rows.items():
        labels = recordings.digits[part_rows]
        _check_digits(labels, SourceFile(root, fsdd.FOLDER, fsdd.ORIGIN), part)
        images, digits = pools[part]
        drawn = _pairs(labels, digits, data_generator(seed, f"pairs {part}"))
        parts[part] = Split({"audio": audio[part_rows], "image": images[drawn]}, labels)
    train, validation, test = standardised(
        parts["train"], parts["validation"], parts["test"], KINDS
    )
    note = _note(split, recordings.speakers[rows["validation"]])
    return Arrays(train, validation, test, KINDS, tuple("0123456789"), settings, note)


def _note(split: str, validation_speakers: NDArray[np.str_]) -> str:
    if split == "official":
        how = "Official split by recording index; validation is a tenth of the training recordings."
    else:
        how = (
            f"Speaker-independent split: {' and '.join(TEST_SPEAKERS)} are test, "
            f"one of the others, in turn by seed, is validation (here {validation_speakers[0]})."
        )
    return f"Pairs are made by label from FSDD and MNIST, not natural. {how}"


def _log_mel(waveforms: Floats) -> Floats:
    """Log-mel spectrograms in 32 bands every 25 ms: (N, 6400) -> (N, 1, 32, 33)."""
    import torch

    from equimodal.data.spectrogram import log_mel

    sounds = torch.from_numpy(waveforms)
    return log_mel(sounds, rate=fsdd.RATE, n_fft=256, hop=200, bands=BANDS).numpy()


def _by_speaker(recordings: fsdd.Recordings, seed: int, root: Path) -> dict[str, Rows]:
    """Rows of each split, no speaker in two of them."""
    speakers = set(recordings.speakers.tolist())
    others = sorted(speakers - set(TEST_SPEAKERS))
    if not speakers.issuperset(TEST_SPEAKERS) or len(others) < 2:
        raise SourceFile(root, fsdd.FOLDER, fsdd.ORIGIN).error(
            f"holds the speakers {', '.join(sorted(speakers))}, expected "
            f"{', '.join(TEST_SPEAKERS)} and two or more others"
        )
    held_out = others[seed % len(others)]
    test = np.isin(recordings.speakers, TEST_SPEAKERS)
    validation = recordings.speakers == held_out
    masks = {"train": ~test & ~validation, "validation": validation, "test": test}
    return {part: np.flatnonzero(mask) for part, mask in masks.items()}


def _by_index(recordings: fsdd.Recordings, seed: int) -> dict[str, Rows]:
    """Rows of each split: the official test indices, and a tenth of each digit's other rows."""
    test = np.isin(recordings.indices, TEST_INDICES)
    rows = np.flatnonzero(~test)
    held_out = stratified(
        recordings.digits[rows], 0.1, data_generator(seed, "validation recordings")
    )
    return {"train": rows[~held_out], "validation": rows[held_out], "test": np.flatnonzero(test)}


def _image_pools(
    root: Path, seed: int, train_images: int, test_images: int
) -> dict[str, tuple[Floats, Labels]]:
    """Images and digits that each split may draw from; a fifth of the first pool is validation."""
    images, digits = mnist.mnist(root, "train", limit=train_images)
    held_out = stratified(digits, 0.2, data_generator(seed, "validation images"))
    pools = {
        "train": (images[~held_out], digits[~held_out]),
        "validation": (images[held_out], digits[held_out]),
        "test": mnist.mnist(root, "t10k", limit=test_images),
    }
    for part, (_, found) in pools.items():
        file = mnist.FILES[3 if part == "test" else 1]
        _check_digits(found, SourceFile(root, file, mnist.ORIGIN), part)
    return pools


def _pairs(labels: Labels, digits: Labels, rng: np.random.Generator) -> Rows:
    """A row of ``digits`` for each of ``labels``, through a shuffled pool in turn: (N,) -> (N,)."""
    drawn = np.empty(len(labels), np.int64)
    for digit in range(10):
        wanted = labels == digit
        drawn[wanted] = np.resize(rng.permutation(np.flatnonzero(digits == digit)), wanted.sum())
    return drawn


def _check_digits(labels: Labels, file: SourceFile, part: str) -> None:
    missing = sorted(set(range(10)) - set(labels.tolist()))
    if missing:
        raise file.error(f"holds too few samples: none of the digit {missing[0]} for {part}")
