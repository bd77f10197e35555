"""How much memory a large table of files takes while it is checked and trained on.

    python benchmarks/manifest_memory.py --items 100000 --folder DIR

Writes a table of that many png and wav files (12 KB a sample) into the folder, on the first call
only, then runs `equimodal data check` and `equimodal compare` for one epoch of `joint`, and prints
seconds and the peak of the resident memory of all processes of the command together. The promise is
less than 2 GB each.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

SIDE, RATE, SAMPLES, CLASSES = 64, 8000, 4000, 10
LIMIT = 2 * 2**30


def write(folder: Path, items: int) -> Path:
    """The table and its files, each of its own content."""
    table = folder / f"items-{items}.csv"
    if table.exists():
        return table
    rows = []
    time_axis = np.arange(SAMPLES) / RATE
    for index in range(items):
        part = folder / f"{index // 1000:03d}"
        part.mkdir(parents=True, exist_ok=True)
        rng, label = np.random.default_rng(index), index % CLASSES
        picture = rng.integers(0, 100, (SIDE, SIDE)) + 15 * label
        Image.fromarray(picture.astype(np.uint8)).save(part / f"{index}.png", compress_level=1)
        tone = np.sin(2 * np.pi * (300 + 200 * label) * time_axis) + rng.normal(0, 1, SAMPLES)
        soundfile.write(part / f"{index}.wav", 0.2 * tone, RATE)
        rows.append([f"digit {label}", f"{part.name}/{index}.png", f"{part.name}/{index}.wav"])
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows([["label", "image", "sound"], *rows])
    return table


def measured(words: list[str], cache: Path) -> tuple[float, int]:
    """Seconds and peak resident bytes of a command with all its processes."""
    started, peak = time.monotonic(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "equimodal", *words],
        env=dict(os.environ) | {"EQUIMODAL_CACHE": str(cache)},
        start_new_session=True,
    )
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"equimodal {' '.join(words)} ended with {process.returncode}")
    return time.monotonic() - started, peak


def resident(session: int) -> int:
    """Resident bytes of all processes of a session."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    table = write(options.folder, options.items)
    out = options.folder / f"results-{time.time_ns()}"
    train = ["compare", "--data", str(table), "--methods", "joint", "--seeds", "0,"]
    train += ["--epochs", "1", "--out", str(out)]
    commands = {
        "check": ["data", "check", str(table)],
        "prepare and train one epoch": train,
        "train one epoch, cached": [*train[:-1], f"{out}-cached"],
    }
    figures = {name: measured(words, options.folder / "cache") for name, words in commands.items()}
    for name, (seconds, peak) in figures.items():
        verdict = "under" if peak < LIMIT else "OVER"
        print(f"{name}: {seconds:.0f} s, {peak / 2**20:,.0f} MB resident, {verdict} 2 GB")


if __name__ == "__main__":
    main()
