"""An experiment as the command that carries it out."""

from __future__ import annotations

import shlex
from collections.abc import Container, Mapping
from dataclasses import fields
from typing import Any

from equimodal.comparison.command.options import Option, options_of
from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.data.sources import describe, names
from equimodal.data.table import is_manifest
from equimodal.training.config import as_tuple
from equimodal.training.schedules import COSINE, from_words

_ALWAYS = ("data", "seeds")
"""Written even where they are the default, as a reader looks for them."""
_NEVER = ("progress", "here")
"""Of calls from Python alone."""
_STORED = (
    "epochs", "lr", "batch_size", "optimizer", "objective", "encoders", "fusion", "device", "steps",
)  # fmt: skip


def command(
    name: str, experiment: Experiment, execution: Execution | None = None, /, **own: object
) -> str:
    """The line that carries out an experiment; what is left at its default is not written.

    Args:
        name: of the command, one of `options.COMMANDS`.
        experiment: what it does.
        execution: where and how.
        own: values of the command's own options, such as ``row`` of ``diagnose``.

    Raises:
        ValueError: the command has no option for something that is not at its default.
    """
    known = options_of(name)
    parts = (experiment, execution or Execution())
    values = {k: v for part in parts for k, v in _given(part, known).items()} | own
    if unknown := values.keys() - known:
        raise ValueError(f"equimodal {name} takes no {', '.join(sorted(unknown))}")
    words = [word for key, value in values.items() for word in _words(known[key], value)]
    return shlex.join(["equimodal", name, *words])


def stored_experiment(config: Mapping[str, Any]) -> Experiment:
    """The experiment that a config.json or a results.json states, of a comparison or of a run.

    Raises:
        BalanceError: it states something that cannot be.
    """
    rows = config["methods"] if "methods" in config else [config["method"]]
    given = {name: config[name] for name in _STORED if config.get(name) is not None}
    by_owner = {
        str(config["data"]): _data_settings(config),
        **config.get("settings", {}),
        str(config.get("optimizer")): config.get("optimizer_settings", {}),
    }
    return Experiment(
        data=str(config["data"]),
        methods=tuple(rows),
        seeds=tuple(config["seeds"] if "seeds" in config else [config["seed"]]),
        schedule=from_words(config.get("schedule") or COSINE),
        settings={f"{o}.{name}": v for o, own in by_owner.items() for name, v in own.items()},
        **given,
    )


def _given(part: Experiment | Execution, known: Container[str]) -> dict[str, Any]:
    """What is not at its default, and what is always written where it is known."""
    usual = type(part)()
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    return {
        name: value
        for name, value in values.items()
        if (name in _ALWAYS and name in known)
        or (name not in _NEVER and value != getattr(usual, name))
    }


def _words(option: Option, value: Any) -> list[str]:
    """The words of one option; a text that looks like an option is joined to its flag."""
    if option.metavar is None:
        return [option.flag] if value else []
    texts = option.write(value) if option.repeated else [option.write(value)]
    if not option.flag:
        return texts
    return [
        word
        for text in texts
        for word in ([f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text])
    ]


def _data_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the data that are not their defaults; a table's stand in its own files."""
    data, given = str(config["data"]), config.get("data_settings", {})
    if is_manifest(data):
        return {}
    usual = describe(data).settings if data in names() else {}
    return {k: v for k, v in given.items() if k not in usual or as_tuple(v) != usual[k]}
