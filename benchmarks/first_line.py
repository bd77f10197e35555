"""How long a command is silent: seconds until its first line, and until it ends.

    python benchmarks/first_line.py [--repeat 5]

The promise is two seconds on two idle cores for `equimodal compare`, and for a `train` that finds
its run done already.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

LIMIT = 2.0
COMMANDS = {
    "compare": ["compare", "--methods", "joint", "--seeds", "0,", "--epochs", "1", "--out", "r"],
    "train, done already": ["train", "--method", "joint", "--out", "done"],
}


def seconds_to_first_line(words: list[str], folder: Path) -> float:
    """Seconds from the start of a command to its first line on either stream; then it is ended."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "equimodal", *words], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    found = time.monotonic() - started
    process.kill()
    process.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "done/runs/joint/seed-0").mkdir(parents=True)
        (folder / "done/runs/joint/seed-0/config.json").write_text("{}")
        for title, words in COMMANDS.items():
            found = [seconds_to_first_line(words, folder) for _ in range(options.repeat)]
            verdict = "within" if max(found) < LIMIT else "OVER"
            print(f"{title}: first line after {median(found):.2f} s (at most {max(found):.2f} s), "
                  f"{verdict} {LIMIT:g} s")  # fmt: skip


if __name__ == "__main__":
    main()
