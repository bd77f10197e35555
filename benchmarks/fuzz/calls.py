"""Calls of the library from Python: good arguments, one or two of them replaced by odd ones."""

import contextlib
import inspect
import math
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fuzz.functions import good_arguments
from fuzz.here import read_here, stop_at_training
from fuzz.outcome import VALUE, Outcome, called, quiet, seen, written

ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None, "''": str, "'x'": lambda: "x", "'10'": lambda: "10",
    "nan": lambda: math.nan,
    "inf": lambda: math.inf, "-1": lambda: -1, "0": lambda: 0, "2.5": lambda: 2.5,
    "10**400": lambda: 10**400, "1e308": lambda: 1e308, "1e-320": lambda: 1e-320,
    "True": lambda: True,
    "[]": list, "{}": dict, "()": tuple, "object()": object, "b'x'": lambda: b"x",
    "['x', 1]": lambda: ["x", 1], "{1: 2}": lambda: {1: 2}, "{'x': None}": lambda: {"x": None},
    "torch.zeros(0)": lambda: torch.zeros(0), "torch.ones(3)": lambda: torch.ones(3),
    "torch.ones(2, 3, 4)": lambda: torch.ones(2, 3, 4),
    "torch.tensor(nan)": lambda: torch.tensor(math.nan),
    "torch.full((4, 3), nan)": lambda: torch.full((4, 3), math.nan),
    "torch.full((4, 3), inf)": lambda: torch.full((4, 3), math.inf),
    "torch.arange(4)": lambda: torch.arange(4),
    "torch.zeros(4, dtype=bool)": lambda: torch.zeros(4).bool(),
    "torch.zeros(4, dtype=torch.int32)": lambda: torch.zeros(4, dtype=torch.int32),
    "torch.full((4,), -1)": lambda: torch.full((4,), -1),
    "np.float32(0.5)": lambda: np.float32(0.5),
    "np.int64(2)": lambda: np.int64(2), "np.ones(3)": lambda: np.ones(3), "'a.b'": lambda: "a.b",
    "'\\ud800'": lambda: "\ud800", "'a\\0b'": lambda: "a\0b", "Path('x')": lambda: Path("x"),
    "lambda: 1": lambda: lambda: 1, "str": lambda: str, "'x' * 100000": lambda: "x" * 100_000,
}  # fmt: skip
Call = tuple[Callable[..., Any], dict[str, Any]]


class Model(nn.Module):
    """Two encoders and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(2, 3)
        self.head = nn.Linear(6, 3)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """(N, 4), (N, 2) -> (N, 3)"""
        return self.head(torch.cat([self.first(first), self.second(second)], 1))


def catalogue() -> dict[str, Callable[[], Call]]:
    """Good calls by name, new methods and their settings among them."""
    from equimodal import data, methods
    from equimodal.comparison.execution import Execution
    from equimodal.comparison.experiment import Experiment

    found: dict[str, Callable[[], Call]] = {
        "Balancer": balancer, "step": step, "compare": comparison, "data.load": keypad,
        "LinearSplit": lambda: (readout("LinearSplit"), {"head": "head"}),
        "Ablation": lambda: (readout("Ablation"), {"fill": "zero"}),
        "AuxiliaryHeads": lambda: (
            readout("AuxiliaryHeads"), {"widths": {"first": 3, "second": 3}, "classes": 3}
        ),
        "methods.entry": lambda: (methods.entry, {"name": "joint"}),
        "data.describe": lambda: (data.describe, {"name": "keypad"}),
        "Experiment": lambda: (Experiment, defaults(Experiment)),
        "Execution": lambda: (Execution, defaults(Execution)),
        **functions(),
    }  # fmt: skip
    for name in methods.names():
        found[f"methods.create {name}"] = lambda name=name: (
            methods.create, {"name": name, **methods.settings(name)}
        )  # fmt: skip
    return found


def functions() -> dict[str, Callable[[], Call]]:
    """The pure functions."""
    from equimodal import functional

    def good(name: str) -> Call:
        return getattr(functional, name), good_arguments()[name]

    return {name: lambda name=name: good(name) for name in functional.__all__}


def defaults(kind: Callable[..., Any]) -> dict[str, Any]:
    """Arguments of a class at their defaults."""
    parts = inspect.signature(kind).parameters.values()
    return {p.name: p.default for p in parts if type(p.default) in (str, int, float, tuple, bool)}


def readout(name: str) -> Callable[..., Any]:
    """A readout that is made and then used."""
    import equimodal

    def used(**given: Any) -> Any:
        made = getattr(equimodal, name)(**given)
        return trained({"readout": made})

    return used


def good_balancer() -> dict[str, Any]:
    """Arguments of a balancer."""
    import equimodal

    return {
        "model": Model(), "method": equimodal.methods.create("amss"),
        "encoders": {"first": "first", "second": "second"},
        "readout": equimodal.LinearSplit("head"), "task": equimodal.Classification(),
        "objective": "fused", "loaders": None, "optimizers": (), "on": "gradient", "epochs": 2,
        "seed": 0, "log": None, "log_every": None, "diagnose": None,
    }  # fmt: skip


def trained(changes: dict[str, Any], first: Any = None, second: Any = None, y: Any = None) -> Any:
    """The loss of one step."""
    import equimodal

    given = {**good_balancer(), **changes}
    made = equimodal.Balancer(
        given.pop("model"), given.pop("method"), given.pop("encoders"), **given
    )
    first = torch.ones(4, 4) if first is None else first
    second = torch.ones(4, 2) if second is None else second
    target = torch.tensor([0, 1, 2, 0]) if y is None else y
    model = made.setting.modalities.model
    loss = made.loss(model(first, second), target)
    loss.backward()
    made.before_step()
    return loss


def balancer() -> Call:
    """A balancer, and one step with it."""
    return (lambda **given: trained(given)), good_balancer()


def step() -> Call:
    """A step with odd outputs or targets; inputs, which are the model's own business, are good."""
    return (lambda target: trained({}, y=target)), {"target": torch.tensor([0, 1, 2, 0])}


def comparison() -> Call:
    """A comparison up to its first step, at its defaults but for one row and epoch."""
    import equimodal

    given = {name: p.default for name, p in inspect.signature(equimodal.compare).parameters.items()}
    short = {"methods": ["joint"], "seeds": 1, "epochs": 1, "here": True, "progress": False}
    return equimodal.compare, {**given, **short}


def keypad() -> Call:
    """The built-in set that needs no file, with its settings."""
    from equimodal import data

    return data.load, {"name": "keypad", "seed": 0, **data.describe("keypad").settings}


def prepare(place: Path) -> dict[str, Any]:
    """The good calls, each of which has to give a value."""
    read_here()
    stop_at_training()
    found = catalogue()
    for name in found:
        outcome = run({"call": name, "odd": {}}, found)
        assert outcome.word == VALUE, (name, outcome)
    return found


def make(chance: random.Random, made: dict[str, Any]) -> dict[str, Any]:
    """A call, and which of its arguments are what."""
    name = chance.choice(sorted(made))
    arguments = sorted(made[name]()[1])
    count = min(chance.choice([1, 1, 1, 2]), len(arguments))
    odd = {key: chance.choice(list(ODD)) for key in chance.sample(arguments, count)}
    return {"call": name, "odd": odd}


def run(case: dict[str, Any], made: dict[str, Any]) -> Outcome:
    """Call it in an empty folder, which stays empty where the call is refused."""
    call, given = made[case["call"]]()
    given |= {key: ODD[name]() for key, name in case["odd"].items()}
    folder = Path("now").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    torch.manual_seed(0)
    with contextlib.chdir(folder), quiet():
        value, outcome = called(lambda: call(**given))
    changed = written({}, seen(folder))
    if outcome.word == "refused" and changed:
        return Outcome("written", f"{changed[:3]} although refused: {outcome.text}")
    if outcome.word == VALUE and sound(list(given.values())) and not sound(value):
        return Outcome("wrong value", f"not finite: {str(value)[:100]}")
    return Outcome(outcome.word, f"{case['call']}: {outcome.text}")


def sound(value: Any) -> bool:
    """Whether all numbers of a value are finite."""
    if isinstance(value, dict):
        return all(map(sound, value.values()))
    if isinstance(value, list | tuple):
        return all(map(sound, value))
    if isinstance(value, torch.Tensor):
        return bool(torch.isfinite(value.detach()).all())
    return not isinstance(value, float) or math.isfinite(value)


def smaller(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One odd argument instead of two."""
    if len(case["odd"]) > 1:
        for key in case["odd"]:
            yield {**case, "odd": {k: v for k, v in case["odd"].items() if k != key}}
