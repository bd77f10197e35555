"""Kinetics-Sounds: Arandjelović and Zisserman, ICCV 2017, https://arxiv.org/abs/1705.08168.

A selection of classes of Kinetics (Kay et al., https://arxiv.org/abs/1705.06950) that can be seen
and heard; today's 31-class version has no official list. The lists are those that came with
OGM-GE, GeWu-Lab/OGM-GE_CVPR2022, data/KineticSound: lines ``{video}_{start},10,{class}`` without a
header, 14,799 of train and 2,597 of test, classes as numbers from 0 to 30. The names of the
numbered classes are published nowhere that we could find, so the labels are the numbers. Clips are
named as the tools that fetch Kinetics name them (see clips.py).
"""

import re

from equimodal.data.converters.clips import clip_row, find_clips, with_sounds
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.splits import drawn, with_validation
from equimodal.data.converters.table import Row, Table
from equimodal.data.information import Facts

FACTS = Facts(
    licence="annotations of Kinetics CC BY 4.0; each video under the terms of its owner on YouTube",
    origin=(
        "https://github.com/cvdfoundation/kinetics-dataset (videos); the lists from "
        "GeWu-Lab/OGM-GE_CVPR2022 (data/KineticSound)"
    ),
    files=(
        "{video}_{start}.mp4 or {video}_{start}_{end}.mp4 in any folder",
        "the lists my_train.txt and my_test.txt",
    ),
)
_LISTS = {"train": "my_train.txt", "test": "my_test.txt"}
_PLACES = ("", "lists/", "annotations/")


def table(layout: Layout, *, validation: float = 0.1, seed: int = 0) -> Table:
    """Action in a 10 s clip that is seen and heard: sound and video, 31 classes.

    Args:
        layout: the folder that holds the clips and the lists.
        validation: share of the training clips that becomes validation.
        seed: seed of the validation split.

    Raises:
        DataError: a list is missing or damaged, or there is no clip.
    """
    paths = find_clips(layout)
    rows: list[Row] = []
    for split, name in _LISTS.items():
        listed = layout.file(*(place + name for place in _PLACES))
        for number, cells in enumerate(layout.cells(listed, 3), 1):
            clip = re.fullmatch(r"(.{11})_(\d+)", cells[0])
            if clip is None or not cells[2].strip().isdigit():
                expected = "{video}_{start},{seconds},{class number}"
                raise layout.damaged(listed, f"{','.join(cells)!r} in row {number}", expected)
            label = cells[2].strip()
            rows.append(clip_row(paths, (clip[1], int(clip[2])), label, split))
    notes = ["Split by the lists my_train.txt and my_test.txt.", drawn(validation, seed)]
    return with_sounds(layout, with_validation("kinetics-sounds", rows, validation, seed), notes)
