"""The sets of the field's table, in the order of what a run costs, and the tables that some are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from real_sets import EPOCHS, SETS

from equimodal.errors import DataError
from equimodal.storage.files import make_folder, write_text


@dataclass(frozen=True)
class Table:
    """A table of arrays below the data root, and what is declared of its columns."""

    file: str
    modalities: Mapping[str, str]
    group: str = ""

    def placed(self, root: Path, folder: Path) -> tuple[str, Path]:
        """Copy it into a folder, with its declaration beside it; its path, and its arrays' root.

        Raises:
            DataError: it is not there.
        """
        source = root / self.file
        if not source.is_file():
            raise DataError(f"There is no '{source}'; write --data-root of the folder it is in.")
        make_folder(folder)
        copy = folder / source.name
        kinds = ", ".join(f"{m}: {{kind: {kind}}}" for m, kind in self.modalities.items())
        group = f"group: {self.group}\n" if self.group else ""
        declared = f"label: label\nsplit: split\n{group}modalities: {{{kinds}}}\n"
        write_text(copy, source.read_text(encoding="utf-8"))
        write_text(copy.with_suffix(".yaml"), declared)
        return str(copy), source.parent


@dataclass(frozen=True)
class FieldSet:
    """A set with its budget. Sets of one ``source`` count once where ranks are averaged."""

    title: str
    source: str
    data: str | Table
    epochs: int
    rates: tuple[float, float, float]
    pairs: str
    """Whether its pairs were recorded together."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 64


_MADE = "made: a sound and an image of one label"
_SOUND_AND_LIPS = {"sound": "spectrogram", "lips": "spectrogram"}
_DEPTH = {"depth": "spectrogram", "inertial": "sequence"}
FIELD_SETS = {
    "handwritten": FieldSet(
        SETS["handwritten"][0], "UCI Multiple Features", "handwritten", EPOCHS["handwritten"],
        (0.01, 0.03, 0.1), "natural: three descriptions of one image",
    ),
    "avletters": FieldSet(
        "AVLetters, by repetition", "AVLetters", Table("avletters/avletters.csv", _SOUND_AND_LIPS),
        40, (0.01, 0.03, 0.1), "natural",
    ),
    "keypad": FieldSet("keypad", "FSDD and MNIST", "keypad", 20, (0.03, 0.08, 0.2), _MADE),
    "avletters-talkers": FieldSet(
        "AVLetters, by talker", "AVLetters",
        Table("avletters/speakers.csv", _SOUND_AND_LIPS, group="talker"),
        40, (0.01, 0.03, 0.1), "natural",
    ),
    "utdmhad": FieldSet(
        "UTD-MHAD: depth and inertial", "UTD-MHAD", Table("utdmhad/utdmhad.csv", _DEPTH),
        40, (0.01, 0.03, 0.1), "natural",
    ),
    "utdmhad-three": FieldSet(
        "UTD-MHAD: depth, inertial and skeleton", "UTD-MHAD",
        Table("utdmhad/three.csv", _DEPTH | {"skeleton": "sequence"}),
        40, (0.01, 0.03, 0.1), "natural",
    ),
    "avdigits": FieldSet(
        SETS["avdigits"][0], "FSDD and MNIST", "avdigits", EPOCHS["avdigits"],
        (0.003, 0.01, 0.03), _MADE, SETS["avdigits"][1],
    ),
}  # fmt: skip
