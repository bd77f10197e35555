"""Is anything lost, different or left behind where a comparison is killed?

    python benchmarks/kills.py                       # 200 kills
    python benchmarks/kills.py --kills 20 --seed 1

A comparison of a tiny table, two rows by two seeds in two processes, is killed: the parent, a
worker, or the whole group, at a random moment; or a process itself just before or after its n-th
`os.replace` or `os.fsync`. Each time the cache is new, so the preparation of the table is hit as
well. Then it must hold that no process of it is left after some seconds; that repeating the command
with --resume finishes it (twice at most); that the results, decisions and predictions are those of
an undisturbed run to the last digit; and that no temporary file is left, in its folder or in the
folder for temporary files. Exit code 1 otherwise. Needs Linux.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SECONDS = 300.0
ORPHAN_SECONDS = 20.0
RESUMES = 2
MISSED = "missed"
LINE = [
    "compare",
    "--data",
    "my.csv",
    "--methods",
    "joint,amss",
    "--seeds",
    "2",
    "--epochs",
    "2",
    "--jobs",
    "2",
    "--out",
    "results",
]
# Imported by every Python that finds it on its path, the workers included.
HOOK = """
import os, signal
os.environ.setdefault("KILLS_PARENT", str(os.getpid()))
who, name, when, count = os.environ["KILLS_AT"].split()
parent = os.environ["KILLS_PARENT"] == str(os.getpid())
if parent == (who == "parent"):
    left, real = [int(count)], getattr(os, name)
    def hooked(*arguments, **given):
        left[0] -= 1
        if left[0] == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        value = real(*arguments, **given)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return value
    setattr(os, name, hooked)
"""


class Kill(NamedTuple):
    """``who`` dies ``when`` ("before" or "after" a call, or "at" a moment) of ``name``."""

    who: str
    name: str
    when: str
    count: float

    def __str__(self) -> str:
        if self.when == "at":
            return f"{self.who} at {self.count:.2f} of the time"
        return f"{self.who} {self.when} {self.name} {self.count:.0f}"


def kills(seed: int, count: int) -> Iterator[Kill]:
    """Half of them at random moments, half around a call."""
    chance = random.Random(seed)
    for _ in range(count):
        if chance.random() < 0.5:
            yield Kill(chance.choice(["parent", "worker", "group"]), "", "at", chance.random())
        else:
            name, when = chance.choice(["replace", "fsync"]), chance.choice(["before", "after"])
            most = 6 if name == "replace" else 14
            yield Kill(chance.choice(["parent", "worker"]), name, when, chance.randint(1, most))


def write_table(folder: Path) -> None:
    """Sentences and two numbers of 48 samples."""
    lines = ["split,label,words,numbers"]
    for k in range(48):
        split = ("train", "train", "train", "train", "validation", "test")[k % 6]
        lines.append(f"{split},{'ab'[k // 6 % 2]},word{k % 7} bird {k},{k} {k % 3}.5")
    (folder / "my.csv").write_text("\n".join(lines) + "\n")


def started(folder: Path, *more: str, kill: Kill | None = None) -> subprocess.Popen[bytes]:
    """The comparison in a folder of its own, with its cache and its temporary files."""
    (folder / "tmp").mkdir(exist_ok=True)
    paths = [*([str(folder / "hook")] if kill else []), *sys.path[1:]]
    given = {
        "TMPDIR": str(folder / "tmp"), "EQUIMODAL_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    if kill:
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(HOOK)
        given["KILLS_AT"] = f"{kill.who} {kill.name} {kill.when} {kill.count:.0f}"
    start = "import sys; from equimodal.cli.main import main; sys.exit(main())"
    with open(folder / "said.txt", "ab") as said:
        return subprocess.Popen(
            [sys.executable, "-c", start, *LINE, *more], cwd=folder, env={**os.environ, **given},
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip


def of_session(session: int) -> list[int]:
    """Processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            state, _, _, own = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(own) == session and state != "Z":
                found.append(int(entry.name))
    return found


def struck(folder: Path, kill: Kill, seconds: float) -> str | None:
    """Start the comparison and kill it; what is wrong where a process of it is left.

    `MISSED` where it was done before its kill, or never made the call.
    """
    running = started(folder, kill=None if kill.when == "at" else kill)
    with suppress(subprocess.TimeoutExpired):
        running.wait(kill.count * seconds if kill.when == "at" else SECONDS)
    came = kill.when == "at" and running.poll() is None
    if came:
        workers = [pid for pid in of_session(running.pid) if pid != running.pid]
        whom = {"parent": [running.pid], "worker": workers[:1], "group": [running.pid, *workers]}
        whom["worker"] = whom["worker"] or whom["parent"]  # before there is one
        for pid in whom[kill.who]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        running.wait(SECONDS)
    # A worker that dies before it has a run is replaced, and all goes well.
    if running.returncode == 0 and not came:
        return MISSED
    end = time.monotonic() + ORPHAN_SECONDS
    while (left := of_session(running.pid)) and time.monotonic() < end:
        time.sleep(0.1)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return f"{len(left)} processes are left" if left else None


def resumed(folder: Path) -> str | None:
    """Finish the comparison; what is wrong where that fails."""
    for _ in range(RESUMES):
        running = started(folder, "--resume")
        try:
            if running.wait(SECONDS) == 0:
                return None
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            return "hangs when it is resumed"
    return f"is not finished by --resume: {(folder / 'said.txt').read_text()[-300:]}"


def faults(folder: Path, whole: Path) -> Iterator[str]:
    """What is lost, different or left in a folder that was resumed."""
    same = Path(__file__).with_name("same_results.py")
    ended = subprocess.run(
        [sys.executable, str(same), str(whole / "results"), str(folder / "results")],
        capture_output=True, text=True,
    )  # fmt: skip
    if ended.returncode:
        yield f"different: {(ended.stdout + ended.stderr).strip()[-300:]}"
    usual = {path.name for path in (whole / "tmp").iterdir()}  # PyTorch keeps a folder of its own
    left = {p.name for p in (*folder.rglob(".unfinished-*"), *(folder / "tmp").iterdir())}
    if left := left - usual:
        yield f"temporary files are left: {', '.join(sorted(left))}"
    there = {p.relative_to(folder) for p in (folder / "results").rglob("*")}
    wanted = {p.relative_to(whole) for p in (whole / "results").rglob("*")}
    if odd := there ^ wanted:
        yield f"files differ: {', '.join(sorted(map(str, odd))[:5])}"


def tried(place: Path, kill: Kill, whole: Path, seconds: float) -> list[str]:
    """All that is wrong after a kill and a resume."""
    place.mkdir()
    write_table(place)
    first = struck(place, kill, seconds)
    if first == MISSED:
        return [MISSED]
    wrong = [first, resumed(place)]
    found = [text for text in wrong if text]
    return found if wrong[1] else [*found, *faults(place, whole)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of a single kill")
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True) as place:
        whole = Path(place, "whole")
        whole.mkdir()
        write_table(whole)
        before = time.monotonic()
        if started(whole).wait(SECONDS):
            raise SystemExit((whole / "said.txt").read_text())
        seconds = time.monotonic() - before
        for number, kill in enumerate(kills(arguments.seed, arguments.kills)):
            if arguments.only in (None, number):
                found = tried(Path(place, str(number)), kill, whole, seconds)
                word = MISSED if found == [MISSED] else "wrong" if found else "right"
                counts[word] += 1
                print(f"{number}: {kill}: {'; '.join(found) or 'right'}", flush=True)
    print(
        f"seed {arguments.seed}: {counts.total() - counts[MISSED]} kills, {counts['wrong']} wrong; "
        f"{counts[MISSED]} came to nothing"
    )
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
