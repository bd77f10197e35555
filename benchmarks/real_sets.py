"""The tables of docs/results: every method and its controls on real data, five seeds.

    python benchmarks/real_sets.py --data-root DIR
    python benchmarks/real_sets.py --data-root DIR --sets mosi --objectives fused

Each pair of data set and objective is one `equimodal compare` with the same two learning rates
for every row, chosen on validation; joint at half and double rate are rows. Finished runs are kept
under --out, so a repeat continues. A page a pair and its curves go to docs/results.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from svg_chart import write_lines

from equimodal.experiments.compare import compare
from equimodal.report import markdown, verdict_words

SETS: dict[str, tuple[str, dict[str, Any]]] = {
    "avdigits": ("AV digits, speaker-independent", {"avdigits.split": "speaker"}),
    "handwritten": ("Handwritten: pix, fou, mor", {}),
    "mosi": ("CMU-MOSI", {}),
}
METHODS = (
    "untrained", "alone:*", "ensemble", "joint", "joint:half-lr", "joint:double-lr",
    "joint+unimodal", "amss-fixed", "amss-scale", "amss-uniform", "amss", "amss+-fixed", "amss+",
    "dus-uniform", "dus", "dus-rl", "relearn-fixed", "relearn",
)  # fmt: skip
RATES = {
    "avdigits": (0.01, 0.03),
    "handwritten": (0.03, 0.1),
    "mosi": (0.01, 0.03),
}
OWN_LOSS = (
    "alone:*", "ensemble", "joint+unimodal", "joint:half-lr", "joint:double-lr", "dus-uniform",
    "dus", "dus-rl",
)  # fmt: skip
EPOCHS = {"avdigits": 20, "handwritten": 30, "mosi": 30}
DOCS = Path(__file__).parent.parent / "docs" / "results"
_DECISIONS = {
    "significance": "mutual-information rate", "fraction": "share of units updated",
    "capped_weights": "weights capped, an epoch", "at_clamp": "share of steps at the clamp",
    "passed": "share of squared gradient that passed", "score": "cumulative score",
    "count": "rows an iteration", "train_purity": "purity, training",
    "validation_purity": "purity, validation", "gap": "purity gap", "strength": "strength",
}  # fmt: skip


def run(name: str, objective: str, options: argparse.Namespace) -> None:
    """Train one pair of data set and objective, and write its page."""
    slug = f"{name}-{objective.replace('+', '-')}"
    folder = Path(options.out) / slug
    results = compare(
        name, data_root=options.data_root, methods=rows(objective), seeds=options.seeds,
        objective=objective, lr=options.rates or RATES[name], epochs=EPOCHS[name], batch_size=64,
        settings=SETS[name][1], jobs=options.jobs, out=folder, resume=True,
    )  # fmt: skip
    given = [options.rates] if options.rates else []
    runs = _chosen(results)
    _draw(folder, runs, slug, SETS[name][0])
    (DOCS / f"{slug}.md").write_text(page(name, objective, results, folder, runs, slug, given))


def rows(objective: str) -> list[str]:
    """Rows of a page; those that bring their own loss are not trained again for a second one."""
    return [m for m in METHODS if objective == "fused" or m not in OWN_LOSS]


def page(
    name: str,
    objective: str,
    results: Mapping[str, Any],
    folder: Path,
    runs: Mapping[str, list[Mapping[str, Any]]],
    slug: str,
    given: Sequence[Sequence[float]],
) -> str:
    """The Markdown of one pair."""
    command = f"python benchmarks/real_sets.py --sets {name} --objectives {objective}"
    command += "".join(f" --rates {' '.join(map(str, rates))}" for rates in given)
    parts = [
        f"# {SETS[name][0]}, objective `{objective}`",
        f"Made by `{command} --data-root DIR`, which runs the comparison below and writes this "
        "page. `relearn` runs with `match_sizes=False`; accuracies inside are read by "
        "`LinearSplit`. The rate of every row was chosen on validation among the same ones "
        "(halved and doubled for joint:half-lr and joint:double-lr), the epoch too.",
        markdown(without_times(results), verdict_words(folder, results)).rstrip(),
        "## Over epochs",
        f"![Validation accuracy over epochs, mean over seeds]({slug}.svg)",
        "## What the methods decided",
        "Means over seeds and the whole training; first and last epoch in brackets.",
        "\n".join(decisions(folder, runs)),
    ]
    return "\n\n".join(parts) + "\n"


def without_times(results: Mapping[str, Any]) -> dict[str, Any]:
    """The results without times of a step: runs share the processors here, and
    `step_cost.py` measures them side by side."""
    summary = {row: {**s, "step_time_ratio": None} for row, s in results["summary"].items()}
    return {**results, "summary": summary}


def decisions(folder: Path, runs: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[str]:
    """A table of what each method decided, by modality."""
    yield "| row | decision | by modality |"
    yield "|---|---|---|"
    for row, chosen in runs.items():
        seen: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        for one in chosen:
            for record in _records(folder, one)["decisions"]:
                for modality, value in record["values"].items():
                    if value is not None:
                        seen[record["name"]][modality][record["epoch"]].append(value)
        for name, label in _DECISIONS.items():
            if name in seen:
                cells = ", ".join(f"{m} {_summary(e)}" for m, e in seen[name].items())
                yield f"| {row} | {label} | {cells} |"


def _summary(epochs: Mapping[int, list[float]]) -> str:
    every = [v for values in epochs.values() for v in values]
    first, last = fmean(epochs[min(epochs)]), fmean(epochs[max(epochs)])
    return f"{fmean(every):.3g} ({first:.3g} to {last:.3g})"


def _chosen(results: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Finished training runs of every row at its chosen rate."""
    chosen: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in results["runs"]:
        row = results["summary"][one["method"]]
        trained = one["status"] == "finished" and one["method"] not in ("ensemble", "untrained")
        if trained and one["lr"] == row["lr"]:
            chosen[one["method"]].append(one)
    return chosen


def _draw(folder: Path, runs: Mapping[str, list[Mapping[str, Any]]], slug: str, title: str) -> None:
    curves = {}
    for row, chosen in runs.items():
        each = [[c["validation_accuracy"] for c in _records(folder, r)["curves"]] for r in chosen]
        if each and each[0] and not row.startswith("alone:"):
            curves[row] = [fmean(values) for values in zip(*each, strict=True)]
    write_lines(
        DOCS / f"{slug}.svg", curves, title=f"{title}: validation accuracy, mean over seeds",
        x="epoch", y="accuracy",
    )  # fmt: skip


def _records(folder: Path, one: Mapping[str, Any]) -> dict[str, Any]:
    records: dict[str, Any] = json.loads((folder / one["folder"] / "records.json").read_text())
    return records


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", required=True, help="folder that holds the data sets")
    parser.add_argument("--sets", default=",".join(SETS), help="comma-separated")
    parser.add_argument("--objectives", default="fused,fused+unimodal", help="comma-separated")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rates", type=float, nargs="+", help="in place of the set's own two")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--out", default="results/real")
    options = parser.parse_args()
    for name in options.sets.split(","):
        for objective in options.objectives.split(","):
            run(name, objective, options)


if __name__ == "__main__":
    main()
