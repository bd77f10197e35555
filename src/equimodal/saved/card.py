"""README.md of a model folder: what it is, where it comes from, how it is used."""

from __future__ import annotations

from collections.abc import Sequence

from equimodal.comparison.scores import WORDS, written
from equimodal.comparison.words import percent
from equimodal.data.target import CLASSIFICATION, MULTI_LABEL, REGRESSION, SCORES_BY_TASK
from equimodal.saved.description import Description


def card(model: Description, verdict: Sequence[str] = ()) -> str:
    """The card, in Markdown.

    Args:
        model: what model.json says.
        verdict: sentences of a diagnosis of joint training on the same data.
    """
    trained = model.trained
    parts = [f"# {trained['method']} on {trained['data']}", *_what(model), _scores(model)]
    if verdict:
        parts += ["## Verdict on joint training", "\n".join(f"* {line}" for line in verdict)]
    parts += ["## Use", _use(model), "## Data", str(trained["note"])]
    return "\n\n".join(filter(None, parts)) + "\n"


def _what(model: Description) -> list[str]:
    trained = model.trained
    kinds = ", ".join(f"{m} ({one.kind})" for m, one in model.modalities.items())
    settings = ", ".join(f"{name} {value}" for name, value in trained["settings"].items())
    rate = "" if trained["lr"] is None else f", learning rate {trained['lr']:g}"
    return [
        f"Predicts {_outputs(model)} from {kinds}; encoders "
        f"{_encoders(model)}, fusion {model.fusion}.",
        f"Trained as the row `{trained['method']}`{f' ({settings})' if settings else ''} with seed "
        f"{trained['seed']}{rate}, epoch {trained['epoch']} of {trained['epochs']}, by equimodal "
        f"{model.versions['equimodal']} and torch {model.versions['torch']}. Fingerprint "
        f"`{model.fingerprint}`.",
    ]


def _outputs(model: Description) -> str:
    if model.target.task == CLASSIFICATION:
        return f"one of {len(model.classes)} classes"
    what = "which of the labels" if model.target.task == MULTI_LABEL else "the numbers"
    return f"{what} {', '.join(model.classes)}"


def _encoders(model: Description) -> str:
    return ", ".join(model.encoders.get(m, "small") for m in model.modalities)


def _scores(model: Description) -> str:
    scores = model.trained["scores"]
    unit = "percent, or units" if model.target.task == REGRESSION else "percent"
    lines = [f"| {unit} | validation | test |", "|---|---|---|"]
    for key in SCORES_BY_TASK[model.target.task]:
        cells = [written(key, scores[split][key]) for split in ("validation", "test")]
        lines.append(f"| {WORDS[key]} | {' | '.join(cells)} |")
    inside = next(key for key in scores["test"] if key.startswith("modality_"))
    for m in model.modalities:
        cells = [percent(scores[s][inside][m]) for s in ("validation", "test")]
        lines.append(f"| {m} alone, inside the model | {' | '.join(cells)} |")
    note = "The epoch, and in a comparison the run, were selected on validation."
    return "\n".join(lines) + f"\n\n{note}"


def _use(model: Description) -> str:
    if model.table is None:
        return (
            "Trained on a built-in set: in Python, `equimodal.load(folder).outputs(inputs)` takes "
            "prepared tensors, and `equimodal export` writes the network."
        )
    columns = dict.fromkeys(s for one in model.table.columns.values() for s in one.sources)
    return (
        f"New rows need the columns {', '.join(f'`{name}`' for name in columns)}:\n\n"
        "```sh\n"
        "equimodal predict MODEL rows.csv --out predictions.csv\n"
        f"equimodal evaluate MODEL test.csv   # with {', '.join(model.table.labels)}\n"
        "equimodal export MODEL --format pt2\n"
        "```"
    )
