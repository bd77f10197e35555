"""UCF-101 in miniature: 2 classes in groups of 2 clips, and the first fold."""

from collections.abc import Iterable
from pathlib import Path

from equimodal.data.miniatures import media

CLASSES = ("ApplyEyeMakeup", "HandstandPushups")
STEP = (1.0, -2.0)


def clips(name: str, groups: Iterable[int]) -> list[str]:
    """Paths of a class's clips, as the lists hold them; one class is spelled otherwise inside."""
    inside = name.replace("Handstand", "HandStand")
    return [f"{name}/v_{inside}_g{group:02d}_c0{c}.avi" for group in groups for c in (1, 2)]


def write(root: Path) -> None:
    """Group 1 is test, 8 to 10 are train."""
    lists = {"testlist01": (1,), "trainlist01": (8, 9, 10)}
    seed = 0
    (root / "ucfTrainTestlist").mkdir()
    for listed, groups in lists.items():
        lines = []
        for number, name in enumerate(CLASSES, 1):
            for clip in clips(name, groups):
                seed += 1
                media.write_video(root / "UCF-101" / clip, media.moving(seed, 4, STEP))
                lines.append(f"{clip} {number}\r\n" if listed == "trainlist01" else f"{clip}\r\n")
        (root / "ucfTrainTestlist" / f"{listed}.txt").write_text("".join(lines))
