"""What became of a case, and the rules that say whether that is right."""

import io
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from equimodal.errors import BalanceError

VALUE, REFUSED = "value", "refused"
MOST_WORDS = 4000
"""Characters of a refusal that is still read."""


class Outcome(NamedTuple):
    """``word`` is "value", "refused", or the name of a fault; ``text`` says more."""

    word: str
    text: str = ""

    @property
    def is_right(self) -> bool:
        """Whether nothing is to be mended."""
        return self.word in (VALUE, REFUSED)

    @property
    def signature(self) -> str:
        """What two findings of one fault have in common."""
        text = re.sub(r"'[^']*'|\"[^\"]*\"|[-+]?\d[\d.e+-]*|\[.*\]|\(.*\)", "_", self.text)
        return f"{self.word}: {text[:70]}"


class Reached(BaseException):
    """Raised where training would begin: what was given has been accepted."""


def called(call: Callable[[], Any]) -> tuple[Any, Outcome]:
    """A call of the library: its value, and whether it gave one, refused, or broke."""
    try:
        return call(), Outcome(VALUE)
    except Reached:
        return None, Outcome(VALUE, "accepted")
    except BalanceError as error:
        return None, refusal(str(error))
    except Exception as error:
        return None, broken(error)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing that is printed is seen."""
    nowhere = io.StringIO()
    with redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def refusal(text: str) -> Outcome:
    """A refusal, or what is wrong with its words."""
    if "error.txt" in text:
        return Outcome("raw error in a run", text)
    if not text.strip():
        return Outcome("unclear", "a refusal without words")
    if len(text) > MOST_WORDS:
        return Outcome("unclear", f"a refusal of more than {MOST_WORDS} characters: {text[:80]}")
    if odd := [c for c in text if not c.isprintable()]:
        return Outcome("unprintable", f"{odd[0]!r} in: {text[:200]}")
    return Outcome(REFUSED, text)


def broken(error: BaseException) -> Outcome:
    """An error that nobody foresaw, with the last of our lines that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "equimodal" in f.filename] or frames
    place = f"{Path(ours[-1].filename).name}, {ours[-1].name}" if ours else "?"
    line = " ".join(str(error).split())[:200]
    return Outcome("traceback", f"{type(error).__name__} in {place}: {line}")


def seen(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything under a folder as far as a write would change it, but locks and decoded samples.

    These depend on nothing that could be refused: a cache may be filled before a refusal.
    """
    found = {}
    for path in folder.rglob("*"):
        if path.name != ".lock" and path.relative_to(folder).parts[0] != "cache":
            about = path.lstat()
            changes = () if path.is_dir() else (about.st_size, about.st_mtime_ns, about.st_ino)
            found[str(path.relative_to(folder))] = changes
    return found


def written(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between two views of a folder."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def command(line: list[str], folder: Path, *, mends: bool = False) -> Outcome:
    """One command line through `main`, in the current folder, which is ``folder``.

    ``mends``: what it finishes before it refuses may stay (`--resume` keeps what is whole).
    """
    from equimodal.cli.main import main

    before, out, err = seen(folder), io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(line)
    except Reached:
        return Outcome(VALUE, "accepted")
    except (Exception, SystemExit) as error:
        return broken(error)
    ended = judged(code, out.getvalue(), err.getvalue())
    changed = written(before, seen(folder))
    if ended.word == REFUSED and changed and not mends:
        return Outcome("written", f"{', '.join(changed[:3])} although refused: {ended.text}")
    return ended


def judged(code: int, out: str, err: str) -> Outcome:
    """How a command ended, by its exit code and texts."""
    if "Traceback (most recent call last)" in out + err:
        return Outcome("traceback", err.strip().splitlines()[-1][:200])
    for name, text in (("output", out), ("errors", err)):
        odd = [c for c in text if not c.isprintable() and c not in "\n\r\t"]
        if odd:
            return Outcome("unprintable", f"{odd[0]!r} in the {name}")
    if code in (0, 130):
        return Outcome(VALUE, out)
    last = (err.strip().splitlines() or [""])[-1]
    if code != 2 or not last.startswith("equimodal: error: "):
        return Outcome("unclear", f"exit code {code}, last line: {last[:200]}")
    return refusal(last.removeprefix("equimodal: error: "))
