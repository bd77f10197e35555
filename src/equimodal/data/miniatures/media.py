"""Small but real media files: encoded sound, video and images of moving texture."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from equimodal.data.table.reading.extras import extra

Doubles = NDArray[np.float64]
Frames = NDArray[np.uint8]

CODECS = {".flv": "flv", ".avi": "mpeg4", ".mp4": "libx264"}
SOUND_CODECS = {".flv": "mp3", ".avi": "pcm_s16le", ".mp4": "aac"}
RATE = 22050


def texture(seed: int) -> Doubles:
    """A smooth random picture with values from 0 to 1: -> (48, 64)."""
    noise = gaussian_filter(np.random.default_rng(seed).random((48, 64)), 2, mode="wrap")
    scaled: Doubles = (noise - noise.min()) / np.ptp(noise)
    return scaled


def moving(seed: int, frames: int, step: tuple[float, float] = (1.0, -2.0)) -> Frames:
    """Frames of a texture that moves ``step`` (down, right) pixels a frame: -> (T, H, W, 3)."""
    still, (down, right) = texture(seed), step
    grey = [shift(still, (down * t, right * t), order=1, mode="grid-wrap") for t in range(frames)]
    return np.repeat((np.stack(grey) * 255).round().astype(np.uint8)[..., None], 3, axis=3)


def tone(seed: int) -> Doubles:
    """A tone of 0.3 s whose pitch follows the seed: -> (T,)."""
    return 0.3 * np.sin(2 * np.pi * (200 + 37 * seed) * np.arange(int(0.3 * RATE)) / RATE)


def write_sound(path: Path, seed: int) -> None:
    """A mono file of 16-bit samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seed), RATE, subtype="PCM_16")


def write_image(path: Path, seed: int) -> None:
    """A picture in the format of the file's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = extra("PIL.Image", "images")
    images.fromarray(moving(seed, 1)[0]).save(path)


def write_video(path: Path, frames: Frames, *, sound: Doubles | None = None) -> None:
    """Frames (T, H, W, 3), ten a second, and a mono sound at 22.05 kHz where one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    av = extra("av", "videos")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix], rate=Fraction(10))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        if stream.codec.name == "libx264":
            stream.options = {"crf": "18"}
        else:
            stream.bit_rate = 2_000_000
        if sound is not None:
            voice = container.add_stream(SOUND_CODECS[path.suffix], rate=RATE, layout="mono")
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if sound is not None:
            _mux_sound(container, voice, sound)


def _mux_sound(container: Any, stream: Any, sound: Doubles) -> None:
    av = extra("av", "videos")
    samples = (sound * 32767).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    resampler = av.AudioResampler(
        format=stream.format, layout="mono", rate=RATE, frame_size=stream.frame_size or None
    )
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(part))
    container.mux(stream.encode())
