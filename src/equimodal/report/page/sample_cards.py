"""Single test samples: what they look like, who is right about them, and filters to find some.

Every card carries marks, words such as "class-3" and "known-0"; a filter's choice is one of them.
The marks hold numbers alone, so that no name of a class or a modality can disturb them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from equimodal.comparison.words import points
from equimodal.report.charts.figures import colour
from equimodal.report.page.markup import text
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


def cards(gathered: Gathered, shown: Mapping[int, Mapping[str, Mapping[str, str]]]) -> str:
    """The cards of the samples ``shown``: index -> modality -> picture or text."""
    count = len(gathered.fused[1].labels)
    kept = {index: entry for index, entry in shown.items() if 0 <= index < count}
    entries = "".join(_card(gathered, index, entry) for index, entry in kept.items())
    return f'<ul class="cards">{entries}</ul>' if entries else ""


def filters(gathered: Gathered, count: int) -> str:
    """A choice for each kind of mark, and how many cards are left, which the script tells."""
    fields = "".join(
        f'<p><label for="filter-{place}">{text(name)}</label>'
        f'<select id="filter-{place}">{_options(choices)}</select></p>'
        for place, (name, choices) in enumerate(_filters(gathered))
    )
    told = f'<p role="status" class="quiet">{count} of {count} samples</p>'
    return f'<form class="filters" hidden aria-label="Choose samples">{fields}{told}</form>'


def _filters(gathered: Gathered) -> Iterator[Filter]:
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


def _options(choices: Sequence[tuple[str, str]]) -> str:
    every = (("", "all"), *choices)
    return "".join(f'<option value="{mark}">{text(name)}</option>' for mark, name in every)


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


def _card(gathered: Gathered, index: int, entry: Mapping[str, Mapping[str, str]]) -> str:
    label = gathered.classes[int(gathered.fused[1].labels[index])]
    pictures = "".join(
        _picture(f"{m} of sample {index}, class {label}", m, entry[m])
        for m in gathered.modalities
        if m in entry
    )
    return (
        f'<li data-marks="{" ".join(marks(gathered, index))}">'
        f"<p><strong>{text(label)}</strong> <span>sample {index}</span></p>"
        f'<div class="pictures">{pictures}</div>{_judgements(gathered, index)}</li>'
    )


def _picture(label: str, modality: str, entry: Mapping[str, str]) -> str:
    if "png" in entry:
        source = f"data:image/png;base64,{text(entry['png'])}"
        seen = f'<img src="{source}" alt="{text(label)}">'
    else:
        seen = f"<blockquote>{text(entry.get('text', ''))}</blockquote>"
    return f"<figure>{seen}<figcaption>{text(modality)}</figcaption></figure>"


def _judgements(gathered: Gathered, index: int) -> str:
    """What the models trained alone and the fused one say, and how sure they are of the truth."""
    colours = {m: colour(i) for i, m in enumerate(gathered.modalities)}
    rows = [(f"{m} alone", colours[m], found) for m, found in gathered.alone.items()]
    rows.append((gathered.fused[0], "--ink", gathered.fused[1]))
    lines = "".join(_judgement(gathered, index, *row) for row in rows)
    wrong = [row for row, found in gathered.others.items() if not found.right[index]]
    told = f"other rows wrong: {', '.join(wrong) or 'none'}"
    return f'<dl>{lines}</dl>{_added(gathered, index)}<p class="quiet">{text(told)}</p>'


def _added(gathered: Gathered, index: int) -> str:
    """What each modality adds in the fused model, in points of the true class's probability."""
    added = [f"{m} {points(found[index])}" for m, found in gathered.contributions.items()]
    if not added:
        return ""
    return (
        f'<p class="quiet">{text(gathered.fused[0])} rests on {text(", ".join(added))} points</p>'
    )


def _judgement(
    gathered: Gathered, index: int, name: str, colour_name: str, found: Prediction
) -> str:
    said = gathered.classes[int(found.classes[index])]
    sure = 100 * found.probabilities[index, found.labels[index]]
    kind = _outcome(found, index)
    sign = "\N{CHECK MARK}" if kind == "right" else "\N{MULTIPLICATION X}"
    mark = f'<span class="{"up" if kind == "right" else "down"}" aria-hidden="true">{sign}</span>'
    spoken = f'<span class="spoken"> {kind}</span>'
    return (
        f"<dt>{text(name)}</dt><dd>{mark} {text(said)}{spoken}"
        f'<span class="bar" aria-hidden="true"><i class="fill" style="--mark: var({colour_name}); '
        f'width:{sure:.0f}%"></i></span>{sure:.0f}&nbsp;%</dd>'
    )
