"""wav and flac through soundfile: -> log-mel spectrogram (1, bands, frames)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import gcd
from typing import Any

import numpy as np

from equimodal.data.arrays import Floats
from equimodal.data.manifest.decode import Decoder, Item, Measure, Opened, check_riff, finite
from equimodal.data.manifest.findings import Unfit

SILENCE = 1e-4
"""A sound whose largest sample is below this share of full scale (-80 dB) is silent."""
_BLOCK = 1 << 18
_UNKNOWN = 1 << 48  # what libsndfile says of a flac whose recorder did not know its length


def decoder(kind: str) -> Decoder:
    """The decoder of sounds."""
    return decode


def measure(kind: str) -> Measure:
    """The measure of sounds."""
    return facts


def facts(source: Opened) -> dict[str, Any]:
    """Rate and length in seconds, from the header."""
    with _open(source) as sound:
        return {"rate": sound.samplerate, "seconds": sound.frames / sound.samplerate}


def decode(source: Opened, settings: Mapping[str, Any]) -> Item:
    """The first ``seconds`` of the mean of all channels as a log-spectrogram, of mel bands or, with
    the scale ``linear``, of all frequencies.

    A shorter sound ends in silence, or is repeated. With the level ``peak``, its largest sample is
    1.

    Raises:
        Unfit: it is damaged, cut short, empty, or holds samples that are not finite.
    """
    check_riff(source)
    with _open(source) as sound:
        rate, channels = sound.samplerate, sound.channels
        kept, read, peak = _read(sound, round(settings["seconds"] * rate) + 1)
    if not read:
        raise Unfit("empty", "holds no sample")
    warnings = [("silent", f"is silent: no sample above {SILENCE:g}")] if peak < SILENCE else []
    if read / rate > settings["seconds"]:
        warnings.append(("cut", f"lasts {read / rate:.2f} s, of which {settings['seconds']:g} s"))
    own = (channels, read)
    return Item(_spectrogram(kept, rate, settings), own, read / rate, warnings)


def _open(source: Opened) -> Any:
    import soundfile  # loads a shared library

    try:
        sound = soundfile.SoundFile(source.file)
    except (soundfile.LibsndfileError, TypeError) as error:
        raise Unfit("unreadable", f"is no sound file ({error})") from error
    if sound.frames >= _UNKNOWN:
        # libsndfile cannot read such a file to its end.
        raise Unfit("unreadable", "does not say how long it is; write it again from a whole file")
    return sound


def _read(sound: Any, keep: int) -> tuple[Floats, int, float]:
    """The first ``keep`` samples, how many there are, and the largest of all."""
    kept: list[Floats] = []
    read, peak = 0, 0.0
    for block in _blocks(sound):
        if read < keep:
            kept.append(block[: keep - read])
        read += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
    return np.concatenate(kept) if kept else np.zeros(0, np.float32), read, peak


def _blocks(sound: Any) -> Iterator[Floats]:
    """All samples, as the mean of the channels, in blocks of bounded size."""
    import soundfile

    while True:
        try:
            block = sound.read(_BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise Unfit("truncated", f"is damaged or cut short ({error})") from error
        if not len(block):
            return
        yield finite(block.mean(axis=1) if block.shape[1] > 1 else block[:, 0])


def _spectrogram(samples: Floats, rate: int, settings: Mapping[str, Any]) -> Floats:
    import torch

    from equimodal.data.spectrogram import log_mel, log_spectrogram

    length = round(settings["seconds"] * settings["rate"])
    row = np.zeros(length, np.float32)
    sound = _resampled(samples, rate, settings["rate"])[:length]
    if settings.get("short") == "repeat":
        sound = np.resize(sound, length)
    row[: len(sound)] = sound
    peak = float(np.abs(row).max(initial=0.0))
    if settings["level"] == "peak" and peak > 0:
        row /= peak
    waveform, form = torch.from_numpy(row[None]), {key: settings[key] for key in ("rate", "hop")}
    if settings.get("scale") == "linear":
        # High enough for all bins, whatever the last one's rounding.
        made = log_spectrogram(waveform, n_fft=settings["window"], high=settings["rate"], **form)
    else:
        made = log_mel(waveform, n_fft=settings["window"], bands=settings["bands"], **form)
    spectrogram: Floats = made[0].numpy()
    return spectrogram


def _resampled(samples: Floats, rate: int, wanted: int) -> Floats:
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly  # importing scipy.signal takes a second

    common = gcd(rate, wanted)
    found: Floats = resample_poly(samples, wanted // common, rate // common).astype(np.float32)
    return found
