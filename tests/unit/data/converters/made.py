"""Forms in which others publish a data set, besides those that a miniature has."""

import pickle

import av
import numpy as np
from PIL import Image

from equimodal.data.miniatures import cmu_mosi as mini
from equimodal.data.miniatures import media


def write_mmsa(root):
    """unaligned_50.pkl of MMSA: lengths beside the arrays, padding behind, ids as texts."""
    content = {}
    for part, count in mini.COUNTS.items():
        content[part] = {
            **{name: array[:, ::-1] for name, array in mini.features(part).items()},
            "regression_labels": mini.opinions(part),
            "classification_labels": np.zeros(count),
            "audio_lengths": [1 + i % 3 for i in range(count)],
            "vision_lengths": [1 + i % 3 for i in range(count)],
            "raw_text": np.array(["some words"] * count),
            "id": [f"{part}-video$_${i}" for i in range(count)],
            "annotations": ["Neutral"] * count,
        }
    (root / "unaligned_50.pkl").write_bytes(pickle.dumps(content, 4))


def write_clips(root):
    """label.csv and Raw/{video}/{clip}.mp4 of MMSA."""
    lines = ["video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode"]
    for part, count in mini.COUNTS.items():
        for i in range(count):
            path = root / "Raw" / f"{part}-video" / f"{i}.mp4"
            media.write_video(path, media.moving(i, 3), sound=media.tone(i))
            text = f'"WELL, {i} TIMES"'
            lines.append(f"{part}-video,{i},{text},{mini.OPINIONS[i % 3]},,,,Neutral,{part}")
    (root / "label.csv").write_text("\n".join(lines) + "\n")


def write_flow(root):
    """Flow as others publish it, of the numbers 100 + frame (u) and 200 + frame (v)."""
    for video in (root / "UCF-101").rglob("*.avi"):
        for axis, base in {"u": 100, "v": 200}.items():
            folder = root / "tvl1_flow" / axis / video.stem
            folder.mkdir(parents=True)
            for frame in (1, 2, 3):
                grey = Image.new("L", (64, 48), base + frame)
                grey.save(folder / f"frame{frame:06d}.jpg", quality=95)


def read_video(path):
    """The frames that a video decodes to: -> (T, H, W, 3)."""
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
