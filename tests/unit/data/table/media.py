"""Small real media: files as cameras and recorders write them, made by the libraries that read."""

import csv

import av
import numpy as np
import soundfile
from PIL import Image

RATE = 8000


def png(path, value=100, size=(12, 10), mode="L", seed=0):
    """An image of noise around a value; size is height and width."""
    channels = {"L": (), "RGB": (3,)}[mode]
    noise = np.random.default_rng([seed, value]).integers(-40, 40, (*size, *channels))
    Image.fromarray((value + noise).clip(0, 255).astype(np.uint8)).save(path)
    return path


def wav(path, frequency=440.0, seconds=0.2, channels=1, seed=0, **options):
    """A tone with a little noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.01, (len(time), channels))
    tone = 0.4 * np.sin(2 * np.pi * frequency * time)[:, None] + noise
    soundfile.write(path, tone, RATE, **options)
    return path


def video(path, frames=12, codec="libx264", value=0, **options):
    """A grey level that rises by 15 with every frame, 32 x 48 pixels, 10 frames a second."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for index in range(frames):
            pixels = np.full((32, 48, 3), (value + 15 * index) % 256, np.uint8)
            pixels[:4] = np.random.default_rng(index).integers(0, 255, (4, 48, 3))
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def cut(path, share):
    """Keep only this share of a file."""
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return path


def table(path, rows, header=("label", "image", "sound"), **options):
    """A CSV."""
    with open(path, "w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        writer = csv.writer(file, **options)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def samples(folder, count=24, labels=("cat", "dog")):
    """A table with an image and a sound for each sample, and the files themselves."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(count):
        kind = index % len(labels)
        png(folder / f"{index}.png", 60 + 90 * kind, seed=index)
        wav(folder / f"{index}.wav", 400 + 500 * kind, seed=index)
        rows.append([labels[kind], f"{index}.png", f"{index}.wav"])
    return table(folder / "my.csv", rows)
