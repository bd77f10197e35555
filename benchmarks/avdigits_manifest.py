"""avdigits as a table of wav and png files, held against the built-in data set.

    python benchmarks/avdigits_manifest.py --data-root DIR --folder DIR

Writes, for each seed, the pairs and the split of the built-in set as a table with a YAML, the
recordings copied and the images as png, and trains joint on both. Prints test accuracies, and, for
steps of both in turn, their median length, processor time and the share spent waiting for data.
The promise is the same accuracies within seed noise and 80 % of the step rate.
"""

import argparse
import csv
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from PIL import Image

from equimodal import data
from equimodal.data.defaults import TRAINING_DEFAULTS
from equimodal.data.sets import avdigits, fsdd
from equimodal.numerics.random import data_generator
from equimodal.training.config import RunConfig
from equimodal.training.loop import train
from equimodal.training.setup import Setup, build

DECLARATION = """\
modalities:
  audio: {kind: sound, rate: 8000, seconds: 0.8, bands: 32, window: 256, hop: 200}
  image: {kind: image, size: 28, channels: 1}
"""
Row = tuple[str, str, str, str]


def write(root: Path, folder: Path, seed: int) -> Path:
    """The table of one seed and the files that it names."""
    recordings = fsdd.fsdd(root)
    pools = avdigits._image_pools(root, seed, 4000, 2000)
    rows: list[Row] = []
    for part, mine in avdigits._by_speaker(recordings, seed, root).items():
        images, digits = pools[part]
        labels = recordings.digits[mine]
        drawn = avdigits._pairs(labels, digits, data_generator(seed, f"pairs {part}"))
        rows += _rows(root, folder, recordings, mine, images, drawn, f"{seed}-{part}", part)
    table = folder / f"avdigits-{seed}.csv"
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows([("split", "label", "audio", "image"), *rows])
    table.with_suffix(".yaml").write_text(DECLARATION)
    return table


def _rows(
    root: Path, folder: Path, recordings: fsdd.Recordings, mine: Any, images: Any, drawn: Any,
    prefix: str, part: str,
) -> Iterator[Row]:  # fmt: skip
    for recording, image in zip(mine.tolist(), drawn.tolist(), strict=True):
        digit = int(recordings.digits[recording])
        wav = f"{digit}_{recordings.speakers[recording]}_{recordings.indices[recording]}.wav"
        png = f"{prefix}-{image}.png"
        for name in ("wav", "png"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if not (folder / "wav" / wav).exists():
            shutil.copy(root / fsdd.FOLDER / wav, folder / "wav" / wav)
        pixels = (images[image, 0] * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / "png" / png)
        yield part, str(digit), f"wav/{wav}", f"png/{png}"


def configuration(name: str, seed: int, epochs: int) -> RunConfig:
    """Joint on one of the two."""
    defaults = TRAINING_DEFAULTS["avdigits"]
    return RunConfig(
        data=name, data_settings={}, method="joint", seed=seed, lr=defaults["lr"], epochs=epochs,
        batch_size=defaults["batch_size"], optimizer="sgd", objective="fused", settings={},
        device="cpu",
    )  # fmt: skip


def steps(setup: Setup, epochs: int) -> Iterator[tuple[float, float, float]]:
    """Train; after every step its length, processor time and wait for its batch, in seconds."""
    optimizer, balancer = setup.optimizer, setup.balancer
    setup.model.train()
    for _ in range(epochs):
        batches = iter(balancer.batches(setup.source.train, batch_size=64))
        started, worked = time.perf_counter(), time.process_time()
        for inputs, targets in batches:
            waited = time.perf_counter() - started
            loss = balancer.loss(setup.model(inputs), targets)
            setup.fabric.backward(loss)
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
            yield time.perf_counter() - started, time.process_time() - worked, waited
            started, worked = time.perf_counter(), time.process_time()
        balancer.epoch_end()


def compare_rates(sources: dict[str, tuple[str, str | None]], epochs: int) -> None:
    """Steps of both in turn, so that whatever else the machine does slows both alike."""
    runs = [
        steps(build(configuration(name, 0, epochs), data_root=root), epochs)
        for name, root in sources.values()
    ]
    times = np.median(np.array(list(zip(*runs, strict=True))), axis=0)
    for kind, (whole, worked, waited) in zip(sources, times, strict=True):
        print(
            f"{kind}: a step takes {1000 * whole:.2f} ms, {1000 * worked:.2f} ms of a processor; "
            f"{64 / whole:,.0f} samples/s; {waited / whole:.1%} waiting for data"
        )
    ratio = times[0] / times[1]
    print(f"step rate of the table: {ratio[0]:.0%} of the built-in, {ratio[1]:.0%} by processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    accuracies: dict[str, list[float]] = {"built in": [], "table": []}
    for seed in range(options.seeds):
        table = write(options.data_root, options.folder, seed)
        name, root = data.ready(str(table), cache=options.folder / "cache")
        sources = {"built in": ("avdigits", str(options.data_root)), "table": (name, root)}
        for kind, (source, place) in sources.items():
            config = configuration(source, seed, options.epochs)
            folder = options.folder / "runs" / f"{source}-{seed}-{options.epochs}"
            result = train(config, folder, data_root=place)
            accuracies[kind].append(100 * result["test"]["accuracy"])
            print(f"seed {seed}, {kind}: {accuracies[kind][-1]:.1f} %", flush=True)
        if seed == 0:
            compare_rates(sources, epochs=4)
    for kind, found in accuracies.items():
        spread = stdev(found) if len(found) > 1 else 0.0
        print(f"{kind}: {fmean(found):.1f} ± {spread:.1f} % over {len(found)} seeds")


if __name__ == "__main__":
    main()
