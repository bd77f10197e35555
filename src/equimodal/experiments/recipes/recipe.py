"""What a recipe says: every value with its source, and the published numbers beside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

OURS = "our choice"
"""The source of a value that no source states."""


@dataclass(frozen=True)
class Value:
    """A value, and where it is from: a paper, its released code, or `OURS` with a reason."""

    value: Any
    source: str


Values = Mapping[str, Value]


@dataclass(frozen=True)
class Published:
    """A published number: test accuracy and macro-F1 of a row, percent.

    ``what`` says which method of the source it is, where the row's name does not.
    """

    row: str
    accuracy: float
    source: str
    macro_f1: float | None = None
    what: str = ""


@dataclass(frozen=True)
class Recipe:
    """How an experiment of a paper is run, and what it is known to have given.

    Args:
        name: ``<paper>/<data set>``.
        paper: its citation.
        about: one sentence: the data set, its modalities, the backbones.
        data: a converter, see `equimodal.data.converters`.
        rows: what is compared, as ``equimodal compare --methods`` takes it.
        converter: settings of the converter.
        columns: settings of each modality in the manifest.
        encoders: encoder of each modality.
        fusion: how features become logits.
        objective: loss under a method that brings none.
        optimizer: its name.
        lr: learning rate at the first step.
        schedule: learning rate over the training.
        epochs: passes over the training data.
        batch_size: samples of a step.
        settings: of methods and of the optimiser, by ``<owner>.<name>``.
        published: numbers that others printed.
        differences: sentences on what differs from how these were obtained.
        tiny: settings and values that ``--tiny`` needs besides what it always changes.
    """

    name: str
    paper: str
    about: str
    data: str
    rows: tuple[str, ...]
    converter: Values
    columns: Mapping[str, Values]
    encoders: Values
    fusion: Value
    objective: Value
    optimizer: Value
    lr: Value
    schedule: Value
    epochs: Value
    batch_size: Value
    settings: Values
    published: tuple[Published, ...] = ()
    differences: tuple[str, ...] = ()
    tiny: Values = field(default_factory=dict)

    def values(self) -> Iterator[tuple[str, str, Value]]:
        """All that it states, as (group, name, value), in the order of a page."""
        yield from (("data", f"{self.data}.{name}", v) for name, v in self.converter.items())
        for modality, settings in self.columns.items():
            yield from (("inputs", f"{modality}.{name}", v) for name, v in settings.items())
        yield from (("model", f"encoder of {m}", value) for m, value in self.encoders.items())
        yield "model", "fusion", self.fusion
        yield from (("training", name, getattr(self, name)) for name in TRAINING)
        yield from (("settings", name, value) for name, value in self.settings.items())


TRAINING = ("objective", "optimizer", "lr", "schedule", "epochs", "batch_size")


def plain(values: Values) -> dict[str, Any]:
    """The values without their sources."""
    return {name: value.value for name, value in values.items()}
