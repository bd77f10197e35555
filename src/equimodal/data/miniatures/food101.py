"""Food-101 with texts in miniature, in the published form."""

from pathlib import Path

from equimodal.data.miniatures import media

CLASSES = ("apple_pie", "baby_back_ribs")
TITLES = ("Apple Pie, Mom's Best", 'The "real" ribs recipe')


def write(root: Path) -> None:
    """Ten images of train and four of test; titles with commas and quotes, each its own."""
    (root / "texts").mkdir()
    for split, count in {"train": 10, "test": 4}.items():
        lines = []
        for i in range(count):
            label, title = CLASSES[i % 2], TITLES[i % 2].replace('"', '""')
            media.write_image(root / "images" / split / label / f"{label}_{i}.jpg", count * 10 + i)
            lines.append(f'{label}_{i}.jpg,"{title} {i // 2}",{label}\r\n')
        (root / "texts" / f"{split}_titles.csv").write_bytes("".join(lines).encode())
