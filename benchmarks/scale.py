"""How long a list of runs takes on many workers that fail now and then: a simulation.

    python benchmarks/scale.py                  # writes the tables of docs/scale.md
    python benchmarks/scale.py --driver         # measures the loop that hands runs out
    python benchmarks/scale.py --lengths        # takes the lengths of runs from the field's table

Each worker takes the next run of the list as soon as the driver has handed it out. A worker that
fails, at random moments, starts anew, and its run goes on from its last finished epoch. One driver
hands out runs and writes down their results, one after the other. The lengths of runs are those
that docs/results/field has measured, as docs/results/data/run-lengths.json keeps them. The same
seed gives the same figures.
"""

import argparse
import heapq
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import exchange_sizes
from marked import replaced

DOCS = Path(__file__).parents[1] / "docs"
SIMULATED, CALCULATED = "benchmarks/scale.py", "benchmarks/scale.py, calculated"
PAGE = DOCS / "scale.md"
FIELD = DOCS / "results" / "field" / "data" / "handwritten" / "results.json"
LENGTHS = DOCS / "results" / "data" / "run-lengths.json"
"""What was measured when the page was written: the field's table grows."""
RUNS, SETS, EPOCHS = 1550, 7, 30
WORKERS = (1, 10, 100, 1000)
LONGER = (1, 1000)
"""How many times as long as they were measured runs are."""
HOUR = 3600.0
START, BETWEEN, DRIVER = 10.0, 100 * HOUR, 0.005
"""Assumed: a worker starts in ten seconds and fails once in a hundred hours; a run keeps the driver
for five milliseconds."""


@dataclass(frozen=True)
class Cluster:
    """Workers, and what goes wrong with them.

    Args:
        workers: how many.
        start: seconds until a worker that begins, or begins again, trains.
        between: mean seconds of a worker's time between two failures; 0 for none.
        driver: seconds for which a run that begins or ends has the driver to itself.
        epochs: of a run, all as long; what is lost is what was done of one.
    """

    workers: int
    start: float = 0.0
    between: float = 0.0
    driver: float = 0.0
    epochs: int = EPOCHS


@dataclass(frozen=True)
class Outcome:
    """Of a simulated list of runs, in seconds."""

    makespan: float
    work: float
    """The runs' own, without what was lost."""
    lost: float
    """Trained in epochs that were not finished."""
    failures: int
    workers: int

    @property
    def utilisation(self) -> float:
        """Share of all workers' time that went into what was kept."""
        return self.work / (self.makespan * self.workers)


def simulated(lengths: Sequence[float], cluster: Cluster, seed: int = 0) -> Outcome:
    """What becomes of runs of such lengths, in their order."""
    chance, driver, last = random.Random(seed), 0.0, 0.0
    lost, failures = 0.0, 0
    # Workers by the moment at which they are free; the number breaks ties.
    free = [(cluster.start, worker) for worker in range(min(cluster.workers, len(lengths)))]
    for length in lengths:
        moment, worker = heapq.heappop(free)
        driver = max(moment, driver) + cluster.driver
        spent, wasted, failed = _trained(length, cluster, chance)
        lost, failures = lost + wasted, failures + failed
        last = max(last, driver + spent)
        heapq.heappush(free, (driver + spent, worker))
    return Outcome(last, sum(lengths), lost, failures, cluster.workers)


def _trained(length: float, cluster: Cluster, chance: random.Random) -> tuple[float, float, int]:
    """Seconds until a run is over, of these lost in unfinished epochs, and failures."""
    if not cluster.between:
        return length, 0.0, 0
    spent = lost = done = 0.0
    failures, epoch = 0, length / cluster.epochs
    while True:
        lasts = chance.expovariate(1 / cluster.between)
        if lasts >= length - done:
            return spent + length - done, lost, failures
        finished = lasts // epoch * epoch
        done, lost, failures = done + finished, lost + lasts - finished, failures + 1
        spent += lasts + cluster.start


def record_lengths() -> None:
    """Keep the seconds of every run that the field's table has measured by now."""
    rows = json.loads(FIELD.read_text(encoding="utf-8"))["rows"]
    seconds = [run["seconds"] for row in rows for run in row["runs"] if run.get("seconds")]
    kept = json.dumps({"from": "handwritten", "rows": len(rows), "seconds": seconds})
    LENGTHS.write_text(kept + "\n", encoding="utf-8")


def lists(seed: int = 0) -> list[float]:
    """Seconds of all runs of the field's table, as if every row and set were as those measured."""
    measured = json.loads(LENGTHS.read_text(encoding="utf-8"))["seconds"]
    return random.Random(seed).choices(measured, k=RUNS * SETS)


def simulation() -> Iterator[str]:
    """The table of the simulated lists."""
    measured = lists()
    heads = ("workers", "hours, ideal", "hours", "no failures", "utilisation", "failures", "lost")
    yield f"| runs | {' | '.join(heads)} |"
    yield f"|---{'|---:' * len(heads)}|"
    for factor in LONGER:
        lengths = [factor * length for length in measured]
        told = f"{len(lengths):,} of {sum(lengths) / len(lengths):,.0f} s"
        for workers in WORKERS:
            cluster = Cluster(workers, START, BETWEEN, DRIVER)
            found = simulated(lengths, cluster)
            calm = simulated(lengths, Cluster(workers, START, 0.0, DRIVER))
            cells = [
                told, f"{workers:,}", f"{sum(lengths) / workers / HOUR:,.2f}",
                f"{found.makespan / HOUR:,.2f}", f"{calm.makespan / HOUR:,.2f}",
                f"{100 * found.utilisation:.1f} %", f"{found.failures:,}",
                f"{found.lost / HOUR:,.2f} h",
            ]  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def written(text: str) -> str:
    """The page with both of its tables as they are now."""
    tables = {SIMULATED: simulation(), CALCULATED: exchange_sizes.table()}
    for by, lines in tables.items():
        text = replaced(text, by, "\n".join(lines))
    return text


class Instant:
    """A crew whose runs are over at once, each after as many messages as it has epochs."""

    def __init__(self, places: int) -> None:
        self.free = places
        self._said: list[dict[str, Any]] = []

    def begin(self, run: int, job: Mapping[str, Any]) -> None:
        """All that the run is going to say."""
        self.free -= 1
        kinds = ["started", *["epoch"] * EPOCHS, "finished"]
        self._said += [{"kind": kind, "run": run, "worker": 0} for kind in reversed(kinds)]

    def messages(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """One message at a time, as they come where runs last."""
        message = self._said.pop()
        self.free += message["kind"] == "finished"
        yield message

    def close(self) -> None:
        """Nothing is at work."""


class Deaf:
    """Hears nothing."""

    def started(self, worker: int, run: int) -> None: ...

    def heard(self, worker: int, message: Mapping[str, Any]) -> None: ...


def seconds_of_driver(runs: int, places: int = 1) -> float:
    """Processor time that a run costs the loop which hands runs out, of a list of so many."""
    from equimodal.comparison.engines.crew import execute
    from equimodal.comparison.plan import PlannedRun
    from equimodal.training.config import RunConfig

    one = RunConfig("keypad", {}, "joint", 0, 0.1, EPOCHS, 64, "sgd", "fused", {}, "cpu")
    planned = [PlannedRun(one, f"runs/joint/seed-{k}") for k in range(runs)]
    began = time.process_time()
    execute(planned, Path(), crew=Instant(places), listener=Deaf())
    return (time.process_time() - began) / runs


def main() -> None:
    """Write the tables, or measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--driver", action="store_true", help="measure the loop instead")
    parser.add_argument("--lengths", action="store_true", help="take them from the field's table")
    options = parser.parse_args()
    if options.lengths:
        record_lengths()
    if options.driver:
        for runs in (1000, RUNS * SETS):
            print(f"{runs:,} runs: {1000 * seconds_of_driver(runs):.3f} ms a run")
        return
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
