"""The process that tries cases, and may die of them: takes them from a pipe until it closes.

In: ``{"kind", "seed", "index"}``. Out: ``{"state": "ready"}``; of every case its
``{"state": "begun", "case"}``, of a finding ``{"state": "found", ...}`` before smaller ones are
looked for, and ``{"state": "done", "word", "text", "case"}``. Where even good input does not pass:
``{"state": "unprepared", "text"}``.
"""

import json
import os
import random
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz.outcome import Outcome, broken

GB = 1 << 30
MOST_DATA = 4 * GB
MOST_FILE = GB
SHRINK_SECONDS, SHRINK_TRIES = 10.0, 30


def main(descriptor: int) -> None:
    """Serve the pipe with this file descriptor."""
    connection = Connection(descriptor)
    for limit, most in ((resource.RLIMIT_DATA, MOST_DATA), (resource.RLIMIT_FSIZE, MOST_FILE)):
        resource.setrlimit(limit, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(1000)
    place = Path(os.environ["FUZZ_PLACE"], str(os.getpid()))
    kinds: dict[str, tuple[Any, Any, int]] = {}
    with suppress(EOFError, OSError):
        send(connection, state="ready")
        while True:
            job = json.loads(connection.recv_bytes())
            if job["kind"] not in kinds:
                try:
                    kinds[job["kind"]] = prepared(job["kind"], place / job["kind"])
                except Exception:
                    send(connection, state="unprepared", text=traceback.format_exc())
            os.chdir(place / job["kind"])
            one(connection, job, *kinds[job["kind"]])
    os._exit(0)


def prepared(name: str, place: Path) -> tuple[Any, Any, int]:
    """A kind's module, what it made once, and the memory that good input takes."""
    place.mkdir(parents=True)
    os.chdir(place)
    module = import_module(f"fuzz.{name}")
    reset_peak()
    made = module.prepare(place)
    return module, made, peak()


def one(connection: Connection, job: dict[str, Any], module: Any, made: Any, good: int) -> None:
    """Make a case of its seed and number, try it, and look for a smaller one with its fault."""
    chance = random.Random(f"{job['kind']} {job['seed']} {job['index']}")
    case = job["case"] if job.get("case") is not None else module.make(chance, made)
    send(connection, state="begun", case=case)
    outcome = tried(module, case, made, good)
    if not outcome.is_right:
        send(connection, state="found", word=outcome.word, text=outcome.text, case=case)
        case, outcome = smallest(module, case, made, good, outcome)
    send(connection, state="done", word=outcome.word, text=outcome.text[:600], case=case)


def tried(module: Any, case: Any, made: Any, good: int) -> Outcome:
    """The outcome of a case, its memory included."""
    reset_peak()
    try:
        outcome: Outcome = module.run(case, made)
    except MemoryError as error:
        outcome = broken(error)
    except Exception:
        outcome = Outcome("fault of the script", traceback.format_exc()[-400:])
    more = peak() - good
    if more > GB:
        return Outcome("memory", f"{more / GB:.1f} GB more than good input takes; {outcome.text}")
    return outcome


def smallest(module: Any, case: Any, made: Any, good: int, outcome: Outcome) -> tuple[Any, Outcome]:
    """A smaller case with the same fault, as far as a few seconds lead."""
    end, tries = time.monotonic() + SHRINK_SECONDS, 0
    found = True
    while found:
        found = False
        for smaller in module.smaller(case):
            tries += 1
            if tries > SHRINK_TRIES or time.monotonic() > end:
                return case, outcome
            again = tried(module, smaller, made, good)
            if again.word == outcome.word and again.signature[:40] == outcome.signature[:40]:
                case, outcome, found = smaller, again, True
                break
    return case, outcome


def shorter(items: list[Any], least: int = 0) -> Iterator[list[Any]]:
    """A list without one of its items."""
    if len(items) > least:
        yield from (items[:at] + items[at + 1 :] for at in range(len(items)))


def reset_peak() -> None:
    """Count the most memory from here on (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Most resident bytes since then; 0 where the system does not say."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


def send(connection: Connection, **message: Any) -> None:
    """Send plain data as JSON."""
    connection.send_bytes(json.dumps(message).encode())
