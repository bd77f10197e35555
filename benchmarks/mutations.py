"""Would the tests notice? Plausible bugs of the methods, one at a time, under the tests of each.

    python benchmarks/mutations.py                        # every list in benchmarks/mutants
    python benchmarks/mutations.py amss dus-rl --jobs 2   # those of two methods
    python benchmarks/mutations.py L05 --only 'reward'    # by code, by a regular expression
    python benchmarks/mutations.py --check                # only whether every edit still applies

A list is a TOML file. Its ``tests`` are pytest's words, in this order until one fails, so the fast
ones come first; ``[files]`` holds its paths in one place. An entry replaces ``old``, which stands
in its file exactly once, by ``new``; its name is a code that no other entry has and what is wrong:

    [[bugs]]
    name = "A03 clamp forgotten"
    file = "amss"
    old = 'dim=0)).clamp(*clamp)'
    new = 'dim=0))'

``[[unchanged]]`` entries have the same form and change no code: they must survive, or the kills of
their list mean nothing. Edits are made in a copy of the tree, never in the tree itself. What the
tests do not notice is a survivor. The exit code is 0 where every bug is killed and every unchanged
entry survives, else 1; an edit that does not apply, or tests that do not run, are errors.
"""

import argparse
import ast
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent.parent
LISTS = Path("benchmarks", "mutants")
KEYS = {"method", "tests", "files", "unchanged", "bugs"}
COPIED = ("src", "tests", "docs", "examples", "benchmarks", "pyproject.toml", "README.md")
# With the rest of the product: a mutant may live in a method that `make test` leaves to others.
PYTEST = ("-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", "-m", "not processes")


class Entry(NamedTuple):
    """One edit as its list gives it."""

    name: str
    file: str
    old: str
    new: str


class Mutant(NamedTuple):
    """One edit of one file, and the tests that should notice it."""

    method: str
    tests: Sequence[Sequence[str]]
    name: str
    path: str
    old: str
    new: str
    is_bug: bool

    @property
    def code(self) -> str:
        """First word of the name."""
        return self.name.split()[0]


class Outcome(NamedTuple):
    """What became of a mutant: "killed", "time-out", "survived" or "error"; and by what."""

    mutant: Mutant
    word: str
    why: str
    seconds: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether a bug was killed, or an unchanged entry survived."""
        wanted = ("killed", "time-out") if self.mutant.is_bug else ("survived",)
        return self.word in wanted


# --- the lists and their edits


def read_list(file: Path) -> list[Mutant]:
    """The entries of one list, the unchanged ones first."""
    content = tomllib.loads(file.read_text())
    if set(content) != KEYS:
        odd = ", ".join(sorted(set(content) ^ KEYS))
        raise SystemExit(f"{file}: missing or unknown: {odd}. A list holds {sorted(KEYS)}.")
    kinds = ("unchanged", "bugs")
    return [_mutant(file, content, kind, given) for kind in kinds for given in content[kind]]


def _mutant(file: Path, content: dict[str, Any], kind: str, given: dict[str, str]) -> Mutant:
    try:
        entry = Entry(**given)
        path = content["files"][entry.file]
    except (TypeError, KeyError) as error:
        raise SystemExit(
            f"{file}: {given.get('name', given)}: needs {', '.join(Entry._fields)}, and a file "
            f"of [files]; found {error}."
        ) from None
    method, tests = content["method"], content["tests"]
    return Mutant(method, tests, entry.name, path, entry.old, entry.new, kind == "bugs")


def fault(mutant: Mutant, root: Path) -> str | None:
    """Why an edit cannot be made in a tree; None where it can."""
    if not (root / mutant.path).is_file():
        return f"there is no {mutant.path}"
    text = (root / mutant.path).read_text()
    found = text.count(mutant.old)
    if found != 1:
        return f"{mutant.path} holds its old text {found} times, not once: {mutant.old.strip()!r}"
    try:
        same = _syntax(text) == _syntax(edited(text, mutant))
    except SyntaxError as error:
        return f"its new text is no Python: {error.msg}"
    if same and mutant.is_bug:
        return "it changes no code"
    return None if same or mutant.is_bug else "it is an unchanged entry, but changes code"


def edited(text: str, mutant: Mutant) -> str:
    """A file's text with the edit made."""
    return text.replace(mutant.old, mutant.new)


@cache
def _syntax(text: str) -> str:
    return ast.dump(ast.parse(text))


def faults(mutants: Sequence[Mutant], root: Path) -> Iterator[str]:
    """What is wrong with the lists and their edits, a line each."""
    for mutant in mutants:
        if why := fault(mutant, root):
            yield f"{mutant.method}: {mutant.name}: {why}"
    codes = Counter(m.code for m in mutants)
    yield from (f"{code}: {n} entries have this code" for code, n in codes.items() if n > 1)
    for method, tests in {m.method: m.tests for m in mutants}.items():
        paths = [word for words in tests for word in words if word.startswith("tests/")]
        yield from (f"{method}: there is no {p}" for p in paths if not (root / p).exists())


# --- one mutant


def tried(mutant: Mutant, tree: Path, limit: float, stop: threading.Event) -> Outcome:
    """Tests a mutant in a copy of the tree, which is then as it was."""
    if why := fault(mutant, tree):
        return Outcome(mutant, "error", why)
    file, started = tree / mutant.path, time.monotonic()
    original = file.read_bytes()
    file.write_text(edited(original.decode(), mutant))
    try:
        word, why = verdict(mutant.tests, tree, started + limit, stop)
    finally:
        file.write_bytes(original)
    return Outcome(mutant, word, why, time.monotonic() - started)


def verdict(
    tests: Sequence[Sequence[str]], tree: Path, deadline: float, stop: threading.Event
) -> tuple[str, str]:
    """Whether tests notice what was done to a tree, and which one. -> (word, why)"""
    ran = 0
    for words in tests:
        code, output = run_pytest(words, tree, deadline, stop)
        if code is None:
            return "time-out", f"in {words[0]}"
        if code == 1:
            failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
            return "killed", failed[1] if failed else words[0]
        passed = re.search(r"(\d+) passed", output)
        if code or not passed:
            last = (output.strip().splitlines() or ["no output"])[-1]
            return "error", f"pytest {' '.join(words)} ended with {code}: {last}"
        ran += int(passed[1])
    return "survived", f"{ran} tests passed"


def run_pytest(
    words: Sequence[str], tree: Path, deadline: float, stop: threading.Event
) -> tuple[int | None, str]:
    """Exit code and output of pytest in a tree; no code where it was out of time or stopped.

    A .pyc of an earlier edit would be taken for this one's where size and time are the same, so
    none is written.
    """
    not_given = ("PYTEST_ADDOPTS", "PYTEST_XDIST")
    given = {k: v for k, v in os.environ.items() if not k.startswith(not_given)}
    own = {"PYTHONPATH": str(tree / "src"), "TMPDIR": str(tree.parent)}
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *PYTEST, *words], cwd=tree, env=given | own | fixed,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        while process.poll() is None and time.monotonic() < deadline and not stop.is_set():
            time.sleep(0.05)
        code = process.poll()
        with suppress(ProcessLookupError):  # what it started ends with it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        output.seek(0)
        return code, output.read()


# --- all of them


def outcomes(
    mutants: Sequence[Mutant], root: Path, *, jobs: int, limit: float
) -> Iterator[Outcome]:
    """Outcomes as they come; every worker has a copy of the tree of its own."""
    trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
    stop = threading.Event()

    def work(mutant: Mutant) -> Outcome:
        tree = trees.get()
        try:
            return tried(mutant, tree, limit, stop)
        finally:
            trees.put(tree)

    with tempfile.TemporaryDirectory(prefix="mutations-", ignore_cleanup_errors=True) as folder:
        for number in range(jobs):
            trees.put(copied(root, Path(folder, str(number), "tree")))
        pool = ThreadPoolExecutor(jobs)
        try:
            for future in as_completed([pool.submit(work, m) for m in mutants]):
                yield future.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def copied(root: Path, tree: Path) -> Path:
    """What the tests need of a tree, copied without caches."""
    tree.mkdir(parents=True)
    for name in COPIED:
        if (root / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(root / name, tree / name, ignore=ignored)
        elif (root / name).exists():
            shutil.copy(root / name, tree / name)
    return tree


def summary(found: Sequence[Outcome]) -> str:
    """Killed and total, and by name whatever is not as it should be."""
    bugs, unchanged = ([o for o in found if o.mutant.is_bug is b] for b in (True, False))
    killed, late = sum(o.is_right for o in bugs), sum(o.word == "time-out" for o in bugs)
    lines = [
        f"{killed} of {len(bugs)} bugs killed, {late} of them by time-out; "
        f"{sum(o.is_right for o in unchanged)} of {len(unchanged)} unchanged entries survived."
    ]
    parts = {
        "Survivors": [o for o in bugs if o.word == "survived"],
        "Unchanged, but killed; the kills of these methods mean nothing": [
            o for o in unchanged if o.word in ("killed", "time-out")
        ],
        "Errors": [o for o in found if o.word == "error"],
    }
    for title, wrong in parts.items():
        lines += [f"{title}:"] * bool(wrong)
        lines += [f"    {o.mutant.method}: {o.mutant.name} ({o.why})" for o in wrong]
    return "\n".join(lines)


def selected(mutants: Sequence[Mutant], words: Sequence[str], only: str) -> list[Mutant]:
    """The mutants of methods or codes whose name matches."""
    known = {m.method for m in mutants} | {m.code for m in mutants}
    if unknown := [w for w in words if w not in known]:
        methods = ", ".join(sorted({m.method for m in mutants}))
        raise SystemExit(f"no method and no code: {', '.join(unknown)}. Methods are {methods}.")
    chosen = [m for m in mutants if not words or {m.method, m.code} & set(words)]
    chosen = [m for m in chosen if re.search(only, m.name)]
    if not chosen:
        raise SystemExit(f"no entry matches --only {only!r}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="methods or codes of entries (default: all)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="entries with such a name")
    parser.add_argument("--jobs", type=int, default=1, help="mutants tried at a time")
    parser.add_argument("--limit", type=float, default=600, help="seconds a mutant may take")
    parser.add_argument("--check", action="store_true", help="only check that the edits apply")
    parser.add_argument("--root", type=Path, default=HERE, help="tree to try (default: this one)")
    options = parser.parse_args(arguments)
    lists = sorted((options.root / LISTS).glob("*.toml"))
    mutants = selected([m for f in lists for m in read_list(f)], options.names, options.only)
    if options.check:
        wrong = list(faults(mutants, options.root))
        print(*wrong, f"{len(mutants)} edits checked, {len(wrong)} faults.", sep="\n")
        return int(bool(wrong))
    found = []
    for outcome in outcomes(mutants, options.root, jobs=options.jobs, limit=options.limit):
        found.append(outcome)
        mark, count = "" if outcome.is_right else "  <--", f"{len(found)}/{len(mutants)}"
        print(
            f"{count:>7} {outcome.word:8} {outcome.seconds:4.0f} s  {outcome.mutant.name}: "
            f"{outcome.why}{mark}", flush=True,
        )  # fmt: skip
    print(summary(found))
    return int(not all(o.is_right for o in found))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the tests end, the copies go
    sys.exit(main())
