"""How the numbers of a comparison came about: data, plan, selection, statistics, environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from equimodal.comparison.command.writing import command as written
from equimodal.comparison.command.writing import stored_experiment
from equimodal.report.read.model import model_line, reading
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import main_words, modalities

_STATISTICS = (
    "Every row has the same epochs, batches, learning-rate trials and seeds; a seed fixes the "
    "data, the initial weights and the order for all rows. Differences are paired by sample; the "
    "95 % interval counts the noise of seeds, and of the samples that seeds share, each by itself, "
    "not corrected for the number of rows. A sentence on a method takes three seeds of both rows, "
    "and ten units on which they differ."
)
_PROBE = (
    "The linear probe trains a linear classifier on the frozen features of one encoder. The probe "
    "after joint training against that of the same encoder trained alone is the evidence of "
    "starvation; the untrained encoder is the floor. What is inside the model is read off the "
    "fused head and depends on that reading."
)


def command(results: Results) -> str:
    """The command that makes this comparison again (its data folder has to be added)."""
    return written("compare", stored_experiment(results["config"]))


def facts(results: Results) -> Iterator[tuple[str, str]]:
    """Pairs of a name and a sentence: what a reader must know to judge the numbers."""
    config, data = results["config"], results["data"]
    yield "Data", f"{data['name']}. {data.get('note') or ''}".strip()
    if "task" in data:
        outputs = ", ".join(map(str, data.get("classes", ())))
        yield "Task", f"{data['task']} ({outputs}); the score that counts is {main_words(results)}"
    yield "Modalities", "; ".join(_modality(results, name) for name in modalities(results))
    yield "Model", model_line(config, modalities(results))
    yield "Inside the model", f"a modality is read off {reading(config, data.get('task'))}"
    yield "Samples", _plain(data.get("sizes") or "not stated")
    yield "Data settings", _plain(config.get("data_settings") or "defaults")
    yield "Seeds", _plain(config["seeds"])
    yield "Training", _training(config)
    yield "Objective", str(config["objective"])
    yield "Method settings", _plain(config.get("settings") or "defaults")
    if "left_out" in config:
        yield "Left out", "; ".join(f"{row}: {why}" for row, why in config["left_out"].items())
    yield "Selection", f"by {config.get('selection', 'validation')}; test data select nothing"
    yield "Statistics", _STATISTICS
    yield "Probe", _PROBE
    yield "Environment", _plain(results["environment"])


def _modality(results: Results, name: str) -> str:
    entry = results["data"]["modalities"][name]
    shape = " × ".join(map(str, entry.get("shape", ())))
    return f"{name} ({' '.join(part for part in (entry.get('kind', ''), shape) if part)})"


def _training(config: Mapping[str, object]) -> str:
    names = (
        "epochs",
        "batch_size",
        "optimizer",
        "momentum",
        "weight_decay",
        "optimizer_settings",
        "schedule",
        "steps",
        "lr",
        "device",
    )
    return _plain({name: config[name] for name in names if config.get(name) is not None})


def _plain(value: object) -> str:
    """Settings as a person writes them: "epochs 12, lr 0.05"."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{str(name).replace('_', ' ')} {_plain(item)}" for name, item in value.items()
        )
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)
