"""Sounds by soundfile or PyAV: -> log-mel spectrogram (1, bands, frames), or samples (T, 2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from equimodal.data.arrays import Floats
from equimodal.data.table.items.decode import Item, Opened, Reader, check_riff, finite
from equimodal.data.table.items.sound.tracks import Track
from equimodal.data.table.reading.findings import Unfit

SILENCE = 1e-4
"""A sound whose largest sample is below this share of full scale (-80 dB) is silent."""
Form = Callable[[Floats, int, Mapping[str, Any]], Floats]
"""From (samples, their rate, settings) to a row."""
MOST_RATE = 768_000
"""Samples a second, the highest rate that recorders know."""
LEAST_RATE = 100
MOST_CHANNELS = 256
_FINEST = 192_000
_LARGEST_PAGE = 27 + 255 + 255 * 255  # of an ogg
_BLOCK = 1 << 18
_PLAIN = (1, 3, 0xFFFE)  # whole and floating numbers, and either with a longer header
_SAMPLES = 1 << 22  # of all channels, in a block
_UNKNOWN = 1 << 48  # what libsndfile says of a flac whose recorder did not know its length


def facts(source: Opened) -> dict[str, Any]:
    """Rate and length in seconds, from the header."""
    with _open(source) as sound:
        return {"rate": sound.samplerate, "seconds": sound.frames / sound.samplerate}


def decode(form: Form, source: Opened, settings: Mapping[str, Any]) -> Item:
    """The first ``seconds`` of the mean of all channels, in the form that the kind has: samples, or
    a log-spectrogram of mel bands or, with the scale ``linear``, of all frequencies.

    A shorter spectrogram ends in silence, or is that of the sound repeated. With the level
    ``peak``, the largest sample is 1.

    Raises:
        Unfit: it is damaged, cut short, empty, or holds samples that are not finite.
    """
    check_riff(source)
    contradiction = _contradiction(source) + _unfinished(source)
    with _open(source) as sound:
        rate, channels = sound.samplerate, sound.channels
        kept, read, peak = _read(sound, round(settings["seconds"] * rate) + 1)
        if source.format == "mp3" and read < sound.frames:
            raise Unfit("truncated", f"has {read} samples, its header announces {sound.frames}")
    if not read:
        raise Unfit("empty", "holds no sample")
    warnings = [("silent", f"is silent: no sample above {SILENCE:g}")] if peak < SILENCE else []
    warnings += contradiction
    if read / rate > settings["seconds"]:
        warnings.append(("cut", f"lasts {read / rate:.2f} s, of which {settings['seconds']:g} s"))
    own = (channels, read)
    return Item(form(kept, rate, settings), own, read / rate, warnings)


def _open(source: Opened) -> Any:
    if source.format == "m4a":
        track = Track(source)
        _check_header(track.samplerate, track.channels)
        return track
    import soundfile  # loads a shared library

    try:
        sound = soundfile.SoundFile(source.file)
    except (soundfile.LibsndfileError, TypeError) as error:
        raise Unfit("unreadable", f"is no sound file ({error})") from error
    if sound.frames >= _UNKNOWN:
        # libsndfile cannot read such a file to its end.
        raise Unfit("unreadable", "does not say how long it is; write it again from a whole file")
    _check_header(sound.samplerate, sound.channels)
    return sound


def _check_header(rate: int, channels: int) -> None:
    """Nothing, for numbers that a recorder may write: memory and time follow from them."""
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise Unfit(
            "unreadable",
            f"has a damaged header: {rate:,} samples a second, possible are {LEAST_RATE} to "
            f"{MOST_RATE:,}",
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise Unfit("unreadable", f"has {channels} channels, possible are 1 to {MOST_CHANNELS}")


def _contradiction(source: Opened) -> list[tuple[str, str]]:
    """The finding of a wav of plain samples whose header does not agree with itself, as after a
    flipped bit: rate times bytes of a sample is not the bytes a second."""
    head = source.file.read(36)
    source.file.seek(0)
    if head[:4] != b"RIFF" or head[12:16] != b"fmt " or len(head) < 36:
        return []
    form, _, rate, speed, frame = struct.unpack("<HHIIH", head[20:34])
    if form not in _PLAIN or speed in (0, rate * frame):
        return []
    said = f"{rate} samples a second of {frame} bytes, but {speed} bytes a second"
    return [("damaged", f"has a header that contradicts itself: {said}")]


def _unfinished(source: Opened) -> list[tuple[str, str]]:
    """The finding of an ogg whose last page does not say that it is the last, or is not whole."""
    if source.format != "ogg":
        return []
    start = max(source.size - _LARGEST_PAGE, 0)
    source.file.seek(start)
    tail = source.file.read(_LARGEST_PAGE)
    source.file.seek(0)
    at = tail.rfind(b"OggS")
    page = tail[at:] if at >= 0 else b""
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    whole = bool(segments) and len(page) >= 27 + len(segments) + sum(segments)
    if whole and page[5] & 4:
        return []
    return [("damaged", "does not end with a last page, as if it were cut short")]


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

    size = min(_BLOCK, _SAMPLES // sound.channels)
    while True:
        try:
            block = sound.read(size, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise Unfit("truncated", f"is damaged or cut short ({error})") from error
        if not len(block):
            return
        yield finite(block.mean(axis=1) if block.shape[1] > 1 else block[:, 0])


def _wave(samples: Floats, rate: int, settings: Mapping[str, Any]) -> Floats:
    """The samples and, in a second column, 1 where there is one: (length, 2), padded with 0."""
    sound = _levelled(samples, rate, settings)
    row = np.zeros((_length(settings), 2), np.float32)
    row[: len(sound), 0], row[: len(sound), 1] = sound, 1
    return row


def _length(settings: Mapping[str, Any]) -> int:
    length: int = round(settings["seconds"] * settings["rate"])
    return length


def _levelled(samples: Floats, rate: int, settings: Mapping[str, Any]) -> Floats:
    """The sound at its rate and level, cut to its length: (at most length,)"""
    sound = _resampled(samples, rate, settings["rate"])[: _length(settings)]
    peak = float(np.abs(sound).max(initial=0.0))
    return sound / np.float32(peak) if settings["level"] == "peak" and peak > 0 else sound


def _spectrogram(samples: Floats, rate: int, settings: Mapping[str, Any]) -> Floats:
    import torch

    from equimodal.data.spectrogram import log_mel, log_spectrogram

    length = _length(settings)
    row = np.zeros(length, np.float32)
    sound = _levelled(samples, rate, settings)
    if settings.get("short") == "repeat":
        sound = np.resize(sound, length)
    row[: len(sound)] = sound
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

    share = Fraction(wanted, rate)
    if share.denominator > _FINEST:  # the filter would have millions of taps
        share = share.limit_denominator(_FINEST // 10)
    up, down = share.numerator, share.denominator
    found: Floats = resample_poly(samples, up, down).astype(np.float32)
    return found


READERS = {
    "sound": Reader(partial(decode, _spectrogram), facts),
    "waveform": Reader(partial(decode, _wave), facts),
}
