"""The tables of docs/diagnosis.md: does the verdict name the right case?

    python benchmarks/verdicts.py                       # keypad, six cases, 20 seeds each
    python benchmarks/verdicts.py --real --data-root DIR    # avdigits, mosi, handwritten

Every seed of keypad is diagnosed by itself, as a user with one seed would; the real sets over
their seeds. Finished runs are kept under --out, so a repeat continues; docs/diagnosis.md gets the
tables between its markers. The thresholds were fixed on other seeds (1000 and up).
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from equimodal.comparison.rows import slug
from equimodal.diagnosis import diagnose_folder
from equimodal.diagnosis.rules import BALANCED, UNDER_TRAINED, WEAK, WELL_TRAINED
from equimodal.experiments.compare import compare

EASY = {"keypad.snr": 20.0, "keypad.distractors": 0}
SGD = {"optimizer": "sgd", "lr": 0.08}
ADAM = {"optimizer": "adam", "lr": 0.002}
EPOCHS = 12
ROWS = ("untrained", "alone:*", "joint")
MENDED = (*ROWS, "joint+unimodal")


class Case(NamedTuple):
    """A training whose truth is known by its making.

    ``words`` are what is right for each modality; ``row`` is diagnosed of those that are trained.
    """

    settings: Mapping[str, Any]
    words: Mapping[str, str]
    row: str = "joint"
    rows: tuple[str, ...] = ROWS
    budget: Mapping[str, Any] = SGD

    @property
    def folder(self) -> str:
        """Name of the folder of its runs; cases of the same data and budget share it."""
        options = {**self.settings, **self.budget}
        return re.sub(r"[^\w.-]+", "-", "-".join(f"{k}-{v}" for k, v in options.items()))


BOTH_WELL = {"image": WELL_TRAINED, "sound": WELL_TRAINED}
CASES = {
    "the weak modality under-trained": Case(
        {}, {"image": WELL_TRAINED, "sound": UNDER_TRAINED}, rows=MENDED
    ),
    "the weak modality noise": Case(
        {"keypad.snr": -40.0}, {"image": WELL_TRAINED, "sound": WEAK}
    ),
    "balanced": Case(EASY, BOTH_WELL, row="joint+unimodal", rows=MENDED, budget=ADAM),
    "three modalities, one dead": Case(
        {"keypad.third": True, "keypad.touch_noise": 5.0},
        {"image": WELL_TRAINED, "sound": UNDER_TRAINED, "touch": WEAK},
    ),
    "near the threshold: the image loses a little": Case(
        EASY, BOTH_WELL, rows=MENDED, budget=ADAM
    ),
    "near the threshold: the sound has not settled": Case(
        {}, BOTH_WELL, row="joint+unimodal", rows=MENDED
    ),
}  # fmt: skip
REAL: dict[str, dict[str, Any]] = {
    "avdigits": {"avdigits.split": "speaker"}, "mosi": {}, "handwritten": {},
}  # fmt: skip
PAGE = Path(__file__).parent.parent / "docs" / "diagnosis.md"


def keypad_rows(options: argparse.Namespace) -> Iterator[str]:
    """The table of the known cases."""
    columns = (
        "case", "settings", "row", "what is right", "right in", "other verdicts", "lost, points",
    )  # fmt: skip
    yield f"| {' | '.join(columns)} |"
    yield "|---|---|---|---|---:|---|---|"
    for name, case in CASES.items():
        folder = Path(options.out) / case.folder
        compare(
            "keypad", methods=case.rows, seeds=options.seeds, epochs=EPOCHS, settings=case.settings,
            jobs=options.jobs, out=folder, resume=True, **case.budget,
        )  # fmt: skip
        runs = [folder / "runs" / slug(case.row) / f"seed-{seed}" for seed in range(options.seeds)]
        yield keypad_row(name, case, [diagnose_folder(run) for run in runs])


def keypad_row(name: str, case: Case, found: list[dict[str, Any]]) -> str:
    """One case: in how many seeds model and modalities got what is right, and what the others."""
    given = [verdict(one) for one in found]
    state = UNDER_TRAINED if UNDER_TRAINED in case.words.values() else BALANCED
    expected = told(state, case.words)
    others = Counter(words for words in given if words != expected)
    listed = "; ".join(f"{count} x {words}" for words, count in others.items()) or "none"
    options = {k.removeprefix("keypad."): v for k, v in case.settings.items()} | dict(case.budget)
    named = " ".join(f"`{key}={value}`" for key, value in options.items())
    lost = ", ".join(f"{m} {spread(found, m)}" for m in case.words)
    right = f"{given.count(expected)} of {len(found)}"
    return f"| {name} | {named} | `{case.row}` | {expected} | {right} | {listed} | {lost} |"


def verdict(found: Mapping[str, Any]) -> str:
    """State and words of a diagnosis."""
    judged = found["verdict"]
    return told(judged["state"], {m: v["word"] for m, v in judged["modalities"].items()})


def told(state: str, words: Mapping[str, str]) -> str:
    """The state, then the words by modality, as the table shows them."""
    return f"{state} ({', '.join(f'{m} {word}' for m, word in words.items())})"


def spread(found: list[dict[str, Any]], modality: str) -> str:
    """Mean, lowest and highest loss of a modality over the seeds, in points."""
    lost = [100 * o["verdict"]["modalities"][modality]["probe"]["lost"]["value"] for o in found]
    return f"{fmean(lost):.1f} ({min(lost):.1f} to {max(lost):.1f})"


def real_rows(options: argparse.Namespace) -> Iterator[str]:
    """The table of the real sets."""
    probes = "probe: joint | alone | untrained"
    yield f"| set | seeds | modality | word (how sure) | {probes} | lost, points |"
    yield "|---|---:|---|---|---:|---:|---:|---|"
    for name, settings in REAL.items():
        folder = Path(options.out) / name
        compare(
            name, data_root=options.data_root, methods=(*ROWS, "ensemble", "joint+unimodal"),
            seeds=options.real_seeds, settings=settings, jobs=options.jobs, out=folder, resume=True,
        )  # fmt: skip
        found = diagnose_folder(folder)
        for m, judged in found["verdict"]["modalities"].items():
            yield real_row(name, options.real_seeds, m, judged)


def real_row(name: str, seeds: int, modality: str, judged: Mapping[str, Any]) -> str:
    """One modality of a real set."""
    probe = judged["probe"]
    three = " | ".join(f"{100 * probe[k]['value']:.1f}" for k in ("fused", "alone", "untrained"))
    lost = f"{100 * probe['lost']['value']:.1f} " + "[{:.1f}, {:.1f}]".format(
        100 * probe["lost"]["low"], 100 * probe["lost"]["high"]
    )
    sure = "" if judged["sure"] is None else f" ({100 * judged['sure']:.0f} %)"
    word = f"{judged['word']}{sure}"
    return f"| {name} | {seeds} | {modality} | {word} | {three} | {lost} |"


def write(marker: str, rows: list[str]) -> None:
    """Put a table between its markers on the page."""
    text = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {marker} -->\n", f"<!-- end of {marker} -->"
    head, rest = text.split(begin)
    tail = rest.split(end)[1]
    PAGE.write_text(head + begin + "\n".join(rows) + "\n" + end + tail, encoding="utf-8")


def main() -> None:
    """Train what is missing, diagnose, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--real", action="store_true", help="the real sets in place of keypad")
    parser.add_argument("--real-seeds", type=int, default=5)
    parser.add_argument("--data-root", help="folder that holds the real sets")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", default="results/verdicts")
    options = parser.parse_args()
    rows = list(real_rows(options) if options.real else keypad_rows(options))
    print("\n".join(rows))
    write("the real sets" if options.real else "the known cases", rows)


if __name__ == "__main__":
    main()
