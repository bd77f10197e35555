"""Sarcasm in miniature: lists of Python lists, with words that give the label away, and images."""

from pathlib import Path

from equimodal.data.miniatures import media

TEXTS = (
    "great , another monday",
    'it \'s "sunny" \\ here',
    "such irony today",
    "love <user> 's dog",
)


def write(root: Path) -> None:
    """Four texts in each split, one of which gives its label away."""
    (root / "text").mkdir()
    number = 840000000000000000
    for name in ("train", "valid2", "test2"):
        lines = []
        for place, text in enumerate(TEXTS):
            number += 1
            media.write_image(root / "dataset_image" / f"{number}.jpg", number % 100)
            label = place % 2
            labels = [label] if name == "train" else [1 - label, label]
            lines.append(f"{[str(number), text, *labels]}\n")
        (root / "text" / f"{name}.txt").write_text("".join(lines), "utf-8")
