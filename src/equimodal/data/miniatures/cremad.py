"""CREMA-D in miniature: 4 actors, 6 emotions and 2 sentences, and the lists that the field uses."""

from pathlib import Path

from equimodal.data.miniatures import media

ACTORS = ("1001", "1002", "1003", "1004")
EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
SENTENCES = ("DFA", "IEO")


def write(root: Path) -> None:
    """48 clips; of each emotion's eight, five are my_train, one is val and two are test."""
    clips = [
        (f"{actor}_{sentence}_{emotion}_{'XX' if sentence == 'DFA' else 'HI'}", emotion)
        for emotion in EMOTIONS
        for actor in ACTORS
        for sentence in SENTENCES
    ]
    for seed, (clip, _) in enumerate(clips):
        media.write_sound(root / "AudioWAV" / f"{clip}.wav", seed)
        media.write_video(root / "VideoFlash" / f"{clip}.flv", media.moving(seed, 3))
    parts = {"my_train": range(5), "val": (5,), "test": (6, 7), "train": range(6)}
    for part, places in parts.items():
        lines = [f"{clip},{label}\n" for i, (clip, label) in enumerate(clips) if i % 8 in places]
        (root / f"{part}.csv").write_text("".join(lines))
