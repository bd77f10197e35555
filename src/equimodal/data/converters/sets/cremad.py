"""CREMA-D: Cao et al., IEEE Transactions on Affective Computing 5(4), 2014.

https://doi.org/10.1109/TAFFC.2014.2336244. The layout is that of the authors' repository: one
``AudioWAV/{actor}_{sentence}_{emotion}_{level}.wav`` and one ``VideoFlash/....flv`` for a clip.
The set itself has no split. The field uses lists of ``clip,EMOTION`` lines without a header:
train.csv and test.csv (6,698 and 744 clips) of GeWu-Lab/OGM-GE_CVPR2022, and my_train.csv and
val.csv (5,954 and 744, together that train.csv) of GeWu-Lab/Diagnosing_Relearning_ECCV2024. In
all of them every actor is in every part.
"""

import re

from equimodal.data.converters.layout import Layout
from equimodal.data.converters.splits import drawn, with_validation
from equimodal.data.converters.table import Column, Row, Table
from equimodal.data.information import Facts
from equimodal.data.settings import choice, whole
from equimodal.errors import DataError
from equimodal.numerics.random import data_generator

EMOTIONS = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
FACTS = Facts(
    licence="Open Database License 1.0, contents under the Database Contents License 1.0",
    origin=(
        "https://github.com/CheyneyComputerScience/CREMA-D (clone it with Git LFS); the lists from "
        "GeWu-Lab/Diagnosing_Relearning_ECCV2024 (code/dataset/cremad)"
    ),
    files=(
        "AudioWAV/*.wav",
        "VideoFlash/*.flv",
        "the lists my_train.csv, val.csv and test.csv, or train.csv and test.csv",
    ),
)
_LISTS = {
    "relearn": {"train": "my_train.csv", "validation": "val.csv", "test": "test.csv"},
    "usual": {"train": "train.csv", "test": "test.csv"},
}
_PLACES = ("", "annotations/", "lists/")
_CLIP = re.compile(r"(\d{4})_[A-Z]{3}_([A-Z]{3})_[A-Z0-9]{2}")


def table(
    layout: Layout, *, split: str = "relearn", validation: float = 0.1, seed: int = 0
) -> Table:
    """Emotion of an acted sentence, from its sound and the video of the face: 6 classes.

    Args:
        layout: the folder that holds AudioWAV and VideoFlash.
        split: "relearn", the lists of Diagnosing & Re-learning (5,954 + 744 + 744); "usual", the
            lists train.csv and test.csv (6,698 + 744), validation drawn from train; "actors", ours,
            without lists: a fifth of the actors are test, and no actor is in two splits.
        validation: share of the training clips that becomes validation, for "usual" and "actors".
        seed: seed of what is drawn.

    Raises:
        DataError: a folder or list is missing, or a clip is not named as CREMA-D names its clips.
    """
    chosen = choice("cremad.split", split, ("relearn", "usual", "actors"))
    layout.folder("AudioWAV")
    layout.folder("VideoFlash")
    if chosen == "actors":
        rows = _by_actor(layout, seed)
        notes = ["Split by actor (ours): a fifth of the actors are test."]
    else:
        rows = [row for part in _LISTS[chosen] for row in _listed(layout, chosen, part)]
        notes = [f"Split by the published lists {', '.join(_LISTS[chosen].values())}."]
    if "validation" not in _LISTS.get(chosen, {}):
        rows = with_validation("cremad", rows, validation, seed)
        notes.append(drawn(validation, seed))
    columns = {"sound": Column("sound"), "video": Column("video")}
    return Table(rows, columns, notes)


def _listed(layout: Layout, chosen: str, split: str) -> list[Row]:
    name = _LISTS[chosen][split]
    path = layout.file(*(place + name for place in _PLACES))
    rows = []
    for clip, emotion, *_ in layout.cells(path, 2):
        row = _row(layout, clip.strip(), split)
        if row.label != emotion.strip():
            raise DataError(
                f"'{layout.root / path}' gives {clip} the emotion {emotion}, its name says "
                f"{row.label}; get the list again from {layout.facts.origin}."
            )
        rows.append(row)
    return rows


def _by_actor(layout: Layout, seed: int) -> list[Row]:
    clips = [path.rpartition("/")[2][:-4] for path in layout.files("AudioWAV", [".wav"])]
    if not clips:
        raise layout.error("holds no recording in AudioWAV")
    actors = sorted({clip[:4] for clip in clips})
    drawn = data_generator(whole("cremad.seed", seed, low=0, high=2**32 - 1), "test actors")
    test = set(drawn.permutation(actors)[: max(1, round(len(actors) / 5))].tolist())
    parts = ["test" if clip[:4] in test else "train" for clip in clips]
    return [
        _row(layout, clip, part, group=clip[:4]) for clip, part in zip(clips, parts, strict=True)
    ]


def _row(layout: Layout, clip: str, split: str, *, group: str = "") -> Row:
    name = _CLIP.fullmatch(clip)
    if name is None or name[2] not in EMOTIONS:
        raise layout.error(f"names a clip '{clip}', which is not like 1001_DFA_ANG_XX")
    paths = {"sound": f"AudioWAV/{clip}.wav", "video": f"VideoFlash/{clip}.flv"}
    return Row(name[2], split, paths, tuple(paths.values()), group)
