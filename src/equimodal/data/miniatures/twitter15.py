"""Twitter-15 in miniature: tweets with quotes, emoji and a line separator inside, and images."""

from pathlib import Path

from equimodal.data.miniatures import media

HEAD = "index\t#1 Label\t#2 ImageID\t#3 String\t#3 String\n"
TWEETS = (
    ('" $T$ is back !', "London"),
    ("$T$ and you \U0001f389\u2028at \x85 the beach", "Ana, José"),
    ("no , not $T$ again", "Monday"),
)


def write(root: Path) -> None:
    """6, 3 and 3 samples, images in one split each."""
    (root / "twitter2015").mkdir()
    number = 0
    for name, count in {"train": 6, "dev": 3, "test": 3}.items():
        lines = []
        for i in range(count):
            media.write_image(root / "twitter2015_images" / f"{number}.jpg", number)
            tweet, target = TWEETS[i // 2]  # no tweet tells its label
            lines.append(f"{i + 1}\t{i % 3}\t{number}.jpg\t{tweet}\t{target}\n")
            number += 1
        (root / "twitter2015" / f"{name}.tsv").write_text(HEAD + "".join(lines), "utf-8")
