"""NVGesture: Molchanov et al., CVPR 2016.

https://research.nvidia.com/publication/2016-06_online-detection-and-classification-dynamic-hand-gestures-recurrent-3d.
The authors' layout: ``Video_data/class_{nn}/subject{s}_r{r}/sk_color.avi`` and ``sk_depth.avi``,
and two lists whose lines say where a gesture is, in frames of each sensor: ``path:./Video_data/
class_01/subject13_r0 depth:sk_depth:138:218 color:sk_color:138:218 ... label:1``.
The list says label 1 to 25; the classes have no published names in it. Each gesture is cut out
into a video of its own, and its flow is computed from the colour frames.
"""

import re
from collections.abc import Iterator
from functools import partial

from equimodal.data.converters.flow import write_flow
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.media import Span, cut_clip
from equimodal.data.converters.splits import drawn, with_honest_groups, with_validation
from equimodal.data.converters.table import Column, Row, Table, Work
from equimodal.data.information import Facts
from equimodal.data.settings import whole

FACTS = Facts(
    licence="CC BY-NC-SA 4.0 by memory, unverified; see the authors' page",
    origin=(
        "NVIDIA Research's page of the paper, Online Detection and Classification of Dynamic Hand "
        "Gestures with Recurrent 3D CNNs, https://research.nvidia.com (nvGesture_v1.7z)"
    ),
    files=(
        "Video_data/class_*/subject*_r*/sk_color.avi and sk_depth.avi",
        "nvgesture_train_correct_cvpr2016_v2.lst",
        "nvgesture_test_correct_cvpr2016_v2.lst",
    ),
)
_LISTS = ("nvgesture_{}_correct_cvpr2016_v2.lst", "nvgesture_{}_correct_v2.lst")
_LINE = re.compile(
    r"path:\./(?P<folder>Video_data/class_\d+/(?P<subject>subject\d+)_r\d+)"
    r"\s+depth:sk_depth:(?P<depth>\d+:\d+)\s+color:sk_color:(?P<color>\d+:\d+)"
    r"(?:\s\S+)*?\s+label:(?P<label>\d+)\s*"
)


def table(
    layout: Layout,
    *,
    validation: float = 0.1,
    seed: int = 0,
    flow_frames: int = 10,
    flow_size: int = 0,
    crf: int = 10,
) -> Table:
    """Gesture of a driver's hand, in colour, depth and optical flow: three videos, 25 classes.

    Args:
        layout: the folder that holds Video_data and the two lists.
        validation: share of the training gestures that becomes validation, in whole subjects.
        seed: seed of the validation split.
        flow_frames: flow pictures a gesture, at equal distances; 0 for all.
        flow_size: shorter side, in pixels, of the frames that flow is computed of; 0 for their own.
        crf: quality of the videos that are cut out, 0 (without loss but for odd sides) to 51.

    Raises:
        DataError: a folder or list is missing, or a line is no line of NVGesture.
    """
    frames = whole("nvgesture.flow_frames", flow_frames, low=0, high=10_000)
    size = whole("nvgesture.flow_size", flow_size, low=0, high=1024)
    quality = whole("nvgesture.crf", crf, low=0, high=51)
    work: dict[str, Work] = {}
    rows: list[Row] = []
    for split in ("train", "test"):
        for found in _listed(layout, split):
            row, made = _gesture(layout, found, split, frames, size, quality)
            rows.append(row)
            work |= made
    rows = with_honest_groups(with_validation("nvgesture", rows, validation, seed))
    notes = [
        f"Published split. {drawn(validation, seed, 'subjects')}",
        f"Flow: TV-L1, computed, {frames or 'all'} pictures a gesture, cut off at 20 pixels.",
    ]
    columns = dict.fromkeys(("color", "flow", "depth"), Column("video"))
    return Table(rows, columns, notes, work)


def _listed(layout: Layout, split: str) -> Iterator[re.Match[str]]:
    layout.folder("Video_data")
    listed = layout.file(*(name.format(split) for name in _LISTS))
    for number, line in enumerate(layout.lines(listed), 1):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            expected = "path, depth, color and label"
            raise layout.damaged(listed, f"{line!r} in line {number}", expected)
        yield found


def _gesture(
    layout: Layout, found: re.Match[str], split: str, frames: int, size: int, crf: int
) -> tuple[Row, dict[str, Work]]:
    """The sample of a line, and how its three videos are made."""
    folder = found["folder"]
    color, depth = (f"{folder}/sk_{sensor}.avi" for sensor in ("color", "depth"))
    spans = {sensor: _span(found[sensor]) for sensor in ("color", "depth")}
    place = folder.removeprefix("Video_data/").replace("/", "_")
    name = f"{place}_{found['color'].replace(':', '-')}.mp4"
    kind = f"{size}px" if size else "full"
    values = {
        "color": f"derived/color-crf{crf}/{name}",
        "flow": f"derived/flow-{kind}-{frames or 'all'}/{name}",
        "depth": f"derived/depth-crf{crf}/{name}",
    }
    colors, depths = layout.root / color, layout.root / depth
    work: dict[str, Work] = {
        values["color"]: partial(cut_clip, colors, spans["color"], crf),
        values["flow"]: partial(write_flow, colors, spans["color"], frames, size),
        values["depth"]: partial(cut_clip, depths, spans["depth"], crf),
    }
    return Row(found["label"], split, values, (color, depth), group=found["subject"]), work


def _span(text: str) -> Span:
    start, end = map(int, text.split(":"))
    return start, end
