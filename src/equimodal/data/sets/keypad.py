"""keypad: a handwritten digit, the touch-tone of the same key and, on request, the finger's push.

The digits are real, the 1,797 of the UCI Optical Recognition set that come with scikit-learn. The
tones follow ITU-T Q.23. Pairs are made: a sound is drawn for the key that the image shows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import Arrays, Floats, Kind, Labels, Split, standardised
from equimodal.data.information import Facts
from equimodal.data.settings import flag, number, whole
from equimodal.numerics.random import data_generator

if TYPE_CHECKING:
    from torch import Tensor

FACTS = Facts(
    licence="images: UCI Optical Recognition of Handwritten Digits, CC BY 4.0; sounds: generated",
    origin="generated on the spot, nothing to download; the digits come with scikit-learn",
    files=(),
)
RATE = 8000
SAMPLES = 2048
TRAIN, VALIDATION, RENDERS = 1000, 300, 4
# Keys 1 to 9 lie row by row, 0 in the middle of the fourth row.
ROWS = np.array([3, 0, 0, 0, 1, 1, 1, 2, 2, 2])
COLUMNS = np.array([1, 0, 1, 2, 0, 1, 2, 0, 1, 2])
ROW_TONES = np.array([697.0, 770.0, 852.0, 941.0])
COLUMN_TONES = np.array([1209.0, 1336.0, 1477.0])
BAND = (590.0, 1570.0)


def keypad(
    *,
    seed: int,
    snr: float = 10.0,
    detuning: float = 0.005,
    distractors: int = 2,
    image_noise: float = 0.3,
    third: bool = False,
    touch_noise: float = 0.3,
) -> Arrays:
    """Handwritten digit (image 1x8x8) and touch-tone of the same key (log-spectrogram 1x16x17).

    Either modality can be made to dominate: a high ``snr`` with much ``image_noise`` leaves the
    sound in the lead, the defaults leave the image. The third modality, ``touch``, is simulated
    and holds no handwriting: the forces on the four corners of the pad, read 8 times during the
    push by cells that share the finger's force by its position, as a vector of 32.
    1,000 / 300 / 497 source images; each test image is rendered 4 times.

    Args:
        seed: seed of the split, the sounds and all noise.
        snr: power of a key's two tones over that of the white noise, in dB, -40 to 60.
        detuning: largest relative error of a tone's frequency, 0 to 0.05.
        distractors: foreign tones in every sound, each up to as loud as a key's, 0 to 8.
        image_noise: standard deviation of the noise on pixels from 0 to 1, 0 to 5.
        third: add the modality ``touch``.
        touch_noise: standard deviation of a corner's reading, in units of a push, 0 to 5.

    Raises:
        DataError: a setting is of the wrong type or outside its range.
    """
    settings: dict[str, object] = {
        "snr": number("keypad.snr", snr, low=-40, high=60),
        "detuning": number("keypad.detuning", detuning, low=0, high=0.05),
        "distractors": whole("keypad.distractors", distractors, low=0, high=8),
        "image_noise": number("keypad.image_noise", image_noise, low=0, high=5),
        "third": flag("keypad.third", third),
        "touch_noise": number("keypad.touch_noise", touch_noise, low=0, high=5),
    }
    images, labels = _digits()
    order = data_generator(seed, "split").permutation(len(labels))
    order = np.concatenate([order, np.repeat(order[TRAIN + VALIDATION :], RENDERS - 1)])
    images, labels = images[order], labels[order]
    inputs = {
        "image": images + image_noise * _normal(data_generator(seed, "image"), images.shape),
        "sound": _sounds(labels, data_generator(seed, "sound"), snr, detuning, distractors),
    }
    kinds: dict[str, Kind] = {"image": "image", "sound": "spectrogram"}
    if third:
        inputs["touch"] = _pushes(labels, data_generator(seed, "touch"), touch_noise)
        kinds["touch"] = "vector"
    train, validation, test = standardised(*_split(inputs, labels, order), kinds)
    return Arrays(train, validation, test, kinds, tuple("0123456789"), settings, _note(third))


def _note(third: bool) -> str:
    touch = " The pushes are simulated." if third else ""
    return (
        "Pairs are made: a real handwritten digit and a generated touch-tone of the same key."
        f"{touch} 1,000 training, 300 validation and 497 test images, each of these rendered 4 "
        "times; split, sounds and noise follow the run's seed."
    )


def _digits() -> tuple[Floats, Labels]:
    """The handwritten digits, pixels from 0 to 1, and what they show: (1797, 1, 8, 8), (1797,)."""
    from sklearn.datasets import load_digits  # importing scikit-learn takes a second

    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)
    return images[:, None], digits.target.astype(np.int64)


def _split(
    inputs: dict[str, Floats], labels: Labels, sources: Labels
) -> tuple[Split, Split, Split]:
    """Training, validation and test rows, which lie one after the other, grouped by image."""
    bounds = (0, TRAIN, TRAIN + VALIDATION, len(labels))
    parts = [slice(start, end) for start, end in pairwise(bounds)]
    train, validation, test = (
        Split({m: rows[part] for m, rows in inputs.items()}, labels[part], sources[part])
        for part in parts
    )
    return train, validation, test


def _sounds(
    labels: Labels, rng: np.random.Generator, snr: float, detuning: float, distractors: int
) -> Floats:
    """Log-spectrogram of a key press per label: (N,) -> (N, 1, 16, 17)."""
    import torch

    from equimodal.data.spectrogram import log_spectrogram

    waveforms: Tensor = torch.from_numpy(
        key_presses(labels, rng, snr=snr, detuning=detuning, distractors=distractors)
    )
    low, high = BAND
    spectrogram = log_spectrogram(waveforms, rate=RATE, n_fft=128, hop=128, low=low, high=high)
    return spectrogram.numpy()


def key_presses(
    labels: Labels, rng: np.random.Generator, *, snr: float, detuning: float, distractors: int
) -> Floats:
    """Waveforms of 0.256 s at 8 kHz: (N,) -> (N, 2048).

    A press lasts 60 to 150 ms from a random onset, has a random level (0 to -12 dB), a random
    difference of up to 3 dB between its two tones, and noise ``snr`` dB under the pair.
    """
    count = len(labels)
    pair = np.stack([ROW_TONES[ROWS[labels]], COLUMN_TONES[COLUMNS[labels]]], axis=1)
    pair = pair * (1 + rng.uniform(-detuning, detuning, pair.shape))
    twist = 10 ** (rng.uniform(-1.5, 1.5, (count, 1)) / 20)
    press = _spans(rng, (count, 1))
    sounds = _tones(pair, np.hstack([twist, 1 / twist]), press, rng)
    foreign = rng.uniform(*BAND, (count, distractors))
    loudness = rng.uniform(0, 1, foreign.shape)
    sounds += _tones(foreign, loudness, _spans(rng, foreign.shape), rng)
    # A pair of unit sines has the power 1.
    sounds += np.float32(10 ** (-snr / 20)) * _normal(rng, sounds.shape)
    level = 10 ** (rng.uniform(-12, 0, (count, 1)) / 20)
    return sounds * level.astype(np.float32)


def _spans(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Random first and last sample of tones of 60 to 150 ms that lie within the sound."""
    length = rng.uniform(0.06, 0.15, shape) * RATE
    onset = rng.uniform(0, 1, shape) * (SAMPLES - length)
    return onset, onset + length


def _tones(
    frequencies: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    spans: tuple[NDArray[np.float64], NDArray[np.float64]],
    rng: np.random.Generator,
) -> Floats:
    """Sum of sines of random phase, each within its span: (N, K) -> (N, 2048)."""
    sounds = np.zeros((len(frequencies), SAMPLES), np.float32)
    phases = rng.uniform(0, 2 * np.pi, frequencies.shape)
    times = np.arange(SAMPLES, dtype=np.float32)
    starts, ends = (np.broadcast_to(edge, frequencies.shape)[..., None] for edge in spans)
    angular = (2 * np.pi / RATE * frequencies).astype(np.float32)[..., None]
    for k in range(frequencies.shape[1]):
        wave = np.sin(angular[:, k] * times + phases[:, k, None].astype(np.float32))
        wave *= (times >= starts[:, k]) & (times < ends[:, k])
        sounds += amplitudes[:, k, None].astype(np.float32) * wave
    return sounds


def _pushes(labels: Labels, rng: np.random.Generator, noise: float) -> Floats:
    """Readings of the pad's four corner cells at 8 times of a push: (N,) -> (N, 32).

    The finger lands around the centre of its key (standard deviation a quarter of a key), pushes
    with a random force along half a sine, and each cell takes the share that balances the pad.
    """
    count = len(labels)
    x = (COLUMNS[labels] + 0.5 + rng.normal(0, 0.25, count)) / 3
    y = (ROWS[labels] + 0.5 + rng.normal(0, 0.25, count)) / 4
    shares = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], axis=1)
    force = rng.uniform(0.5, 1.5, (count, 1)) * np.sin(np.pi * (np.arange(8) + 0.5) / 8)
    readings = (shares[:, :, None] * force[:, None]).reshape(count, 32)
    pushes: Floats = readings.astype(np.float32) + noise * _normal(rng, readings.shape)
    return pushes


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)
