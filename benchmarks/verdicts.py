"""The tables of docs/diagnosis.md: does the verdict name the right case?

    python benchmarks/verdicts.py                            # all cases, twenty sets of three seeds
    python benchmarks/verdicts.py --case "a modality starved" --as plain few-epochs --sets 5
    python benchmarks/verdicts.py --tables                   # only write what is known
    python benchmarks/verdicts.py --real --data-root DIR     # recorded data, five seeds

Each set of three seeds is diagnosed as its user would, and settled. Outcomes are kept in
--outcomes, one line a set, so a repeat continues; a set's runs are deleted once it is known
(--keep leaves them). docs/diagnosis.md gets the tables between its markers. Settings and
thresholds were fixed on the seeds from 1000 on, before the seeds below 60 were seen.
"""

import argparse
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from marked import write_named

from equimodal.comparison.words import percent
from equimodal.data import sources
from equimodal.diagnosis import diagnose_folder, settle_folder
from equimodal.diagnosis.rules import (
    BALANCED,
    LEARNED_NOTHING,
    NO_VERDICT,
    UNDER_TRAINED,
    WEAK,
    WELL_TRAINED,
    is_sure,
)  # fmt: skip
from equimodal.experiments.compare import compare
from equimodal.training.run_folder import PREDICTIONS

Outcome = dict[str, Any]

EASY = {"snr": 20.0, "distractors": 0}
SGD, ADAM = {"optimizer": "sgd", "lr": 0.08}, {"optimizer": "adam", "lr": 0.002}
EPOCHS, FEW, TOO_LOW = 12, 3, 1 / 40
SEEDS, SETS, FEW_SAMPLES = 3, 20, 60
ROWS = ("untrained", "alone:*", "joint")
MENDED = (*ROWS, "joint+unimodal")
VARIANTS = {
    "plain": "as it is",
    "few-epochs": f"{FEW} epochs",
    "wrong-rate": "references at a fortieth of the rate",
    "few-samples": f"{FEW_SAMPLES} test samples",
    "lopsided": "classes of 9 : 1",
    "third-noise": "a third modality that is noise",
}


class Case(NamedTuple):
    """A training whose truth is known by its making.

    ``words`` are what is right for each modality; ``row`` is diagnosed of those that are trained.
    """

    settings: Mapping[str, Any]
    words: Mapping[str, str]
    row: str = "joint"
    rows: tuple[str, ...] = ROWS
    budget: Mapping[str, Any] = SGD


NOISE = {"third": True, "touch_noise": 5.0}
BOTH_WELL = {"image": WELL_TRAINED, "sound": WELL_TRAINED}
CASES = {
    "a modality starved": Case({}, {"image": WELL_TRAINED, "sound": UNDER_TRAINED}),
    "a modality noise": Case({"snr": -40.0}, {"image": WELL_TRAINED, "sound": WEAK}),
    "balanced": Case(EASY, BOTH_WELL, row="joint+unimodal", rows=MENDED, budget=ADAM),
    "one starved, one dead": Case(
        NOISE, {"image": WELL_TRAINED, "sound": UNDER_TRAINED, "touch": WEAK}
    ),
}
REAL: dict[str, tuple[str, dict[str, Any]]] = {
    "avdigits": ("avdigits", {"settings": {"avdigits.split": "speaker"}}),
    "mosi": ("mosi", {}),
    "handwritten": ("handwritten", {}),
}
"""Sets that the package reads; a table of one's own is added by --table NAME=PATH."""
KEPT = Path(__file__).parent.parent / "docs" / "results" / "data" / "verdicts.jsonl"
PAGE = Path(__file__).parent.parent / "docs" / "diagnosis.md"


# -- the known cases ----------------------------------------------------------------------------


def varied(case: Case, variant: str) -> tuple[Case, str, int]:
    """A case made harder, its data set and its epochs."""
    data = "lopsided" if variant == "lopsided" else "keypad"
    if variant == "third-noise" and "third" not in case.settings:
        case = case._replace(
            settings={**case.settings, **NOISE}, words={**case.words, "touch": WEAK}
        )
    return case, data, FEW if variant == "few-epochs" else EPOCHS


def trained(case: Case, variant: str, seeds: Sequence[int], folder: Path) -> None:
    """The runs of one set of seeds, and what its verdict waits for.

    What a variant shares with the plain case is taken from the folder of that beside it.
    """
    case, data, epochs = varied(case, variant)
    shared: dict[str, Any] = {
        "data": data, "seeds": list(seeds), "epochs": epochs, "here": True, "progress": False,
        "resume": True, "settings": {f"{data}.{k}": v for k, v in case.settings.items()},
    }  # fmt: skip
    plain = folder.with_name("plain")
    if variant in ("few-samples", "wrong-rate") and plain.exists() and not folder.exists():
        shutil.copytree(plain, folder)
    compare(methods=case.rows, out=folder, **shared, **case.budget)
    if variant == "wrong-rate":
        wrong, budget = folder.with_name("wrong"), dict(case.budget)
        compare(methods=["alone:*"], out=wrong, **shared, **budget | {"lr": budget["lr"] * TOO_LOW})
        for run in folder.glob("runs/alone-*"):
            shutil.rmtree(run)
        for run in wrong.glob("runs/alone-*"):
            shutil.copytree(run, folder / "runs" / run.name)
        shutil.rmtree(wrong)
        (folder / "results.json").unlink()  # it tells of the references that were replaced
    if variant == "few-samples":
        shorten(folder)
    settle_folder(folder, row=case.row, here=True, progress=False)
    if variant == "few-samples":
        shorten(folder)  # what was trained for longer, too


def shorten(folder: Path) -> None:
    """Leave the first test samples alone, one rendering of each source."""
    for path in folder.glob(f"runs/*/*/{PREDICTIONS}"):
        with np.load(path) as kept:
            arrays = dict(kept)
        for name in ("logits", "labels", "indices", "groups"):
            if f"test_{name}" in arrays:
                arrays[f"test_{name}"] = arrays[f"test_{name}"][:FEW_SAMPLES]
        for name in ("unimodal_logits", "probed"):
            arrays[f"test_{name}"] = arrays[f"test_{name}"][:, :FEW_SAMPLES]
        np.savez(path, **arrays)


def outcome(name: str, variant: str, number: int, options: argparse.Namespace) -> Outcome:
    """What one set of seeds was told, trained where it is not known yet."""
    for made in known(name, variant, options):
        if made["set"] == number:
            return made
    place = re.sub(r"\W+", "-", name)
    folder = Path(options.out) / "runs" / place / f"set-{number:02d}" / variant
    seeds = range(SEEDS * number, SEEDS * (number + 1))
    trained(CASES[name], variant, seeds, folder)
    found = diagnose_folder(folder, row=CASES[name].row)["verdict"]
    kept = {
        "case": name,
        "variant": variant,
        "set": number,
        "seeds": list(seeds),
        "state": found["state"],
        "sure": found["sure"],
        "words": {
            m: {key: v[key] for key in ("word", "sure", "why")} | {"lost": v["probe"]["lost"]}
            for m, v in found["modalities"].items()
        },
    }
    path = Path(options.outcomes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(kept) + "\n")
    print(f"{name}, {variant}, set {number}: {told(kept)}", flush=True)
    return kept


def told(found: Outcome) -> str:
    """State and words, as the table shows them."""
    words = ", ".join(f"{m} {v['word']}" for m, v in found["words"].items())
    return f"{found['state']} ({words})"


def expected(words: Mapping[str, str]) -> str:
    """The state that follows from the right words."""
    return UNDER_TRAINED if UNDER_TRAINED in words.values() else BALANCED


def judged(found: Outcome, words: Mapping[str, str]) -> str:
    """``right``, ``open`` (no verdict, and nothing wrong), ``unsure`` or ``wrong`` of an outcome.

    It is wrong where a word or the state is, and is called sure.
    """
    given = found["words"]
    false = [v for m, v in given.items() if v["word"] not in (words[m], NO_VERDICT)]
    state = found["state"] not in (expected(words), NO_VERDICT, LEARNED_NOTHING)
    if any(is_sure(v["sure"]) for v in false) or (state and is_sure(found["sure"])):
        return "wrong"
    if false or state:
        return "unsure"
    whole = found["state"] == expected(words) and all(
        v["word"] == words[m] for m, v in given.items()
    )
    return "right" if whole else "open"


def known(name: str, variant: str, options: argparse.Namespace) -> list[Outcome]:
    """The outcomes of a case that are there, in the order of their sets."""
    path = Path(options.outcomes)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    every = [json.loads(line) for line in lines]
    mine = [one for one in every if (one["case"], one["variant"]) == (name, variant)]
    return sorted(mine, key=lambda one: one["set"])


def table(options: argparse.Namespace) -> Iterator[str]:
    """The table of the known cases."""
    columns = "case | made harder | sets | right | no verdict | unsure, wrong | sure, wrong"
    yield f"| {columns} | other verdicts |"
    yield "|---|---|---:|---:|---:|---:|---:|---|"
    for name, case in CASES.items():
        for variant, harder in VARIANTS.items():
            words = varied(case, variant)[0].words
            found = known(name, variant, options)
            if not found:
                continue
            count = Counter(judged(one, words) for one in found)
            others = Counter(
                f"{told(one)}{', sure' if judged(one, words) == 'wrong' else ''}"
                for one in found
                if judged(one, words) in ("unsure", "wrong")
            )
            listed = "; ".join(f"{n} x {what}" for what, n in others.items()) or "none"
            counts = " | ".join(str(count[key]) for key in ("right", "open", "unsure", "wrong"))
            yield f"| {name} | {harder} | {len(found)} | {counts} | {listed} |"


# -- recorded data ------------------------------------------------------------------------------


def real_rows(options: argparse.Namespace) -> Iterator[str]:
    """The table of the recorded sets."""
    probes = "probe: joint | alone | untrained"
    yield f"| set | seeds | state | modality | word (how sure) | {probes} | lost, points |"
    yield "|---|---:|---|---|---|---:|---:|---:|---|"
    tables = dict(given.split("=", 1) for given in options.table)
    budget = {"epochs": options.table_epochs, "lr": options.table_lr}
    every = {**REAL, **{name: (path, budget) for name, path in tables.items()}}
    for name in options.only or every:
        data, more = every[name]
        folder = Path(options.out) / "real" / name
        if not options.tables:
            place = Path(data).parent if name in tables else options.data_root
            compare(
                data, data_root=place, methods=(*ROWS, "ensemble", "joint+unimodal"),
                seeds=options.real_seeds, jobs=options.jobs, out=folder, resume=True, **more,
            )  # fmt: skip
            settle_folder(folder, data_root=place, jobs=options.jobs)
        if not (folder / "results.json").exists():
            continue
        found = diagnose_folder(folder)
        for m, word in found["verdict"]["modalities"].items():
            state, seeds = found["verdict"]["state"], len(found["source"]["seeds"])
            yield real_row(f"{name} | {seeds} | {state}", m, word)


def real_row(head: str, modality: str, word: Mapping[str, Any]) -> str:
    """One modality of a recorded set."""
    probe, lost = word["probe"], word["probe"]["lost"]
    three = " | ".join(percent(probe[k]["value"]) for k in ("fused", "alone", "untrained"))
    sure = "" if word["sure"] is None else f" ({percent(word['sure'], digits=0)} %)"
    span = percent(lost["value"], lost["low"], lost["high"])
    return f"| {head} | {modality} | {word['word']}{sure} | {three} | {span} |"


def main() -> None:
    """Train what is missing, diagnose, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=SETS, help="sets of three seeds")
    parser.add_argument("--case", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument(
        "--as", nargs="*", choices=VARIANTS, default=list(VARIANTS), dest="variants"
    )
    parser.add_argument("--keep", action="store_true", help="leave the runs of every set")
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--real", action="store_true", help="recorded data in place of keypad")
    parser.add_argument("--only", nargs="*", help="some of the recorded sets")
    parser.add_argument("--table", nargs="*", default=[], metavar="NAME=PATH")
    parser.add_argument("--table-epochs", type=int, default=40)
    parser.add_argument("--table-lr", type=float, default=0.03)
    parser.add_argument("--real-seeds", type=int, default=5)
    parser.add_argument("--data-root", help="folder that holds the recorded sets")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", default="results/verdicts", help="folder of the runs")
    parser.add_argument("--outcomes", default=KEPT, help="what every set was told")
    options = parser.parse_args()
    sources._LOADERS["lopsided"] = "lopsided"
    if not options.real and not options.tables:
        for number in range(options.sets):
            for name in options.case:
                for variant in options.variants:
                    outcome(name, variant, number, options)
                place = Path(options.out) / "runs" / re.sub(r"\W+", "-", name)
                if not options.keep:
                    shutil.rmtree(place / f"set-{number:02d}", ignore_errors=True)
    rows = list(real_rows(options) if options.real else table(options))
    print("\n".join(rows))
    write_named(PAGE, "the real sets" if options.real else "the known cases", rows)


if __name__ == "__main__":
    main()
