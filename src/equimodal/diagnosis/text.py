"""A diagnosis as the few lines that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from equimodal.comparison.words import number, percent, points
from equimodal.diagnosis.recorded import collapsed
from equimodal.diagnosis.rules import BALANCED, NO_PROMISE, UNDER_TRAINED, is_sure

Json = Mapping[str, Any]


def lines(content: Json) -> list[str]:
    """The text of a diagnosis, line by line; an indented line belongs to the one above."""
    parts = (_verdict, _modalities, _cost, _reliance, _training, _advice, _unsaid)
    return [_head(content), *(line for part in parts for line in part(content))]


def _head(content: Json) -> str:
    source = content["source"]
    seeds = source.get("seeds") or []
    count = f", {len(seeds)} seed{'s' * (len(seeds) != 1)}" if seeds else ""
    samples = f"{source['samples'][0]:,} {source['split']} samples"
    return f"{source['data']}, {source['row']}{count}, {samples}, readout {source['readout']}"


def _verdict(content: Json) -> Iterator[str]:
    verdict = content["verdict"]
    state = verdict["state"]
    if state is None:
        yield "verdict: not possible yet, the modalities were not all trained alone"
        return
    starved = [m for m, v in verdict["modalities"].items() if v["word"] == UNDER_TRAINED]
    named = f"{state}: {', '.join(starved)}" if state == UNDER_TRAINED else state
    yield f"verdict: {named} ({_sure(verdict['sure'])})"


def _sure(share: float) -> str:
    """How often the same word comes out of resampled seeds and samples."""
    word = "sure" if is_sure(share) else "not sure"
    return f"{word}, {percent(share, digits=0)} % of resamplings agree"


def _modalities(content: Json) -> Iterator[str]:
    for m, found in content["verdict"]["modalities"].items():
        probe = found["probe"]
        if found["word"] is None:
            if probe["fused"]:
                yield f"  {m}: linear probe of its encoder {percent(probe['fused']['value'])} %"
            continue
        floor = f", {percent(probe['untrained']['value'])} untrained" if probe["untrained"] else ""
        yield f"  {m}: {found['word']} ({_sure(found['sure'])})"
        yield (
            f"    linear probe of its encoder {percent(probe['fused']['value'])} %, trained alone "
            f"{percent(probe['alone']['value'])}{floor}, chance {percent(found['chance'])}: "
            f"lost {_spanned(percent, probe['lost'])} points"
        )


def _cost(content: Json) -> Iterator[str]:
    cost = content["verdict"]["cost"]
    yield f"accuracy {_spanned(percent, cost['accuracy'])} %"
    for name, rival in cost["ahead"].items():
        yield (
            f"  {name}: {percent(rival['accuracy']['value'])} %, "
            f"{_spanned(points, rival['difference'])} points"
        )


def _reliance(content: Json) -> Iterator[str]:
    """What the model's right answers rest on."""
    shapley = content["measures"].get("shapley")
    if not shapley:
        return
    shares = ", ".join(f"{m} {percent(v['value'])}" for m, v in shapley["accuracy"].items())
    yield f"what the accuracy rests on above a blind guess (Shapley values, points): {shares}"


def _training(content: Json) -> Iterator[str]:
    """What was recorded of the gradients."""
    shares = content["measures"].get("training", {}).get("gradient_share")
    if shares:
        told = ", ".join(f"{m} {percent(v['mean'], digits=0)}" for m, v in shares.items())
        yield f"share of the gradient's norm over training (percent): {told}"


def _advice(content: Json) -> Iterator[str]:
    tips = content["advice"]
    if not tips:
        if content["verdict"]["state"] == BALANCED:
            yield "No method is advised: there is nothing that balancing could mend."
        return
    yield "what fits:"
    for tip in tips:
        yield f"  {tip['method']}: {tip['reason']}" if tip["method"] else f"  {tip['reason']}"
        if tip["controls"]:
            yield f"    to be held against {', '.join(tip['controls'])}"
    if any(tip["method"] for tip in tips):
        yield NO_PROMISE


def _unsaid(content: Json) -> Iterator[str]:
    missing = content["missing"]
    if missing:
        rows = ", ".join(dict.fromkeys(f"{e['row']} (seed {e['seed']})" for e in missing))
        yield f"not trained, so not held against: {rows}. To train them:"
        yield from (f"  {command}" for command in dict.fromkeys(e["command"] for e in missing))
    yield from content["notes"]


FEW_GROUPS = 10
"""Below so many groups an interval from resampling them is rough."""


def interval_notes(source: Json) -> list[str]:
    """What intervals resampled, where it was not samples that each have a source of their own."""
    known = [groups for groups in source["groups"] if groups is not None]
    if len(known) < len(source["groups"]):
        return [
            "Intervals take samples as independent: no groups of samples from one source are known."
        ]
    fewest = min(known)
    if fewest == 1:
        return [
            f"All {source['split']} samples come from one source, which cannot be resampled: "
            "intervals take samples as independent, and are too narrow."
        ]
    if all(n == samples for n, samples in zip(known, source["samples"], strict=True)):
        return []
    rough = ", so few that intervals are rough" if fewest < FEW_GROUPS else ""
    return [
        f"Intervals resample the {known[0]:,} sources of the {source['samples'][0]:,} "
        f"{source['split']} samples, as samples of one source are alike{rough}."
    ]


def _spanned(written: Callable[..., str], value: Json) -> str:
    return written(value["value"], value["low"], value["high"])


def recording_lines(content: Json) -> list[str]:
    """The text on the records of one training, which give no verdict."""
    source, summary = content["source"], content["measures"]["training"]
    names = ", ".join(source["modalities"])
    found = [f"{source['data']}, {source['updates']:,} updates of {names}"]
    found += [
        f"  {label}: " + ", ".join(f"{m} {_course(values[m])}" for m in source["modalities"])
        for name, label in _MEASURES.items()
        if (values := summary.get(name))
    ]
    found += [
        f"{m}: its share of the gradient collapsed; the fused loss may no longer train its encoder"
        for m in collapsed(summary)
    ]
    return [*found, *_RECORDING_LIMITS]


_MEASURES = {
    "score": "score of its own prediction (first tenth, last tenth)",
    "gradient_share": "share of the gradient's norm",
    "gradient_norm": "norm of the gradient",
    "conflict": "cosine of fused and own gradient (below 0: conflict)",
}
_RECORDING_LIMITS = (
    "verdict: not possible from records alone. A modality that scores low may be under-trained or "
    "weak by itself;",
    "  the difference shows against the same encoder trained alone: equimodal.diagnose(model, "
    "loaders, ...) in Python.",
)


def _course(value: Json) -> str:
    first, last = value["first"], value["last"]
    return " to ".join("-" if v is None else number(v, ".3g") for v in (first, last))
