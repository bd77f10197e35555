"""Whether a method's gain depends on how long training goes on: docs/results/training-length.md.

    python benchmarks/training_length.py --data-root DIR
    python benchmarks/training_length.py --data-root DIR --lengths 10,30 --rows joint,joint+unimodal

Fused training on a small set is over within a few epochs: below 0.1 nats little gradient is left to
balance. So the same rows are trained for several lengths, and with images that vary in training,
which keep the loss up. The set is AV digits by speaker as a table, whose declaration has `crop` for
both and `augment` for the varied one. Each length is a comparison of its own with its own cosine
schedule, kept under --out, so that a repeat continues.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from avdigits_manifest import DECLARATION, write

from equimodal import methods
from equimodal.comparison.rows import EVERY_ALONE, JOINT
from equimodal.comparison.words import ABSENT, listing, mean_and_sd, points
from equimodal.experiments.compare import compare
from equimodal.storage.files import make_folder, write_text

PAGE = Path(__file__).parent.parent / "docs" / "results" / "training-length.md"
LENGTHS, SEEDS, RATE, CROP = (10, 30, 90), 3, 0.01, 24
IMAGES = {"as they are": "", "varied": ", augment: [crop]"}
"""By how the training images are seen, what their declaration says of it."""
Found = Mapping[tuple[str, int], Mapping[str, Any]]


def default_rows() -> list[str]:
    """The methods of a default comparison, without their controls."""
    entries = [methods.entry(name) for name in methods.names()]
    return [entry.name for entry in entries if not (entry.on_request or entry.is_control)]


def tables(root: Path, folder: Path) -> dict[str, Path]:
    """The pairs of seed 0 as one table for each way of seeing the images."""
    make_folder(folder)
    made = write(root, folder, 0)
    found = {}
    for name, augment in IMAGES.items():
        table = folder / f"images-{name.replace(' ', '-')}.csv"
        write_text(table, made.read_text(encoding="utf-8"))
        image = f"channels: 1, crop: {CROP}{augment}"
        write_text(table.with_suffix(".yaml"), DECLARATION.replace("channels: 1", image))
        found[name] = table
    return found


def trained(options: argparse.Namespace) -> Found:
    """The results of every length, and of both ways of seeing the images."""
    folder = Path(options.out)
    return {
        (name, length): compare(
            str(table), methods=[EVERY_ALONE, *options.rows], seeds=options.seeds, epochs=length,
            lr=RATE, jobs=options.jobs, out=folder / f"{table.stem}-{length}", resume=True,
            cache=folder / "cache", steps="nominal",
        )
        for name, table in tables(Path(options.data_root), folder / "tables").items()
        for length in options.lengths
    }  # fmt: skip


def page(found: Found) -> str:
    """The document of the tables."""
    lengths = list(dict.fromkeys(length for _, length in found))
    first = next(iter(found.values()))
    parts = [
        "# How long training goes on",
        f"Made by `python benchmarks/training_length.py --data-root DIR{_given(lengths)}`. "
        f"AV digits by speaker, as a table of the pairs of seed 0; {len(first['config']['seeds'])} "
        f"seeds, {listing([str(n) for n in lengths])} epochs of as many steps for every row, SGD "
        f"with rate {RATE} under a cosine schedule over each length; rate and settings are not "
        "searched. Images are cut to "
        f"{CROP} × {CROP} pixels, from the middle, or *varied*: in training at random places. "
        "Intervals are 95 %, unadjusted ([how sure](../diagnosis.md#how-sure)).",
    ]
    for name in dict.fromkeys(name for name, _ in found):
        own = {length: found[name, length] for length in lengths}
        parts += [f"## Images {name}", "\n".join(lines(own))]
    return "\n\n".join(parts) + "\n"


def lines(found: Mapping[int, Mapping[str, Any]]) -> Iterator[str]:
    """A table of one way of seeing the images: a column a length."""
    summaries = {length: results["summary"] for length, results in found.items()}
    joint = [summary[JOINT] for summary in summaries.values()]
    yield "| | " + " | ".join(f"{length} epochs" for length in summaries) + " |"
    yield "|---|" + "---:|" * len(summaries)

    def line(title: str, cells: Sequence[str]) -> str:
        return f"| {title} | {' | '.join(cells)} |"

    yield line("`joint`: accuracy", [mean_and_sd(**_spread(one["accuracy"])) for one in joint])
    yield line("epoch in which its loss falls below 0.1", [_over(one) for one in joint])
    for modality in joint[0]["probe_difference_to_alone"]:
        gaps = [one["probe_difference_to_alone"][modality] for one in joint]
        yield line(f"probe of {modality} minus alone", list(map(_told, gaps)))
    every = next(iter(summaries.values()))
    for row in (r for r in every if every[r]["difference_to_joint"]):
        if row.startswith("alone:"):
            continue
        differences = [summary[row]["difference_to_joint"] for summary in summaries.values()]
        yield line(f"`{row}` minus `joint`", list(map(_told, differences)))


def _given(lengths: Sequence[int]) -> str:
    return "" if tuple(lengths) == LENGTHS else f" --lengths {','.join(map(str, lengths))}"


def _spread(score: Mapping[str, float | None]) -> dict[str, float | None]:
    return {key: score[key] for key in ("mean", "sd")}


def _over(summary: Mapping[str, Any]) -> str:
    """The mean epoch, counted from 1, and in how many seeds it came."""
    converged = summary["converged_epoch"]
    if not converged or converged["mean"] is None:
        return "never"
    return f"{converged['mean'] + 1:.0f} ({converged['reached']} of {converged['n']})"


def _told(difference: Mapping[str, Any] | None) -> str:
    if difference is None:
        return ABSENT
    return points(difference["mean"], difference["low"], difference["high"])


def main(argv: Sequence[str] | None = None) -> None:
    """Train every length and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", required=True, help="folder that holds fsdd and mnist")
    parser.add_argument("--lengths", type=lambda t: [int(n) for n in t.split(",")], default=LENGTHS)
    parser.add_argument("--rows", type=lambda t: t.split(","), default=default_rows())
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--out", default="results/training-length")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(argv)
    write_text(options.page, page(trained(options)))


if __name__ == "__main__":
    main()
