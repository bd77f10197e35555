"""Single test samples: what they look like, who is right about them, and filters to find some.

Every card carries marks, words such as "class-3" and "known-0"; a filter's choice is one of them.
The marks hold numbers alone, so that no name of a class or a modality can disturb them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from equimodal.comparison.words import MOST_NAMED, percent, points, some
from equimodal.report.charts.figures import colour
from equimodal.report.read.predictions import Prediction

Filter = tuple[str, list[tuple[str, str]]]


@dataclass(frozen=True)
class Gathered:
    """What the cards of one seed are made from.

    Attributes:
        classes: names of the classes.
        modalities: names of the modalities.
        alone: modality -> prediction of its model trained alone, where there is one.
        fused: name and prediction of the fused model.
        others: the other rows that train every modality, with their predictions.
        contributions: modality -> what it adds to the fused model's probability of the true class
            of every sample (Shapley values); empty where there is no diagnosis.
    """

    classes: Sequence[str]
    modalities: Sequence[str]
    alone: Mapping[str, Prediction]
    fused: tuple[str, Prediction]
    others: Mapping[str, Prediction]
    contributions: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What one model says of a sample, and how likely it takes the true class, in percent."""

    name: str
    colour: str
    label: str
    right: bool
    sure: str


@dataclass(frozen=True)
class Card:
    """What is shown of one sample.

    ``added`` tells what each modality adds in the fused model, in points of the true class's
    probability; ``wrong`` which other rows are wrong about it.
    """

    index: int
    label: str
    marks: Sequence[str]
    pictures: Sequence[tuple[str, Mapping[str, str]]]
    judgements: Sequence[Judgement]
    added: str
    wrong: str


def cards(gathered: Gathered, shown: Mapping[int, Mapping[str, Mapping[str, str]]]) -> list[Card]:
    """The cards of the samples ``shown``: index -> modality -> picture or text."""
    count = len(gathered.fused[1].labels)
    return [_card(gathered, i, entry) for i, entry in shown.items() if 0 <= i < count]


def filters(gathered: Gathered) -> Iterator[Filter]:
    """A name for each kind of mark, and its choices: the mark with its meaning."""
    yield "class", [(f"class-{i}", name) for i, name in enumerate(gathered.classes)]
    known = [(i, m) for i, m in enumerate(gathered.modalities) if m in gathered.alone]
    if known:
        yield (
            "right when trained alone",
            [
                *((f"only-{i}", f"only {m}") for i, m in known),
                *((f"known-{i}", m) for i, m in known),
                ("known-none", "none of them"),
            ],
        )
    if gathered.contributions:
        yield (
            f"{gathered.fused[0]} relies most on",
            [(f"relies-{i}", m) for i, m in enumerate(gathered.modalities)],
        )
    yield gathered.fused[0], [("fused-right", "right"), ("fused-wrong", "wrong")]
    if gathered.others:
        yield (
            "another row",
            [
                (f"row-{i}-{said}", f"{row}: {said}")
                for i, row in enumerate(gathered.others)
                for said in ("right", "wrong")
            ],
        )


def marks(gathered: Gathered, index: int) -> list[str]:
    """The marks of one sample's card."""
    known = [i for i, m in enumerate(gathered.modalities) if _right(gathered.alone.get(m), index)]
    return [
        f"class-{gathered.fused[1].labels[index]}",
        *(f"known-{i}" for i in known),
        *([f"only-{known[0]}"] if len(known) == 1 else []),
        *([] if known else ["known-none"]),
        *_reliance(gathered, index),
        f"fused-{_outcome(gathered.fused[1], index)}",
        *(f"row-{i}-{_outcome(p, index)}" for i, p in enumerate(gathered.others.values())),
    ]


def _reliance(gathered: Gathered, index: int) -> list[str]:
    """The modality that adds most to the true class's probability, where one adds anything."""
    values = {m: found[index] for m, found in gathered.contributions.items()}
    most = max(values, key=lambda m: values[m], default=None)
    if most is None or values[most] <= 0:
        return []
    return [f"relies-{list(gathered.modalities).index(most)}"]


def _right(prediction: Prediction | None, index: int) -> bool:
    return prediction is not None and bool(prediction.right[index])


def _outcome(prediction: Prediction, index: int) -> str:
    return "right" if prediction.right[index] else "wrong"


def _card(gathered: Gathered, index: int, entry: Mapping[str, Mapping[str, str]]) -> Card:
    fused, found = gathered.fused
    rows = [
        (f"{m} alone", colour(gathered.modalities.index(m)), prediction)
        for m, prediction in gathered.alone.items()
    ]
    added = [f"{m} {points(values[index])}" for m, values in gathered.contributions.items()]
    wrong = [row for row, other in gathered.others.items() if not other.right[index]]
    return Card(
        index,
        gathered.classes[int(found.labels[index])],
        marks(gathered, index),
        [(m, entry[m]) for m in gathered.modalities if m in entry],
        [_judgement(gathered, index, *row) for row in (*rows, (fused, "--ink", found))],
        ", ".join(added),
        _told(wrong, len(gathered.others)),
    )


def _told(wrong: Sequence[str], count: int) -> str:
    """Rows by name, of many how many they are: a filter finds them."""
    return some(wrong) if len(wrong) <= MOST_NAMED else f"{len(wrong)} of {count}"


def _judgement(
    gathered: Gathered, index: int, name: str, colour_name: str, found: Prediction
) -> Judgement:
    said = gathered.classes[int(found.classes[index])]
    sure = percent(float(found.probabilities[index, found.labels[index]]), digits=0)
    return Judgement(name, colour_name, said, bool(found.right[index]), sure)
