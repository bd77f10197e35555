"""How much memory `equimodal predict` takes on a large table of files, and whether kills lose rows.

    python benchmarks/prediction_memory.py --items 100000 --folder DIR

Writes the table of benchmarks/manifest_memory.py into the folder, on the first call only, trains a
model on its first thousand rows, and predicts all of them: first in one go, then killed (SIGKILL)
again and again after some seconds and resumed. Prints seconds, the peak of the resident memory of
all processes of the command together, and whether the two files are the same. The promise is less
than 1.5 GB.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from manifest_memory import measured, write

LIMIT = 1.5 * 2**30
TRAINED = 1000


def model_of(folder: Path, table: Path) -> Path:
    """The model folder of a run on the first rows, trained on the first call only."""
    place = folder / "prediction" / "runs" / "joint" / "seed-0" / "model"
    if not (place / "model.json").exists():
        head = "".join(table.read_text().splitlines(keepends=True)[: TRAINED + 1])
        (folder / "few.csv").write_text(head)
        line = ["train", "--method", "joint", "--data", str(folder / "few.csv"), "--epochs", "3"]
        measured([*line, "--out", str(folder / "prediction")], folder / "cache")
    return place


def interrupted(words: list[str], seconds: float) -> int:
    """How often the command was killed until it ended well."""
    kills = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "equimodal", *words, *["--resume"] * (kills > 0)],
            start_new_session=True,
        )
        try:
            if process.wait(random.Random(kills).uniform(0.3, 1) * seconds) == 0:
                return kills
            raise SystemExit(f"equimodal {' '.join(words)} ended with {process.returncode}")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kill-after", type=float, metavar="SECONDS", help="(a fifth of its time)")
    options = parser.parse_args()
    table = write(options.folder, options.items)
    model = model_of(options.folder, table)
    outs = [options.folder / f"{name}-{time.time_ns()}.csv" for name in ("whole", "killed")]
    lines = [["predict", str(model), str(table), "--out", str(out)] for out in outs]
    seconds, peak = measured(lines[0], options.folder / "cache")
    verdict = "under" if peak < LIMIT else "OVER"
    print(
        f"predict: {seconds:.0f} s, {peak / 2**20:,.0f} MB resident, {verdict} 1.5 GB", flush=True
    )
    kills = interrupted(lines[1], options.kill_after or seconds / 5)
    same = outs[0].read_bytes() == outs[1].read_bytes()
    print(f"killed {kills} times: {'the same file' if same else 'ANOTHER FILE'}")


if __name__ == "__main__":
    main()
