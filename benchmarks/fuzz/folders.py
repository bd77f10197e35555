"""Damaged results folders: a file cut, flipped, edited, exchanged or replaced by a link."""

import contextlib
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz.here import read_here, small_results, stop_at_training
from fuzz.outcome import VALUE, Outcome, command
from fuzz.worker import shorter

LINES = {
    "report": ["report", "results"],
    "diagnose": ["diagnose", "results"],
    "deep": ["diagnose", "results", "--deep", "--cache", "cache"],
    "run": ["diagnose", "results/runs/joint/seed-0"],
    "resume": ["compare", "--data", "my.csv", "--methods", "joint,alone:*,ensemble", "--seeds", "1",
               "--epochs", "1", "--resume", "--jobs", "1", "--out", "results"],
}  # fmt: skip
ODD: tuple[Any, ...] = (None, True, -1, 0, 10**400, 1e308, "", "x", [], {}, [[]], "../up", [None])


def prepare(place: Path) -> Path:
    """A finished comparison."""
    (place / "model").mkdir()
    small_results(place / "model")
    read_here()
    stop_at_training()
    for line in LINES:
        good = {"line": line, "edits": []}
        outcome = run(good, place)
        assert outcome.word == VALUE, (line, outcome)
    return place


def make(chance: random.Random, made: Path) -> dict[str, Any]:
    """A command, and what is done to the files before."""
    files = sorted(
        str(path.relative_to(made / "model"))
        for path in (made / "model" / "results").rglob("*")
        if path.is_file() and path.name != ".lock"
    )
    whats = ["cut", "flip", "flip", "value", "value", "value", "gone", "folder", "other"]
    whats += ["link"]
    edits = [
        [chance.choice(whats), chance.choice(files), chance.random(), chance.randrange(1 << 20)]
        for _ in range(chance.choice([1, 1, 1, 2]))
    ]
    return {"line": chance.choice(list(LINES)), "edits": edits}


def damage(folder: Path, what: str, name: str, share: float, number: int) -> None:
    """Do one thing to a file."""
    path = folder / name
    if not path.is_file():
        return
    content = bytearray(path.read_bytes())
    if what == "value" and path.suffix == ".json":
        with contextlib.suppress(ValueError):
            path.write_text(json.dumps(changed(json.loads(content), random.Random(number))))
        return
    path.unlink()
    if what == "cut":
        path.write_bytes(content[: int(share * len(content))])
    elif what in ("flip", "value"):
        if content:
            content[int(share * len(content))] ^= 1 << number % 8
        path.write_bytes(content)
    elif what == "folder":
        path.mkdir()
    elif what == "other":
        shutil.copy(folder / "my.csv", path)
    elif what == "link":
        path.symlink_to(folder / "my.csv")


def changed(value: Any, chance: random.Random) -> Any:
    """A JSON value with one place of it made odd or taken away."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        if chance.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: changed(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], changed(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


def run(case: dict[str, Any], made: Path) -> Outcome:
    """The command on the damaged folder; the table beside it stays as it is in any case."""
    folder = made / "now"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made / "model", folder)
    for edit in case["edits"]:
        damage(folder, *edit)
    table = (folder / "my.csv").read_bytes()
    with contextlib.chdir(folder):
        outcome = command(list(LINES[case["line"]]), folder, mends=case["line"] == "resume")
    if (folder / "my.csv").read_bytes() != table:
        return Outcome("written", "a file outside the folder has changed")
    return Outcome(outcome.word, outcome.text[:300])


def smaller(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Fewer edits."""
    yield from ({**case, "edits": fewer} for fewer in shorter(case["edits"], 1))
