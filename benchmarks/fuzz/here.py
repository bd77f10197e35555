"""What a worker changes in its own process: readers and training without further processes."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fuzz.outcome import Reached, quiet

SENTENCES = ("a red bird sings", "the grey dog sleeps", "one blue fish swims", "two green frogs")
ROWS = 24


def replace_everywhere(name: str, old: Any, new: Any) -> None:
    """Give every module of ours that holds ``old`` under a name the new one."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("equimodal") and getattr(module, name, None) is old:
            setattr(module, name, new)


def read_here(heard: Callable[..., None] | None = None) -> None:
    """Files and cells are read in this process; ``heard`` is told each task and its entries."""
    from equimodal.data.table.items import work
    from equimodal.data.table.reading import reading

    reading.ALONE = sys.maxsize
    if heard is None:
        return
    done = work.done

    def told(task: Any, entries: Sequence[Any], *more: Any) -> Any:
        heard(task, entries)
        return done(task, entries, *more)

    replace_everywhere("done", done, told)


def stop_at_training() -> None:
    """Training begins in this process, and ends before its first step with `Reached`."""
    from equimodal.cli import main  # noqa: F401
    from equimodal.comparison.engines import crews, here
    from equimodal.experiments import compare, diagnose, train  # noqa: F401
    from equimodal.experiments.choice import choice  # noqa: F401
    from equimodal.training import loop

    def reached(*_: Any, **__: Any) -> None:
        raise Reached

    crews.LocalCrew = lambda *_: here.HereCrew()  # type: ignore[assignment,misc]
    loop.train_epoch = reached


def plain_table(folder: Path, name: str = "my.csv") -> Path:
    """A table of sentences and two lists of numbers that trains in a second."""
    splits = ["train"] * 4 + ["validation", "test"]
    lines = ["split,label,words,numbers"]
    for k in range(ROWS):
        text = f"{SENTENCES[k % 4]} {k}"
        lines.append(f"{splits[k % 6]},{'ab'[k // 6 % 2]},{text},{k} {k % 3}.5")
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def small_results(folder: Path) -> Path:
    """A finished comparison of that table, in ``folder/results``."""
    import equimodal

    plain_table(folder)
    with contextlib.chdir(folder), quiet():
        equimodal.compare(
            "my.csv", methods=["joint", "alone:*", "ensemble"], seeds=1, epochs=1, here=True,
            progress=False, out="results",
        )  # fmt: skip
    return folder / "results"
