"""UCF-101: Soomro, Zamir and Shah, 2012, https://arxiv.org/abs/1212.0402.

The authors' layout: ``UCF-101/{Class}/v_{Class}_g{group}_c{clip}.avi`` and, from
UCF101TrainTestSplits-RecognitionTask.zip, ucfTrainTestlist/trainlist0{fold}.txt (path and class
number) and testlist0{fold}.txt (path). Clips of a group are cut from one video; the published
folds keep groups whole, and so does our validation. Flow that others have computed is read from
``tvl1_flow/u/{clip}/*.jpg`` and ``tvl1_flow/v/...`` (feichtenhofer/twostreamfusion).
"""

import re
from functools import partial
from pathlib import Path

from equimodal.data.converters.flow import pack_flow, write_flow
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.splits import drawn, with_honest_groups, with_validation
from equimodal.data.converters.table import Column, Row, Table, Work
from equimodal.data.information import Facts
from equimodal.data.settings import whole
from equimodal.errors import DataError

FACTS = Facts(
    licence="none stated; the videos are from YouTube, for research",
    origin="https://www.crcv.ucf.edu/data/UCF101.php (UCF101.rar and the splits for recognition)",
    files=(
        "UCF-101/*/*.avi",
        "ucfTrainTestlist/trainlist01.txt",
        "ucfTrainTestlist/testlist01.txt",
        "if flow is there already: tvl1_flow/u/*/*.jpg and tvl1_flow/v/*/*.jpg",
    ),
)
_CLIP = re.compile(r"([A-Za-z]+)/(v_[A-Za-z]+_g(\d+)_c\d+)\.avi")
_FLOWS = ("tvl1_flow", "ucf101_tvl1_flow/tvl1_flow", "flow")


def table(
    layout: Layout,
    *,
    fold: int = 1,
    validation: float = 0.1,
    seed: int = 0,
    flow_frames: int = 10,
    flow_size: int = 0,
) -> Table:
    """Action in a clip, from its pictures and their optical flow: two videos, 101 classes.

    Args:
        layout: the folder that holds UCF-101 and ucfTrainTestlist.
        fold: published fold, 1 to 3.
        validation: share of the training clips that becomes validation, in whole groups.
        seed: seed of the validation split.
        flow_frames: flow pictures a clip, at equal distances; 0 for all.
        flow_size: shorter side, in pixels, of the frames that flow is computed of; 0 for their own.

    Raises:
        DataError: a folder or list is missing, or a line is no clip of UCF-101.
    """
    number = whole("ucf101.fold", fold, low=1, high=3)
    frames = whole("ucf101.flow_frames", flow_frames, low=0, high=10_000)
    size = whole("ucf101.flow_size", flow_size, low=0, high=1024)
    given = next((f for f in _FLOWS if (layout.root / f / "u").is_dir()), None)
    kind = "given" if given else f"{size}px" if size else "full"
    folder = f"derived/flow-{kind}-{frames or 'all'}"
    rows = [row for split in ("train", "test") for row in _listed(layout, split, number, folder)]
    rows = with_honest_groups(with_validation("ucf101", rows, validation, seed))
    work = {row.values["flow"]: _work(layout, row, given, frames, size) for row in rows}
    notes = [
        f"Published fold {number}. {drawn(validation, seed, 'groups')}",
        f"Flow: {'as found in ' + given if given else 'TV-L1, computed'}, "
        f"{frames or 'all'} pictures a clip, cut off at 20 pixels.",
    ]
    return Table(rows, {"rgb": Column("video"), "flow": Column("video")}, notes, work)


def _listed(layout: Layout, split: str, fold: int, flows: str) -> list[Row]:
    videos = layout.folder("UCF-101", "UCF101")
    name = f"{split}list0{fold}.txt"
    listed = layout.file(f"ucfTrainTestlist/{name}", name)
    return [_row(line, split, videos, flows, listed) for line in layout.lines(listed)]


def _row(line: str, split: str, videos: str, flows: str, listed: str) -> Row:
    clip = _CLIP.fullmatch(line.split()[0])
    if clip is None:
        raise DataError(
            f"{listed} holds {line!r}, expected a clip such as "
            "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi."
        )
    path = f"{videos}/{clip[0]}"
    values = {"rgb": path, "flow": f"{flows}/{clip[2]}.mp4"}
    return Row(clip[1], split, values, (path,), group=f"{clip[1]} {clip[3]}")


def _work(layout: Layout, row: Row, given: str | None, frames: int, size: int) -> Work:
    if given is None:
        return partial(write_flow, layout.root / row.values["rgb"], (0, None), frames, size)
    name = Path(row.values["flow"]).stem
    axes = layout.root / given
    return partial(pack_flow, axes / "u" / name, axes / "v" / name, frames)
