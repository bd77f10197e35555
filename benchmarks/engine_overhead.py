"""What does Ray cost over the local engine on the same cores, once workers have started?

    python benchmarks/engine_overhead.py                 # keypad's plan, three rounds
    python benchmarks/engine_overhead.py --methods joint,amss --seeds 2 --epochs 4 --rounds 1

The same plan is trained by both engines in turns, as many runs at a time as there are processors.
A time is that from the first run's start to the last one's end, as the engine hears of them: it
leaves out the start of processes and of the cluster. The ratio of the medians is to be at most
1.10. Needs `equimodal[ray]`, and an idle machine for its figures to mean anything.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.plan import make_plan
from equimodal.workers.process import processors


class Clock:
    """Hears when runs begin and end."""

    def __init__(self) -> None:
        self.first, self.last = 0.0, 0.0

    def started(self, worker: int, run: int) -> None:
        self.first = self.first or time.monotonic()

    def heard(self, worker: int, message: Mapping[str, Any]) -> None:
        self.last = time.monotonic()


def seconds(engine: str, experiment: Experiment, jobs: int) -> float:
    """Seconds of a whole plan."""
    clock = Clock()
    execution = Execution(engine=engine, jobs=jobs, progress=False)
    plan = make_plan(experiment)
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        place = Workplace(execution, "cpu", experiment.data)
        failed = place.trained(plan.runs, Path(folder), None, heard_by=lambda _: clock)
    if failed:
        raise SystemExit(next(iter(failed.values())))
    return clock.last - clock.first


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", type=lambda text: text.split(","))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    experiment = Experiment(methods=given.methods, seeds=given.seeds, epochs=given.epochs)
    jobs = processors()
    found: dict[str, list[float]] = {"local": [], "ray": []}
    for _ in range(given.rounds):
        for engine, times in found.items():
            times.append(seconds(engine, experiment, jobs))
            print(f"{engine}: {times[-1]:.1f} s", flush=True)
    ratio = median(found["ray"]) / median(found["local"])
    print(f"{jobs} runs at a time; ray / local = {ratio:.3f}")


if __name__ == "__main__":
    main()
