"""Does every input end in the right value or in one clear refusal?

    python benchmarks/fuzz/run.py                             # a tenth of the full campaign
    python benchmarks/fuzz/run.py --full --jobs 4             # all of it: hours
    python benchmarks/fuzz/run.py media --count 600 --seed 1  # one kind
    python benchmarks/fuzz/run.py media --seed 1 --only 417   # one case again
    python benchmarks/fuzz/run.py calls --case '{...}'        # a case as a finding prints it

Kinds are command lines, tables with their YAML, media files, calls of the library, and damaged
results folders. A case follows from kind, seed and number. Each is tried in a process that may die
of it, with limits of time and memory. A finding is a traceback, a wrong value, a refusal that is
unclear or that wrote something, a process that died, hung, or took 1 GB more than good input
takes; of each kind of finding the smallest case is printed. Exit code 1 on findings.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])

from equimodal.workers.process import PipedProcess, ready  # noqa: E402
from fuzz.outcome import Outcome  # noqa: E402

FULL = {"commands": 4000, "tables": 1500, "media": 9000, "calls": 5000, "folders": 1000}
SECONDS = 120.0
"""A case that takes longer hangs; the reader of media allows itself as long."""
START_SECONDS = 300.0


class Result(NamedTuple):
    """A case that is over."""

    kind: str
    index: int
    outcome: Outcome
    case: Any


class Worker(PipedProcess):
    """A running `fuzz.worker`, the job that it is at, and what it said of it."""

    def __init__(self) -> None:
        super().__init__("fuzz.worker:main")
        self.job: dict[str, Any] | None = None
        self.case: Any = None
        self.found: Outcome | None = None
        self.deadline = time.monotonic() + START_SECONDS

    def assign(self, job: dict[str, Any]) -> None:
        """Give it a case, the first of a kind with the time to prepare for it."""
        self.job, self.case, self.found = job, None, None
        self.deadline = time.monotonic() + START_SECONDS
        self.send(job)

    def heard(self) -> dict[str, Any] | None:
        """Its next message; None where it has ended."""
        content = self.received()
        message = None if content is None else json.loads(content)
        if message and "case" in message:
            self.case = message["case"]
            self.deadline = time.monotonic() + SECONDS
        if message and message["state"] == "found":
            self.found = Outcome(message["word"], message["text"])
        return message


def results(jobs: Sequence[dict[str, Any]], processes: int) -> Iterator[Result]:
    """The results of all jobs as they come."""
    waiting, workers = deque(jobs), [Worker() for _ in range(min(processes, len(jobs)))]
    try:
        while workers:
            due = min(worker.deadline for worker in workers)
            for worker in ready(workers, max(0.0, due - time.monotonic())):
                message = worker.heard()
                if message is None:
                    yield from replaced(workers, worker, waiting, "died")
                elif message["state"] == "unprepared":
                    raise SystemExit(f"Good input does not pass:\n{message['text']}")
                elif message["state"] in ("ready", "done"):
                    if message["state"] == "done":
                        yield of(worker, Outcome(message["word"], message["text"]))
                    give(workers, worker, waiting)
            for worker in [w for w in workers if w.deadline <= time.monotonic()]:
                yield from replaced(workers, worker, waiting, "hang")
    finally:
        for worker in workers:
            worker.end()


def of(worker: Worker, outcome: Outcome) -> Result:
    """The result of the job that a worker is at."""
    assert worker.job is not None
    return Result(worker.job["kind"], worker.job["index"], outcome, worker.case)


def give(workers: list[Worker], worker: Worker, waiting: deque[dict[str, Any]]) -> None:
    """The next job for a worker, or its end."""
    if waiting:
        worker.assign(waiting.popleft())
    else:
        workers.remove(worker)
        worker.end()


def replaced(
    workers: list[Worker], worker: Worker, waiting: deque[dict[str, Any]], word: str
) -> Iterator[Result]:
    """A worker that is lost, and its case."""
    workers.remove(worker)
    code = worker.end()
    if worker.job is None or worker.case is None:
        raise SystemExit(f"A process cannot start: {word}, exit code {code}.")
    text = f"exit code {code}" if word == "died" else f"longer than {SECONDS:g} s"
    yield of(worker, worker.found or Outcome(word, text))
    if waiting:
        workers.append(Worker())


def noted(found: Iterator[Result]) -> Iterator[Result]:
    """The results, each finding noted on the error stream as it comes, and how far it is."""
    for count, result in enumerate(found, 1):
        if not result.outcome.is_right:
            words = f"{result.kind} {result.index}: {result.outcome.signature}"
            print(" ".join(words.split()), file=sys.stderr, flush=True)
        elif count % 100 == 0:
            print(f"{count} done", file=sys.stderr, flush=True)
        yield result


def summary(found: Sequence[Result]) -> dict[str, Any]:
    """Counts by kind, and of each kind of finding the case that is smallest."""
    counts: dict[str, Counter[str]] = {}
    kinds: dict[str, list[Result]] = {}
    for result in found:
        counts.setdefault(result.kind, Counter())[result.outcome.word] += 1
        if not result.outcome.is_right:
            kinds.setdefault(f"{result.kind}: {result.outcome.signature}", []).append(result)
    findings = []
    for group in kinds.values():
        least = min(group, key=lambda result: len(json.dumps(result.case)))
        findings.append({
            "kind": least.kind, "index": least.index, "times": len(group),
            "word": least.outcome.word, "text": least.outcome.text, "case": least.case,
        })  # fmt: skip
    return {"counts": {k: dict(c) for k, c in counts.items()}, "findings": findings}


def shown(told: dict[str, Any], seed: int) -> Iterator[str]:
    """The summary in lines."""
    for at, finding in enumerate(told["findings"], 1):
        yield (
            f"{at}. {finding['kind']}, {finding['times']} times: {finding['word']}: "
            f"{finding['text']}"
        )
        yield f"   again: {finding['kind']} --seed {seed} --only {finding['index']}"
        yield f"   case:  {finding['kind']} --case {json.dumps(json.dumps(finding['case'])):.3000}"
    for kind, counts in told["counts"].items():
        of = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
        yield f"{kind}: {sum(counts.values())} cases: {of}"


def asked(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The jobs, the kinds in turn."""
    shared = {"seed": arguments.seed}
    if arguments.case or arguments.only is not None:
        case = json.loads(arguments.case) if arguments.case else None
        only = arguments.only or 0
        return [{"kind": k, "index": only, "case": case, **shared} for k in arguments.kinds]
    part = 1 if arguments.full else 10
    return [
        {"kind": kind, "index": index, **shared}
        for kind in arguments.kinds
        for index in range(arguments.count or FULL[kind] // part)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(FULL)} (all)")
    parser.add_argument("--count", type=int, help="cases of each kind")
    parser.add_argument("--full", action="store_true", help=f"the full campaign: {FULL}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", type=int, help="number of a single case")
    parser.add_argument("--case", help="a case as a finding prints it, as JSON")
    parser.add_argument("--here", action="store_true", help="no command line as its own process")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    arguments = parser.parse_args()
    arguments.kinds = arguments.kinds or list(FULL)
    if unknown := set(arguments.kinds) - set(FULL):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as place:
        os.environ |= {
            "FUZZ_PLACE": place, "TMPDIR": place, "EQUIMODAL_CACHE": str(Path(place, "cache")),
            "CUDA_VISIBLE_DEVICES": "", "FUZZ_HERE": "1" if arguments.here else "",
        }  # fmt: skip
        told = summary(list(noted(results(asked(arguments), arguments.jobs))))
    told["seconds"] = round(time.monotonic() - started)
    print(json.dumps(told, indent=1) if arguments.json else "\n".join(shown(told, arguments.seed)))
    return 1 if told["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
