"""CMU-MOSI and CMU-MOSEI in the forms that the field passes on, whichever of the two it is.

Features come as a pickle: {train, valid, test} -> {vision, text, audio: (N, T, D); labels
(N, 1, 1) or regression_labels (N,); id}, sequences padded with zeros (MulT, MultiBench), or with
their lengths beside them (vision_lengths, audio_lengths) and raw_text (MMSA). Clips come as
label.csv (video_id, clip_id, text, label, ..., mode) beside Raw/{video_id}/{clip_id}.mp4 (MMSA).
Splits and labels, from -3 to 3, are those of the files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.converters.clips import sound_path
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.media import extract_sound
from equimodal.data.converters.plain_pickle import read_pickle
from equimodal.data.converters.splits import with_honest_groups
from equimodal.data.converters.table import Column, Row, Table, Work
from equimodal.data.information import Facts
from equimodal.data.settings import choice
from equimodal.errors import DataError

SPLITS = {"train": "train", "valid": "validation", "test": "test"}
LABELS = ("sign", "nonzero", "seven")
MODALITIES = ("text", "audio", "vision")
_COLUMNS = ("video_id", "clip_id", "text", "label", "mode")
MMSA = (
    "aligned_50.pkl", "unaligned_50.pkl", "Processed/aligned_50.pkl", "Processed/unaligned_50.pkl",
)  # fmt: skip


@dataclass(frozen=True)
class Affect:
    """One of the two sets: its name, and its pickles, of which the first is read that is there."""

    name: str
    pickles: tuple[str, ...]

    @property
    def facts(self) -> Facts:
        """Licence, origin and files of the set."""
        return Facts(
            licence="for research; the videos are from YouTube",
            origin=(
                f"http://multicomp.cs.cmu.edu/resources/{self.name}-dataset/ ; pickles from the "
                "repositories yaohungt/Multimodal-Transformer, pliang279/MultiBench and thuiar/MMSA"
            ),
            files=(f"one of {', '.join(self.pickles)}", "or label.csv and Raw/*/*.mp4"),
        )

    def table(self, layout: Layout, form: str, file: str, labels: str) -> Table:
        """The samples in one of the forms, of ``file`` or of the first pickle that is there."""
        kind = choice(f"{self.name}.labels", labels, LABELS)
        if choice(f"{self.name}.form", form, ("features", "clips")) == "clips":
            return from_clips(layout, kind)
        return from_pickle(layout, layout.file(*([file] if file else self.pickles)), kind)


def from_pickle(layout: Layout, name: str, labels: str) -> Table:
    """The samples of a pickle of features; each sequence becomes an npy file of floats.

    Padding is cut off: by the lengths where they are given, otherwise rows of zeros at both ends.
    Values that are not finite become 0, as in the field's loaders.

    Raises:
        DataError: the pickle is damaged, asks for more than arrays, or lacks an array.
    """
    path = layout.root / name
    content = read_pickle(path)
    rows: list[Row] = []
    work: dict[str, Work] = {}
    for part, split in SPLITS.items():
        found = _part(path, content, part)
        values = _labels(path, found)
        for index, value in enumerate(values.tolist()):
            label = _class(value, labels)
            if label is None:
                continue
            paths = {m: f"derived/{path.stem}/{split}-{index}-{m}.npy" for m in MODALITIES}
            for modality, target in paths.items():
                work[target] = partial(_save, _rows(found, modality, index))
            rows.append(Row(label, split, paths, (), group=_video(found, index)))
    notes = [f"Features and split of {name}.", _meaning(labels), *_not_finite(content)]
    columns = dict.fromkeys(MODALITIES, Column("sequence"))
    return Table(with_honest_groups(rows), columns, notes, work)


def from_clips(layout: Layout, labels: str) -> Table:
    """The samples of label.csv: the text as it is, the clip, and its sound as a wav file.

    Raises:
        DataError: the folder or the table is missing, or the table lacks a column.
    """
    layout.folder("Raw")
    head, *lines = layout.cells("label.csv", len(_COLUMNS))
    if missing := [name for name in _COLUMNS if name not in head]:
        raise layout.error(f"holds a label.csv without the column {missing[0]}")
    rows: list[Row] = []
    work: dict[str, Work] = {}
    for line in lines:
        cells = dict(zip(head, line, strict=False))
        label = _class(_number(layout, cells["label"]), labels)
        if cells["mode"] not in SPLITS or "/" in cells["video_id"] + cells["clip_id"]:
            raise layout.error(f"holds a label.csv with {cells['mode']!r} as the mode of a sample")
        if label is None:
            continue
        clip = f"Raw/{cells['video_id']}/{cells['clip_id']}.mp4"
        values = {"text": cells["text"], "sound": sound_path(clip), "video": clip}
        work[values["sound"]] = partial(extract_sound, layout.root / clip)
        rows.append(Row(label, SPLITS[cells["mode"]], values, (clip,), group=cells["video_id"]))
    columns = {"text": Column("text"), "sound": Column("sound"), "video": Column("video")}
    notes = ["Split of label.csv.", _meaning(labels)]
    return Table(with_honest_groups(rows), columns, notes, work)


def _part(path: Path, content: Any, part: str) -> Mapping[str, Any]:
    found = content.get(part) if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise DataError(f"'{path}' holds no split '{part}', expected train, valid and test.")
    sizes = set()
    for name in MODALITIES:
        array = found.get(name)
        if not isinstance(array, np.ndarray) or array.ndim != 3 or array.dtype.kind not in "fiu":
            raise DataError(f"'{path}' holds no array (N, T, D) of numbers as {part}.{name}.")
        sizes.add(len(array))
    if sizes != {len(_labels(path, found))}:
        raise DataError(f"'{path}' holds arrays of different lengths in {part}: {sorted(sizes)}.")
    return found


def _labels(path: Path, found: Mapping[str, Any]) -> NDArray[np.float64]:
    """The opinion of each sample: -> (N,)."""
    for name in ("regression_labels", "labels"):
        if isinstance(found.get(name), np.ndarray) and found[name].dtype.kind in "fiu":
            return np.asarray(found[name], np.float64).reshape(len(found[name]), -1)[:, 0]
    raise DataError(f"'{path}' holds neither labels nor regression_labels.")


def _class(value: float, labels: str) -> str | None:
    """The class of an opinion from -3 to 3, None for one that is left out."""
    if not np.isfinite(value) or (labels == "nonzero" and value == 0):
        return None
    if labels == "seven":
        return str(int(np.clip(np.round(value), -3, 3)))
    return "negative" if value < 0 else "positive" if labels == "nonzero" else "non-negative"


def _meaning(labels: str) -> str:
    return {
        "sign": "Labels: negative, and 0 or more.",
        "nonzero": "Labels: negative and positive; samples with the opinion 0 are left out.",
        "seven": "Labels: opinions from -3 to 3, rounded.",
    }[labels]


def _rows(found: Mapping[str, Any], modality: str, index: int) -> NDArray[Any]:
    """A sequence without its padding, at least one row: -> (T, D)."""
    sequence: NDArray[Any] = found[modality][index]
    lengths = found.get(f"{modality}_lengths")
    if isinstance(lengths, (Sequence, np.ndarray)):
        return sequence[: max(1, int(lengths[index]))]
    filled = np.flatnonzero((sequence != 0).any(axis=1))
    return sequence[filled[0] : filled[-1] + 1] if len(filled) else sequence[:1]


def _save(sequence: NDArray[Any], target: Path) -> None:
    finite = np.where(np.isfinite(sequence), sequence, 0).astype(np.float32)
    np.save(target, finite, allow_pickle=False)


def _not_finite(content: Mapping[str, Any]) -> list[str]:
    count = sum(
        int((~np.isfinite(content[part][name])).sum()) for part in SPLITS for name in MODALITIES
    )
    return [f"{count} values that are not finite became 0."] if count else []


def _video(found: Mapping[str, Any], index: int) -> str:
    """The video that a sample is from, "" where its id does not say."""
    ids = found.get("id")
    name = ids[index] if isinstance(ids, (list, np.ndarray)) and len(ids) > index else ""
    name = name[0] if isinstance(name, (list, np.ndarray)) and len(name) else name
    text = name.decode("latin1") if isinstance(name, bytes) else str(name)
    return text.partition("$_$")[0] if "$_$" in text or len(text) == 11 else ""


def _number(layout: Layout, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise layout.error(f"holds a label.csv with the label {text!r}") from None
