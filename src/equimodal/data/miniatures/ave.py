"""AVE in miniature: 2 classes, 3 lists, and a video whose event has two parts."""

from pathlib import Path

from equimodal.data.miniatures import media

LABELS = ("Church bell", "Male speech, man speaking")


def write(root: Path) -> None:
    """6, 2 and 2 videos; the first of train is listed twice."""
    videos = [f"RUhOCu3LN{seed:02d}" for seed in range(10)]
    for seed, video in enumerate(videos):
        path = root / "AVE" / f"{video}.mp4"
        media.write_video(path, media.moving(seed, 3), sound=media.tone(seed))
    lists = {"trainSet": [*range(6), 0], "valSet": [6, 7], "testSet": [8, 9]}
    for name, seeds in lists.items():
        lines = [f"{LABELS[s % 2]}&{videos[s]}&good&{s}&10\n" for s in seeds]
        (root / f"{name}.txt").write_text("".join(lines))
