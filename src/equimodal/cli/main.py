"""The command line: one function per command, and every mistake as one line with exit code 2."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence

from equimodal.cli.parser import parse, takes_seconds
from equimodal.cli.shown import warnings_as_lines
from equimodal.errors import BalanceError, ToldElsewhere, one_line
from equimodal.storage.printing import say
from equimodal.training.launch import is_first_here, launched, told_once

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 done, 2 a mistake or a failed run (one line on stderr), 130 interrupted, 141 broken pipe.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(given, told=argv is None)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        if is_first_here(os.environ):
            say(f"\nequimodal: interrupted.{_advice(given)}", file=sys.stderr)
        return _INTERRUPTED
    except ToldElsewhere:
        return 2
    except (BalanceError, OSError) as error:
        say(f"equimodal: error: {_one_line(error)}", file=sys.stderr)
        return 2


def _run(given: list[str], *, told: bool = False) -> None:
    """Do what is asked; with ``told`` say at once that it starts, where that takes seconds."""
    try:
        with told_once(os.environ):
            arguments = parse(given)
    except SystemExit:  # argparse has printed the help or the version
        return
    if told and takes_seconds(given) and is_first_here(os.environ):
        say(f"equimodal {given[0]}: starting, PyTorch takes seconds to load", file=sys.stderr)
    with warnings_as_lines():
        arguments.run(arguments)


def _one_line(error: Exception) -> str:
    said = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        said = f"{error.filename}: {error.strerror}"
    return one_line(said)


def _advice(given: list[str]) -> str:
    if given[:1] == ["data"]:
        return " What is finished is kept; repeat the command to go on."
    if not {"compare", "train", "reproduce", "diagnose", "choose"} & set(given[:1]):
        return ""
    if given[0] == "diagnose" and "--data" not in given:
        return ""
    if given[0] == "train" and not launched(os.environ).alone:
        return " Finished epochs are kept; repeat the command with --resume."
    again = given if "--resume" in given else [*given, "--resume"]
    return f" Finished epochs are kept; continue with: {_program()} {shlex.join(again)}"


def _program() -> str:
    """How the user calls this program: by its path where the name alone would not be found."""
    called = sys.argv[0]
    named = os.path.basename(called) == "equimodal" and shutil.which("equimodal") is None
    return called if named else "equimodal"
