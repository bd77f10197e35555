"""Kinetics-Sounds in miniature: 3 classes, clips in folders as two tools name them, and lists."""

from pathlib import Path

from equimodal.data.miniatures import media


def clip_name(seed: int) -> tuple[str, int]:
    """The video of 11 characters, which may hold - and _, and the start in seconds."""
    return f"-{seed:02d}_QwErTy-{seed % 10}"[:11], 7 * seed


def write(root: Path) -> None:
    """18 clips of train, named with their end, and 6 of test, without; all with sound."""
    lists = {"my_train": range(18), "my_test": range(18, 24)}
    for name, seeds in lists.items():
        lines = []
        for seed in seeds:
            video, start = clip_name(seed)
            label = 10 * (seed % 3)
            lines.append(f"{video}_{start},10,{label}\n")
            folder = root / ("train" if name == "my_train" else "val") / f"class {label}"
            ending = f"{start:06d}_{start + 10:06d}" if name == "my_train" else str(start)
            media.write_video(
                folder / f"{video}_{ending}.mp4", media.moving(seed, 3), sound=media.tone(seed)
            )
        (root / f"{name}.txt").write_text("".join(lines))
