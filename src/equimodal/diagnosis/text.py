"""A diagnosis as the few lines that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from equimodal.comparison.words import ABSENT, number, percent, points
from equimodal.diagnosis.recorded import collapsed
from equimodal.diagnosis.rules import BALANCED, NO_PROMISE
from equimodal.diagnosis.sentences import probes_told, settled_by, spanned
from equimodal.diagnosis.task_words import task_words

Json = Mapping[str, Any]


def lines(content: Json) -> list[str]:
    """The text of a diagnosis, line by line; an indented line belongs to the one above."""
    parts = (_budget, _verdict, _modalities, _cost, _reliance, _training, _deep, _advice, _unsaid)
    return [_head(content), *(line for part in parts for line in part(content))]


def _head(content: Json) -> str:
    source = content["source"]
    seeds = source.get("seeds") or []
    several = source.get("kind") != "model"
    count = f", {len(seeds)} seed{'s' * (len(seeds) != 1)}" if seeds and several else ""
    samples = f"{source['samples'][0]:,} {source['split']} samples"
    return f"{source['data']}, {source['row']}{count}, {samples}, readout {source['readout']}"


def _budget(content: Json) -> Iterator[str]:
    """What the references were trained with."""
    budget = content["source"].get("budget")
    if budget:
        yield budget["told"]


def _verdict(content: Json) -> Iterator[str]:
    yield f"verdict: {content['verdict']['headline']}"


def _modalities(content: Json) -> Iterator[str]:
    for m, found in content["verdict"]["modalities"].items():
        yield f"  {m}: {found['told']}"
        if probes := probes_told(found):
            yield f"    {probes}"
    yield from (settled_by(entry) for entry in content["settling"])


def _cost(content: Json) -> Iterator[str]:
    cost = content["verdict"]["cost"]
    score = task_words(content["verdict"]).score
    yield f"{score} {spanned(percent, cost['accuracy'])} %"
    for name, rival in cost["ahead"].items():
        yield (
            f"  {name}: {percent(rival['accuracy']['value'])} %, "
            f"{spanned(points, rival['difference'])} points"
        )


def _reliance(content: Json) -> Iterator[str]:
    """What the model's right answers rest on."""
    shapley = content["measures"].get("shapley")
    if not shapley:
        return
    shares = ", ".join(f"{m} {percent(v['value'])}" for m, v in shapley["accuracy"].items())
    score = task_words(content["verdict"]).score
    yield f"what the {score} rests on above a blind guess (Shapley values, points): {shares}"


def _training(content: Json) -> Iterator[str]:
    """What was recorded of the gradients."""
    shares = content["measures"].get("training", {}).get("gradient_share")
    if shares:
        told = ", ".join(f"{m} {percent(v['mean'], digits=0)}" for m, v in shares.items())
        yield f"share of the gradient's norm over training (percent): {told}"


def _deep(content: Json) -> Iterator[str]:
    """What takes the model itself: its gradients, Fisher information, purity of its features."""
    measures = content["measures"]
    told = {
        "share of the gradient's norm now, on training batches (percent)": _of_each(
            measures, "gradients", lambda v: percent(v["share"], digits=0)
        ),
        "cosine of fused and own gradient (below 0: conflict)": _of_each(
            measures, "gradients", lambda v: _short(v.get("conflict"))
        ),
        "Fisher trace, how much each encoder still learns": _of_each(
            measures, "fisher_trace", _short
        ),
        "purity of feature clusters, training and unseen (percent)": _of_each(
            measures, "purity", lambda v: _pair(v) if v else ABSENT
        ),
    }
    yield from (f"{label}: {values}" for label, values in told.items() if values)


def _of_each(measures: Json, family: str, written: Callable[[Any], str]) -> str:
    """A measure of every modality; empty where none was measured or says anything."""
    found = {m: written(value) for m, value in measures.get(family, {}).items()}
    said = any(text != ABSENT for text in found.values())
    return ", ".join(f"{m} {text}" for m, text in found.items()) if said else ""


def _pair(value: Json) -> str:
    return f"{percent(value['train'])} and {percent(value['validation'])}"


def _short(value: float | None) -> str:
    return ABSENT if value is None else number(value, ".2g")


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
