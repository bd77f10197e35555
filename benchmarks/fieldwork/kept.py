"""What is kept of a set: results.json and outcomes.npz, from which every number is made.

`results.json` says what was tried, chosen and trained, and what it took; `outcomes.npz` holds for
every row, seed and test sample one bit, right or wrong, and one more for the linear probe of each
modality, with the ids of the samples and of the units that they fall into.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from equimodal.errors import BalanceError
from equimodal.storage.files import atomic, make_folder, read_json, write_json

RESULTS, OUTCOMES, SCHEMA = "results.json", "outcomes.npz", "equimodal.field/1"
Json = dict[str, Any]
Bits = np.ndarray[Any, np.dtype[np.bool_]]
Ids = np.ndarray[Any, np.dtype[np.int64]]


class Outcome(NamedTuple):
    """One run on its test samples: which are right, (N,), and by modality which its probe gets."""

    fused: Bits
    probed: Mapping[str, Bits]


@dataclass
class Kept:
    """The outcomes of a set.

    ``about`` is what is said of the set and its budget, ``rows`` are records by label, ``outcomes``
    by label and seed; ``samples`` and ``units`` (N,) are by seed.
    """

    about: Json
    rows: dict[str, Json] = field(default_factory=dict)
    outcomes: dict[str, dict[int, Outcome]] = field(default_factory=dict)
    samples: dict[int, Ids] = field(default_factory=dict)
    units: dict[int, Ids] = field(default_factory=dict)

    def add(self, record: Json, outcomes: Mapping[int, Outcome]) -> None:
        """Take in a row of one length."""
        name = label(record["row"], record["times"])
        self.rows[name], self.outcomes[name] = record, dict(outcomes)

    def has(self, row: str, times: Sequence[int]) -> bool:
        """Whether a row is there, in all of its lengths."""
        return all(label(row, n) in self.rows for n in times)

    def missing(self) -> list[str]:
        """Rows that are planned and neither there nor refused."""
        there = {record["row"] for record in self.rows.values()}
        known = there | self.about["refused"].keys()
        return [row for row in self.about["planned"] if row not in known]

    def check(self, wanted: Mapping[str, Any]) -> None:
        """Raise `BalanceError` where the set was made with another budget."""
        found = self.about["budget"]
        wrong = [key for key, value in wanted.items() if found.get(key) != value]
        if wrong:
            raise BalanceError(
                f"What is kept of {self.about['set']} was made with another {wrong[0]}: "
                f"{found.get(wrong[0])}, and is to be {wanted[wrong[0]]}. Rows of two budgets "
                "share no table: keep the budget, or take its folder away to make all anew."
            )

    def write(self, folder: Path) -> None:
        """Write both files, each whole or not at all; the outcomes first."""
        make_folder(folder)
        names, seeds = list(self.rows), sorted(self.samples)
        modalities, size = self.about["modalities"], len(self.samples[seeds[0]])
        fused = np.zeros((len(names), len(seeds), size), bool)
        probed = np.zeros((len(names), len(seeds), len(modalities), size), bool)
        done, probes = np.zeros(fused.shape[:2], bool), np.zeros(probed.shape[:3], bool)
        for r, name in enumerate(names):
            for seed, outcome in self.outcomes[name].items():
                s = seeds.index(seed)
                done[r, s], fused[r, s] = True, outcome.fused
                for modality, bits in outcome.probed.items():
                    m = modalities.index(modality)
                    probes[r, s, m], probed[r, s, m] = True, bits
        with atomic(folder / OUTCOMES) as file:
            np.savez_compressed(
                file, labels=np.array(names), seeds=np.array(seeds), size=np.array(size),
                done=done, probes=probes, fused=np.packbits(fused, axis=-1),
                probed=np.packbits(probed, axis=-1),
                samples=np.stack([self.samples[s] for s in seeds]),
                units=np.stack([self.units[s] for s in seeds]),
            )  # fmt: skip
        write_json(folder / RESULTS, {**self.about, "rows": list(self.rows.values())})


def read(folder: Path) -> Kept:
    """What is kept in a folder.

    Raises:
        BalanceError: it is missing, damaged, or its two files are not of one making.
    """
    about = read_json(folder / RESULTS)
    rows = {label(r["row"], r["times"]): r for r in about.pop("rows")}
    with np.load(folder / OUTCOMES, allow_pickle=False) as archive:
        found = dict(archive)
    names, size = found["labels"].tolist(), int(found["size"])
    if not set(rows) <= set(names):
        raise BalanceError(
            f"'{folder}' names rows whose outcomes are not there, such as "
            f"'{min(set(rows) - set(names))}'; take both files of one commit."
        )
    fused = np.unpackbits(found["fused"], axis=-1, count=size).astype(bool)
    probed = np.unpackbits(found["probed"], axis=-1, count=size).astype(bool)
    seeds, modalities = found["seeds"].tolist(), about["modalities"]
    outcomes = {
        name: {
            seed: Outcome(fused[r, s], {
                m: probed[r, s, k] for k, m in enumerate(modalities) if found["probes"][r, s, k]
            })
            for s, seed in enumerate(seeds) if found["done"][r, s]
        }
        for r, name in enumerate(names) if name in rows
    }  # fmt: skip
    ids = {key: dict(zip(seeds, found[key], strict=True)) for key in ("samples", "units")}
    return Kept(about, rows, outcomes, **ids)


def label(row: str, times: int) -> str:
    """A row and its length as tables name it: ``mla ×2``."""
    return row if times == 1 else f"{row} ×{times}"
