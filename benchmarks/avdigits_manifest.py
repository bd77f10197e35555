"""avdigits as a table of wav and png files, held against the built-in data set.

    python benchmarks/avdigits_manifest.py --data-root DIR --folder DIR

Writes, for each seed, the pairs and the split of the built-in set as a table with a YAML, the
recordings copied and the images as png, and trains joint on both. Prints test accuracies and steps
a second; the promise is the same accuracies within seed noise and 80 % of the step rate.
"""

import argparse
import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from PIL import Image

from equimodal import data
from equimodal.data import avdigits, fsdd
from equimodal.data.arrays import generator
from equimodal.data.defaults import TRAINING_DEFAULTS
from equimodal.train.config import RunConfig
from equimodal.train.loop import train

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
        drawn = avdigits._pairs(labels, digits, generator(seed, f"pairs {part}"))
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


def run(name: str, root: str | None, seed: int, folder: Path, epochs: int) -> dict[str, Any]:
    """Train joint on one of the two."""
    defaults = TRAINING_DEFAULTS["avdigits"]
    config = RunConfig(
        data=name, data_settings={}, method="joint", seed=seed, lr=defaults["lr"], epochs=epochs,
        batch_size=defaults["batch_size"], optimizer="sgd", objective="fused", settings={},
        device="cpu",
    )  # fmt: skip
    return train(config, folder / f"{name}-{seed}-{epochs}", data_root=root)


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
    seconds: dict[str, list[float]] = {"built in": [], "table": []}
    for seed in range(options.seeds):
        table = write(options.data_root, options.folder, seed)
        name, root = data.ready(str(table), cache=options.folder / "cache")
        sources = {"built in": ("avdigits", str(options.data_root)), "table": (name, root)}
        for kind, (source, place) in sources.items():
            result = run(source, place, seed, options.folder / "runs", options.epochs)
            accuracies[kind].append(100 * result["test"]["accuracy"])
            seconds[kind].append(result["step_seconds"])
            print(f"seed {seed}, {kind}: {accuracies[kind][-1]:.1f} %, "
                  f"{1 / seconds[kind][-1]:.0f} steps/s", flush=True)  # fmt: skip
    for kind, found in accuracies.items():
        spread = stdev(found) if len(found) > 1 else 0.0
        print(f"{kind}: {fmean(found):.1f} ± {spread:.1f} % over {len(found)} seeds")
    print(f"step rate: {fmean(seconds['built in']) / fmean(seconds['table']):.0%} of the built-in")


if __name__ == "__main__":
    main()
