"""NVGesture in miniature: 2 classes and 4 subjects, colour and depth, and the two lists."""

from pathlib import Path

from equimodal.data.miniatures import media


def write(root: Path) -> None:
    """Subjects 1 to 3 are train, 4 is test; a gesture is 4 frames in videos of 8."""
    lists = {"train": (1, 2, 3), "test": (4,)}
    for split, subjects in lists.items():
        lines = []
        for label in (1, 2):
            for subject in subjects:
                folder = f"Video_data/class_{label:02d}/subject{subject}_r0"
                for sensor, seed in {"color": 0, "depth": 50}.items():
                    frames = media.moving(seed + 10 * label + subject, 8)
                    media.write_video(root / folder / f"sk_{sensor}.avi", frames)
                lines.append(
                    f"path:./{folder} depth:sk_depth:1:5 color:sk_color:2:6 "
                    f"duo_left:duo_left:3:9 label:{label} \n"
                )
        path = root / f"nvgesture_{split}_correct_cvpr2016_v2.lst"
        path.write_text("".join(lines))
