"""VGGSound: Chen, Xie, Vedaldi and Zisserman, ICASSP 2020, https://arxiv.org/abs/2004.14368.

The list is the authors' vggsound.csv: video, start in seconds, label, "train" or "test", without a
header, labels with commas in quotes; 309 classes. Clips are named as the tools that fetch them
name them (see clips.py); many videos are gone by now, hence --allow-missing.
"""

from equimodal.data.converters.clips import clip_row, find_clips, with_sounds
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.splits import drawn, with_validation
from equimodal.data.converters.table import Row, Table
from equimodal.data.information import Facts

FACTS = Facts(
    licence="annotations CC BY 4.0; each video under the terms of its owner on YouTube",
    origin="https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
    files=("{video}_{start}.mp4 in any folder", "vggsound.csv"),
)


def table(layout: Layout, *, validation: float = 0.1, seed: int = 0) -> Table:
    """Sound of a 10 s clip whose source is seen: sound and video, 309 classes.

    Args:
        layout: the folder that holds the clips and vggsound.csv.
        validation: share of the training clips that becomes validation.
        seed: seed of the validation split.

    Raises:
        DataError: the list is missing or damaged, or there is no clip.
    """
    paths = find_clips(layout)
    listed = layout.file("vggsound.csv", "data/vggsound.csv")
    rows: list[Row] = []
    for number, (video, start, label, split, *_) in enumerate(layout.cells(listed, 4), 1):
        if split not in ("train", "test") or not start.isdigit():
            found = f"{start!r} and {split!r} in row {number}"
            raise layout.damaged(listed, found, "the start in seconds and train or test")
        rows.append(clip_row(paths, (video, int(start)), label, split))
    notes = ["Published split of vggsound.csv.", drawn(validation, seed)]
    return with_sounds(layout, with_validation("vggsound", rows, validation, seed), notes)
