"""Does a comparison on a Ray cluster give the numbers of one machine, whatever is lost meanwhile?

    python benchmarks/clusters.py                        # 60 runs, ten kills of each kind
    python benchmarks/clusters.py --runs 12 --kills 2 --only worker

Two nodes of one CPU each are simulated on this machine beside a head that trains nothing. A
comparison of a tiny table, two rows, is trained by `--engine local --jobs 2` and by `--engine ray`;
then by Ray while a worker process, a node with all its processes, or the command itself is killed
(SIGKILL) at random moments. A killed node is replaced by another, a killed command is repeated with
--resume. Results, decisions and predictions must be those of the local engine to the last digit,
and no run or temporary file may be too many. Exit code 1 otherwise. Needs Linux and
`equimodal[ray]`.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from kills import write_table

PATIENCE = 900.0
KINDS = ("worker", "node", "driver")


def started(folder: Path, runs: int, out: str, *more: str) -> subprocess.Popen[bytes]:
    """The comparison as a command, in a session of its own."""
    line = ["compare", "--data", "my.csv", "--methods", "joint,amss", "--seeds", str(runs // 2)]
    line += ["--epochs", "6", "--cache", str(folder / "cache"), "--out", out, *more]
    begin = "import sys; from equimodal.cli.main import main; sys.exit(main())"
    with open(folder / f"{Path(out).name}.log", "ab") as said:
        return subprocess.Popen(
            [sys.executable, "-c", begin, *line], cwd=folder, stdout=said, stderr=said,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


class Nodes:
    """A simulated cluster: a head without CPUs, and two nodes of one."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.cluster.add_node(num_cpus=1) for _ in range(2)]
        self.address = self.cluster.address

    def close(self) -> None:
        self.cluster.shutdown()

    def workers(self) -> list[int]:
        """Processes of the nodes that train a run at the moment."""
        return [pid for node in self.nodes for pid in children(raylet(node)) if trains(pid)]

    def replace(self, index: int) -> None:
        """Kill a node with its workers, and bring another."""
        node = self.nodes.pop(index)
        self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.append(self.cluster.add_node(num_cpus=1))


def raylet(node: Any) -> int:
    """Process of a node that owns its workers."""
    return node.all_processes["raylet"][0].process.pid


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def trains(pid: int) -> bool:
    """Ray names a worker after the task that it is at."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::trained")
    return False


def finished(folder: Path) -> int:
    return len(list(folder.glob("runs/*/*/result.json")))


def moments(count: int, runs: int, chance: random.Random) -> Iterator[float]:
    """Numbers of finished runs, spread over a comparison, after which something is killed."""
    yield from sorted(chance.uniform(0, 0.95 * runs) for _ in range(count))


def disturbed(
    folder: Path, nodes: Nodes, runs: int, kind: str, kills: int, chance: random.Random
) -> tuple[int, int]:
    """A comparison during which something is killed; its exit code, and how often it was."""
    out, given = f"{folder}/{kind}", ("--engine", "ray", "--address", nodes.address)
    running, done = started(folder, runs, out, *given), 0
    for moment in moments(kills, runs, chance):
        end = time.monotonic() + PATIENCE
        while running.poll() is None and time.monotonic() < end and (
            finished(Path(out)) < moment or not nodes.workers()
        ):  # fmt: skip
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.4))
        if running.poll() is not None:
            break
        if kind == "driver":
            running.kill()
            running.wait()
            running = started(folder, runs, out, *given, "--resume")
        elif kind == "node":
            nodes.replace(chance.randrange(2))
        else:
            victims = nodes.workers()
            if not victims:
                continue
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
        done += 1
        print(f"  {kind} {done} killed after {finished(Path(out))} runs", flush=True)
    return running.wait(PATIENCE), done


def faults(folder: Path, name: str, runs: int) -> Iterator[str]:
    """What differs from the comparison of the local engine."""
    same = Path(__file__).with_name("same_results.py")
    ended = subprocess.run(
        [sys.executable, str(same), str(folder / "local"), str(folder / name)],
        capture_output=True, text=True,
    )  # fmt: skip
    if ended.returncode:
        yield f"different: {(ended.stdout + ended.stderr).strip()[-300:]}"
    if finished(folder / name) != runs:
        yield f"{finished(folder / name)} runs are there"
    if left := [p.name for p in (folder / name).rglob(".unfinished-*")]:
        yield f"temporary files are left: {', '.join(left[:3])}"
    files = [{p.relative_to(folder / n) for p in (folder / n).rglob("*")} for n in ("local", name)]
    if odd := files[0] ^ files[1]:
        yield f"files differ: {', '.join(sorted(map(str, odd))[:5])}"


def measured(folder: Path, runs: int, kinds: list[str], kills: int, seed: int) -> int:
    """All comparisons, one after the other; how many were wrong."""
    chance, wrong = random.Random(seed), 0
    write_table(folder)
    if started(folder, runs, f"{folder}/local", "--jobs", "2").wait(PATIENCE):
        raise SystemExit((folder / "local.log").read_text())
    for kind in kinds:
        nodes = Nodes()
        try:
            before = time.monotonic()
            code, done = disturbed(folder, nodes, runs, kind, kills * (kind != "ray"), chance)
            seconds = time.monotonic() - before
        finally:
            nodes.close()
        found = list(faults(folder, kind, runs)) if code == 0 else [f"exit code {code}"]
        wrong += bool(found)
        kill = f", {done} kills of a {kind}" if kind != "ray" else ""
        print(f"{runs} runs on two nodes{kill}, {seconds:.0f} s: {'; '.join(found) or 'the same'}")
        if code:
            print((folder / f"{kind}.log").read_text()[-2000:])
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("ray", *KINDS))
    arguments = parser.parse_args()
    kinds = [arguments.only] if arguments.only else ["ray", *KINDS]
    os.environ.update(OMP_NUM_THREADS="1", RAY_USAGE_STATS_ENABLED="0")
    with tempfile.TemporaryDirectory(
        prefix="clusters-", dir=os.environ.get("CLUSTERS_DIR"), ignore_cleanup_errors=True
    ) as place:
        wrong = measured(Path(place), arguments.runs, kinds, arguments.kills, arguments.seed)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
