"""AVE: Tian, Shi, Li, Duan and Xu, ECCV 2018, https://arxiv.org/abs/1803.08842.

The authors' AVE_Dataset.zip: ``AVE/{video}.mp4`` and the lists trainSet.txt, valSet.txt and
testSet.txt, lines ``Category&VideoID&Quality&StartTime&EndTime`` without a header. A video whose
event has several parts has several lines; it becomes one sample, with the category of the first.
"""

from equimodal.data.converters.clips import sound_path, with_sounds
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.table import Row, Table
from equimodal.data.information import Facts

FACTS = Facts(
    licence="none stated; each video under the terms of its owner on YouTube",
    origin="https://github.com/YapengTian/AVE-ECCV18 (AVE_Dataset.zip)",
    files=("AVE/*.mp4", "trainSet.txt", "valSet.txt", "testSet.txt"),
)
_LISTS = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}


def table(layout: Layout) -> Table:
    """Event in a 10 s clip that is seen and heard: sound and video, 28 classes.

    Args:
        layout: the folder that holds AVE and the three lists.

    Raises:
        DataError: the folder or a list is missing, or a line is no line of AVE.
    """
    layout.folder("AVE")
    rows: list[Row] = []
    repeated = 0
    for split, name in _LISTS.items():
        seen: set[str] = set()
        for number, line in enumerate(layout.lines(name), 1):
            parts = line.strip().split("&")
            if len(parts) != 5:
                expected = "Category&VideoID&Quality&StartTime&EndTime"
                raise layout.damaged(name, f"{line!r} in line {number}", expected)
            path = f"AVE/{parts[1]}.mp4"
            if parts[1] in seen:
                repeated += 1
            elif parts[0] != "Category":
                values = {"sound": sound_path(path), "video": path}
                rows.append(Row(parts[0], split, values, (path,)))
            seen.add(parts[1])
    notes = ["Published split of trainSet.txt, valSet.txt and testSet.txt."]
    if repeated:
        notes.append(f"{repeated} lines name a video again and are not used.")
    return with_sounds(layout, rows, notes)
