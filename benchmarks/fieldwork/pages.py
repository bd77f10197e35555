"""The pages of docs/results/field: one a set, and with `guide` the overview and the plain words."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from equimodal.comparison.words import ABSENT, listing, mean_and_sd, percent, points
from equimodal.storage.files import write_text
from fieldwork.guide import guide, overview
from fieldwork.kept import RESULTS, read
from fieldwork.numbers import SetNumbers, starred

UNADJUSTED = (
    "Intervals are 95 % and unadjusted: each speaks for itself, and of many some exclude zero by "
    "chance. A star marks what is left at 5 % after Holm's correction over the rows of the table."
)
_MEGABYTE = 1e6


def write_pages(docs: Path, names: Sequence[str]) -> None:
    """Write every page from what is kept below ``docs``/data, in the order of ``names``."""
    folders = [docs / "data" / name for name in names]
    sets = [SetNumbers(read(folder)) for folder in folders if (folder / RESULTS).exists()]
    for numbers in sets:
        write_text(docs / f"{numbers.kept.about['set']}.md", page(numbers))
    if sets:
        write_text(docs / "README.md", overview(sets))
        write_text(docs / "guide.md", guide(sets))


def page(numbers: SetNumbers) -> str:
    """The Markdown of one set."""
    about = numbers.kept.about
    sections = [
        f"# {about['title']}: every row of the field",
        f"Made by `python benchmarks/field.py --data-root DIR --sets {about['set']}`, and from "
        f"[what is kept](data/{about['set']}/results.json) by `--recompute`. "
        "[All sets](README.md), [in plain words](guide.md).",
        "\n".join(conditions(about)),
        "\n".join(lacking(numbers)),
        "## Accuracy",
        f"Percent of the test samples, mean ± sd over the seeds, best first. {UNADJUSTED}",
        "\n".join(_accuracy(numbers)),
        "## Does a method's own idea do anything beyond its control?",
        "A method minus each of its controls, which lack the method's idea or a part of it. Same "
        "length, same number of trials each. Starred after Holm's correction over these pairs.",
        "\n".join(_controls(numbers)),
        "## Every modality's encoder",
        "Accuracy of a linear probe of each encoder after the row's training, and in points how "
        "far that is from the same encoder trained alone (unadjusted intervals, not corrected).",
        "\n".join(_probes(numbers)),
        "## Gain against cost",
        "Points above joint training; updates and seconds of a final run, with those of the "
        "trainings that it learns from; passes over the training data; memory that one epoch of "
        "training takes at most. Runs may share the processors with other work, so seconds are "
        "rough; `benchmarks/step_cost.py` measures steps side by side.",
        "\n".join(_costs(numbers)),
        "## What was tried",
        "Every trial with its mean validation accuracy over the two trial seeds; the chosen one in "
        "bold. A row that names no setting ran its defaults.",
        "\n".join(_trials(numbers)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def conditions(about: Mapping[str, Any]) -> Iterator[str]:
    """How the rows were trained and chosen, as a list."""
    budget, data = about["budget"], about["data"]
    sizes = data["sizes"]
    rates, tried, final = (
        listing([f"{value:g}" for value in budget[key]])
        for key in ("rates", "trial_seeds", "seeds")
    )
    yield (
        f"* {sizes['train']:,} training, {sizes['validation']:,} validation and {sizes['test']:,} "
        f"test samples, {len(data['classes'])} classes; pairs: {about['pairs']}."
    )
    yield (
        f"* {budget['epochs']} epochs of joint training with {budget['batch_size']} samples a "
        f"step, {budget['optimizer']} (momentum {budget['momentum']}, weight decay "
        f"{budget['weight_decay']:g}), learning rate {budget['schedule']}; small encoders, on the "
        "CPU. The epoch is the best on validation. Every row takes as many updates as joint "
        "training; rows that train encoders in turn also take as many times that as there are "
        "modalities, marked ×, with what was chosen at equal updates."
    )
    yield (
        f"* {budget['trials']} trials a row on the seeds {tried}, chosen by their mean validation "
        f"accuracy: the rates {rates} at defaults; then, at the best of these, two more values of "
        "the row's main setting, half way on a log scale from its default to either end of the "
        "registry's range, or, of a row without one, half and double the rate. Joint at half and "
        "double rate are held to joint's choice."
    )
    yield f"* Final runs on the seeds {final}; these alone are judged on test, which chose nothing."


def lacking(numbers: SetNumbers) -> Iterator[str]:
    """Which rows are not in the tables, and why."""
    about = numbers.kept.about
    missing = numbers.kept.missing()
    if missing:
        rows = ", ".join(f"`{row}`" for row in missing)
        yield (
            f"**This table is not whole**: {len(missing)} of {len(about['planned'])} rows are not "
            f"made yet: {rows}."
        )
    for row, why in {**about["left_out"], **about["refused"]}.items():
        yield f"* `{row}` is left out: {why}"
    for name, record in numbers.kept.rows.items():
        diverged = [run["seed"] for run in record["runs"] if run["status"] != "finished"]
        if diverged:
            yield f"* `{name}` diverged with the seeds {listing(list(map(str, diverged)))}."
        idle = sum(not run["acted"] for run in record["runs"] if run["status"] == "finished")
        if idle:
            yield f"* `{name}` did not act in {idle} of {len(record['runs'])} runs."


def _accuracy(numbers: SetNumbers) -> Iterator[str]:
    found = numbers.to_joint()
    yield "| row | acts on | accuracy | minus joint |"
    yield "|---|---|---:|---:|"
    for name in _best_first(numbers):
        score = numbers.accuracy(name)
        family = numbers.kept.rows[name]["family"]
        cells = (mean_and_sd(score["mean"], score["sd"]), starred(found.get(name)))
        yield f"| `{name}` | {family} | {' | '.join(cells)} |"


def _controls(numbers: SetNumbers) -> Iterator[str]:
    yield "| method | control | method minus control |"
    yield "|---|---|---:|"
    for (name, control), difference in numbers.to_controls().items():
        yield f"| `{name}` | `{control}` | {starred(difference)} |"


def _probes(numbers: SetNumbers) -> Iterator[str]:
    modalities = numbers.kept.about["modalities"]
    yield "| row | " + " | ".join(f"{m} | minus alone" for m in modalities) + " |"
    yield "|---|" + "---:|---:|" * len(modalities)
    for name in numbers.kept.rows:
        cells = [
            cell
            for m in modalities
            for cell in (percent(numbers.probe(name, m)), starred(numbers.probe_to_alone(name, m)))
        ]
        if set(cells) != {ABSENT}:
            yield f"| `{name}` | {' | '.join(cells)} |"


def _costs(numbers: SetNumbers) -> Iterator[str]:
    found = numbers.to_joint()
    yield "| row | minus joint | updates | passes | seconds | MB |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name in _best_first(numbers):
        memory = numbers.kept.rows[name]["memory"]
        difference = found.get(name)
        cells = (
            points(difference.mean) if difference else ABSENT,
            f"{numbers.updates(name):,.0f}", f"{numbers.passes(name):.1f}",
            f"{numbers.seconds(name):.1f}",
            ABSENT if memory is None else f"{memory / _MEGABYTE:.1f}",
        )  # fmt: skip
        yield f"| `{name}` | {' | '.join(cells)} |"


def _trials(numbers: SetNumbers) -> Iterator[str]:
    yield "| row | trials |"
    yield "|---|---|"
    for name, record in numbers.kept.rows.items():
        if record["times"] == 1 and record["trials"]:
            yield f"| `{name}` | {'; '.join(_trial(t, record) for t in record['trials'])} |"


def _trial(trial: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    own = {key: value for key, value in trial.items() if key != "validation"}
    words = ", ".join(f"{key} {value:g}" for key, value in own.items())
    score = fmean(value or 0.0 for value in trial["validation"])
    text = f"{words}: {percent(score)}"
    return f"**{text}**" if own == record["chosen"] else text


def _best_first(numbers: SetNumbers) -> list[str]:
    def merit(name: str) -> float:
        return numbers.accuracy(name)["mean"] or 0.0

    return sorted(numbers.kept.rows, key=merit, reverse=True)
