"""Command lines: made of the option table and the registry, then spoiled."""

import contextlib
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.here import read_here, small_results, stop_at_training
from fuzz.outcome import VALUE, Outcome, command, judged, seen, written
from fuzz.worker import shorter

REAL = 20
"""One line in so many runs as a process of its own, to its end."""
REAL_SECONDS = 30.0
HERE = "FUZZ_HERE"
"""Set by `run.py --here`: no line runs as a process of its own."""
ODD = {
    "empty": "", "blank": " ", "nan": "nan", "inf": "inf", "minus": "-1", "zero": "0",
    "huge": "1e400", "digits": "9" * 400, "many digits": "9" * 5000, "half": "0.5",
    "comma": ",", "commas": "a,,b", "equals": "=", "brackets": "[" * 3000, "object": "{}",
    "none": "none", "true": "true", "quote": "'", "zero width": "\u200b", "arabic": "٣",
    "fullwidth": "１", "surrogate": "\udc80", "escape": "\x1b[31mred", "newline": "a\nb",
    "null list": "[null]", "long": "x" * 100_000, "up": "../../up", "root": "/",
    "device": "/dev/null",
    "home": "~", "missing": "no/such/file.csv", "folder": "folder", "dash": "-", "dashes": "--",
    "option": "--help", "underscores": "1_0", "hex": "0x10", "exponent": "1e3", "spaces": " 3 ",
}  # fmt: skip
GOOD = {
    "data": ("keypad", "my.csv"), "data_root": (".", "folder"), "seeds": ("1", "2", "0,", "0,7"),
    "epochs": ("1", "3"), "lr": ("0.1", "0.01"), "batch_size": ("8", "64"),
    "optimizer": ("sgd", "adam", "adamw"), "schedule": ("cosine", "constant", "step:2:0.1"),
    "objective": ("fused", "fused+unimodal"), "fusion": ("concat", "sum", "film", "gated"),
    "device": ("cpu",), "jobs": ("1", "2"), "out": ("out", "results", "deep/er"),
    "cache": ("cache",), "budget": ("5m", "90s"), "row": ("joint", "ensemble"),
    "split": ("test", "validation"), "target": ("results", "results/runs/joint/seed-0"),
}  # fmt: skip
OTHERS = {
    "methods": (), "data": ("--data-root",), "data check": ("--data-root", "--jobs", "--json"),
    "data convert": ("--data-root", "--out", "--set", "--allow-missing", "--resume", "--jobs"),
    "report": ("--data-root", "--beside"), "": (),
}  # fmt: skip
PLACES = {"report": ("results", "folder"), "data check": ("my.csv", "results", "folder")}


def prepare(place: Path) -> Path:
    """A folder with a table and results, which lines run in copies of."""
    model = place / "model"
    (model / "folder").mkdir(parents=True)
    small_results(model)
    (model / "odd.csv").write_text("a,b\n1,2\n")
    read_here()
    stop_at_training()
    good = {"words": ["compare", "--methods", "joint", "--out", "warm"], "real": False}
    assert run(good, place).word == VALUE
    return place


def make(chance: random.Random, made: Path) -> dict[str, Any]:
    """Words of a line, right or odd."""
    from equimodal.comparison.command.options import COMMANDS

    name = chance.choice([*COMMANDS, *COMMANDS, *OTHERS])
    words = name.split()
    if name in COMMANDS:
        for option in chosen(chance, name):
            words += option_words(chance, option)
    else:
        places = PLACES.get(name, (*registered(), "keypad", "my.csv"))
        words += [chance.choice(places)] if chance.random() < 0.8 else [odd_value(chance)]
        for flag in OTHERS[name]:
            if chance.random() < 0.3:
                words += [flag, chance.choice([".", "2", "out.csv", odd_value(chance)])]
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2])):
        spoil(chance, words)
    return {"words": words, "real": chance.randrange(REAL) == 0 and not os.environ.get(HERE)}


def spelled(word: str) -> str:
    """A word with the odd values whose names stand in it; no process is given a NUL."""
    full = re.sub("\0([^\0]+)\0", lambda found: ODD.get(found[1], ""), word)
    return full.replace("\0", "")


def chosen(chance: random.Random, name: str) -> list[Any]:
    """Some options of a command; nearly always the needed ones, and those that keep it short."""
    from equimodal.comparison.command.options import options_of

    always = {"epochs", "seeds", "methods", "budget", "target", "tiny"}
    return [
        option
        for option in options_of(name).values()
        if chance.random() < (0.95 if option.required or option.name in always else 0.12)
    ]


def option_words(chance: random.Random, option: Any) -> list[str]:
    """An option with a value that is right or odd."""
    if option.metavar is None:
        return [option.flag]
    value = odd_value(chance) if chance.random() < 0.25 else right_value(chance, option)
    if not option.flag:
        return [value]
    return [f"{option.flag}={value}"] if chance.random() < 0.3 else [option.flag, value]


def right_value(chance: random.Random, option: Any) -> str:
    """A value that an option may take; a new option's name finds none here and gets an odd one."""
    if option.name == "methods":
        single = option.flag == "--method"
        return ",".join(chance.sample(registered(), 1 if single else chance.choice([1, 1, 2])))
    if option.name == "settings":
        key = chance.choice(setting_keys())
        value = chance.choice(["0", "1", "0.5", "true", "1,2", odd_value(chance)])
        return f"{key}={value}"
    if option.name == "encoders":
        from equimodal.models import ENCODERS

        modality = chance.choice(["image", "sound", "words", "numbers", "none"])
        return f"{modality}={chance.choice([*ENCODERS, odd_value(chance)])}"
    if option.name == "name":
        from equimodal.experiments.recipes import names

        return chance.choice(names())
    known = GOOD.get(option.name)
    return chance.choice(known) if known else odd_value(chance)


def odd_value(chance: random.Random) -> str:
    """The name of an odd value, marked as one."""
    return f"\0{chance.choice(list(ODD))}\0"


def spoil(chance: random.Random, words: list[str]) -> None:
    """Drop, double, exchange or edit a word, or put an odd one in."""
    at = chance.randrange(len(words)) if words else 0
    what = chance.choice(["drop", "double", "exchange", "edit", "odd"]) if words else "odd"
    if what == "drop":
        del words[at]
    elif what == "double":
        words.insert(at, words[at])
    elif what == "exchange":
        other = chance.randrange(len(words))
        words[at], words[other] = words[other], words[at]
    elif what == "edit" and words[at]:
        place = chance.randrange(len(words[at]))
        words[at] = words[at][:place] + chance.choice("x-=,.0~:é") + words[at][place + 1 :]
    else:
        words.insert(at, odd_value(chance))


@cache
def registered() -> list[str]:
    """Rows that can be asked for: methods, baselines and combinations."""
    from equimodal import methods

    return [*methods.names(), "alone:*", "ensemble", "untrained", "amss~relearn", "alone:image"]


@cache
def setting_keys() -> list[str]:
    """Keys that `--set` takes: of methods, data sets and optimisers."""
    from equimodal import data, methods

    own = [f"{name}.{key}" for name in methods.names() for key in methods.settings(name)]
    sets = [f"{name}.{key}" for name in data.names() for key in data.describe(name).settings]
    optimizers = ["sgd.momentum", "sgd.weight_decay", "adam.betas", "adamw.eps", "amss.on"]
    return own + 4 * sets + 4 * optimizers


def run(case: dict[str, Any], made: Path) -> Outcome:
    """A line in a fresh copy of the folder: through `main`, or as a process."""
    folder = made / "now"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made / "model", folder, symlinks=True)
    # What an accepted line writes outside, it was asked to.
    words = [spelled(word) for word in case["words"]]
    with contextlib.chdir(folder):
        if case["real"]:
            return process(words, folder)
        return command(words, folder, mends="--resume" in words)


def process(words: list[str], folder: Path) -> Outcome:
    """The line as a process of its own; one that still trains after a while is interrupted."""
    before = seen(folder)
    start = "import signal, sys; signal.signal(2, signal.default_int_handler);"
    start += "from equimodal.cli.main import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", start, *words], cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as running:  # fmt: skip
        try:
            out, err = running.communicate(timeout=REAL_SECONDS)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
            try:
                out, err = running.communicate(timeout=REAL_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, 9)
                return Outcome("hang", "neither done nor interrupted: " + shlex.join(words)[:300])
    texts = [text.decode(errors="backslashreplace") for text in (out, err)]
    # Python gives SIGINT back to the system at its very end; a shell then says 130 as well.
    code = 128 + signal.SIGINT if running.returncode == -signal.SIGINT else running.returncode
    ended = judged(code, *texts)
    changed = written(before, seen(folder))
    begun = any("runs" in name for name in changed)
    if ended.word == "refused" and changed and not begun and "--resume" not in words:
        return Outcome("written", f"{', '.join(changed[:3])} although refused: {ended.text}")
    return ended


def smaller(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The line without a word or two."""
    words = case["words"]
    yield from ({**case, "words": words[:at] + words[at + 2 :]} for at in range(1, len(words) - 1))
    yield from ({**case, "words": fewer} for fewer in shorter(words))
