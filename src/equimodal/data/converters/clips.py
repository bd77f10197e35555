"""Clips of YouTube videos: found by their video and start wherever they lie, sound beside picture.

The tools that fetch such sets name a clip ``{video}_{start}.mp4`` or ``{video}_{start}_{end}.mp4``,
in seconds, with or without leading zeros, in folders by split or class.
"""

import re
from collections.abc import Iterable
from functools import partial

from equimodal.data.converters.layout import Layout
from equimodal.data.converters.media import extract_sound
from equimodal.data.converters.table import Column, Row, Table, Work

COLUMNS = {"sound": Column("sound"), "video": Column("video")}
Clip = tuple[str, int]
_NAME = re.compile(r"(.{11})_(\d+)(?:_\d+)?\.mp4")


def find_clips(layout: Layout) -> dict[Clip, str]:
    """Path of each clip below the data root by its video and start in seconds.

    Raises:
        DataError: there is none.
    """
    found: dict[Clip, str] = {}
    for path in layout.files("", [".mp4"]):
        if name := _NAME.fullmatch(path.rpartition("/")[2]):
            found.setdefault((name[1], int(name[2])), path)
    if not found:
        raise layout.error("holds no clip named {video}_{start}.mp4 or {video}_{start}_{end}.mp4")
    return found


def clip_row(paths: dict[Clip, str], clip: Clip, label: str, split: str) -> Row:
    """The sample of a clip; a clip that is not there is given the name it should have."""
    path = paths.get(clip, f"{clip[0]}_{clip[1]:06d}.mp4")
    return Row(label, split, {"sound": sound_path(path), "video": path}, (path,))


def sound_path(video: str) -> str:
    """Where the sound of a video is put, relative to the data root."""
    return f"derived/sound/{video.rpartition('.')[0]}.wav"


def with_sounds(layout: Layout, rows: Iterable[Row], notes: list[str]) -> Table:
    """The table of videos whose sound is extracted into wav files."""
    kept = list(rows)
    work: dict[str, Work] = {
        row.values["sound"]: partial(extract_sound, layout.root / row.values["video"])
        for row in kept
    }
    said = "Sound is extracted from the videos into derived/sound, mono, at its own rate."
    return Table(kept, COLUMNS, [*notes, said], work)
