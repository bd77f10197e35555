"""VGGSound in miniature: 2 classes, one with a comma in its name."""

from pathlib import Path

from equimodal.data.miniatures import media

LABELS = ("dog barking", "bird chirping, tweeting")


def write(root: Path) -> None:
    """10 clips of train and 4 of test."""
    lines = []
    for seed in range(14):
        video, label = f"{seed:02d}--0PQM4-h", LABELS[seed % 2]
        path = root / "video" / f"{video}_{30 * seed:06d}.mp4"
        media.write_video(path, media.moving(seed, 3), sound=media.tone(seed))
        quoted = f'"{label}"' if "," in label else label
        lines.append(f"{video},{30 * seed},{quoted},{'train' if seed < 10 else 'test'}\n")
    (root / "vggsound.csv").write_text("".join(lines))
