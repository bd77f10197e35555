"""The command line: one function per command, and every mistake as one line with exit code 2."""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from equimodal.cli.parser import parse
from equimodal.cli.shown import PIPE_WIDTH, show, warn_of_divergence, warnings_as_lines
from equimodal.cli.values import encoders, settings
from equimodal.errors import BalanceError, ToldElsewhere
from equimodal.training.launch import import_fabric, is_first_here, launched, told_once
from equimodal.workers.process import one_thread

if TYPE_CHECKING:
    from equimodal.experiments.train import TrainedRun

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 done, 2 a mistake or a failed run (one line on stderr), 130 interrupted, 141 broken pipe.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(given)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        if is_first_here(os.environ):
            print(f"\nequimodal: interrupted.{_advice(given)}", file=sys.stderr)
        return _INTERRUPTED
    except ToldElsewhere:
        return 2
    except (BalanceError, OSError) as error:
        print(f"equimodal: error: {_one_line(error)}", file=sys.stderr)
        return 2


def _run(given: list[str]) -> None:
    try:
        with told_once(os.environ):
            arguments = parse(given)
    except SystemExit:  # argparse has printed the help or the version
        return
    run = getattr(arguments, "run", None) or _COMMANDS[arguments.command]
    with warnings_as_lines():
        run(arguments)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


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


def _compare(arguments: argparse.Namespace) -> None:
    from equimodal.experiments.compare import compare

    options = _options(arguments)
    results = compare(arguments.data, **options)
    show(results)
    print(f"results: {os.path.join(options['out'], 'results.json')}")
    print(f"page:    {os.path.join(options['out'], 'report.html')}")
    warn_of_divergence(results["runs"])


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a command that trains takes besides the name of the data."""
    from equimodal.comparison.arguments import default_out

    options = {k: v for k, v in vars(arguments).items() if k not in ("command", "data")}
    options["settings"] = settings(arguments.settings)
    options["encoders"] = encoders(arguments.encoders)
    options["out"] = arguments.out or default_out(arguments.data)
    return options


def _train(arguments: argparse.Namespace) -> None:
    os.environ.update(one_thread(os.environ))  # read when torch is imported
    with told_once(os.environ):
        options = _options(arguments)
    import_fabric()
    from equimodal.experiments.train import train_run

    run = train_run(arguments.data, **options)
    if run.result["status"] == "diverged":
        raise (BalanceError if run.speaks else ToldElsewhere)(run.result["message"])
    if run.speaks:
        _show_run(run)


def _show_run(run: "TrainedRun") -> None:
    from rich.console import Console

    from equimodal import report
    from equimodal.report.read.model import is_default, model_line

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    print(f"{run.config.title}: {report.run_line(run.result)}\n")
    config = run.config.as_dict()
    if not is_default(config):
        print(f"{model_line(config)}\n")
    console.print(report.run_table(run.result))
    print(f"\nrun: {run.folder}")


def _methods(arguments: argparse.Namespace) -> None:
    from equimodal.cli import catalogue

    print(catalogue.method(arguments.name) if arguments.name else catalogue.methods())


def _data(arguments: argparse.Namespace) -> None:
    from equimodal.cli.data import shown

    print(shown(arguments.name, root=arguments.data_root))


def _report(arguments: argparse.Namespace) -> None:
    from equimodal import report

    results = report.read_results(arguments.folder)
    show(results)
    report.renew(arguments.folder, results, arguments.data_root)
    print(f"page:    {report.write_page(arguments.folder)}")


_COMMANDS = {
    "compare": _compare,
    "train": _train,
    "methods": _methods,
    "data": _data,
    "report": _report,
}
