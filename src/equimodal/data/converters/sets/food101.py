"""Food-101 with texts: Wang et al., ICMEW 2015, "Recipe recognition with large multimodal food
dataset", known as UPMC Food-101.

The layout that the field reads: images/{train,test}/{class}/{name}.jpg and
texts/{train,test}_titles.csv. The published tables have no header and the columns image, title and
class; those of GeWu-Lab/BalanceBenchmark have a header and the columns text, label and Image_path.
Both are read.
"""

from equimodal.data.converters.layout import Layout
from equimodal.data.converters.splits import drawn, with_validation
from equimodal.data.converters.table import Column, Row, Table
from equimodal.data.information import Facts

FACTS = Facts(
    licence="none stated; for research, images and texts remain their authors'",
    origin="http://visiir.lip6.fr/ (UPMC Food-101)",
    files=(
        "images/train/*/*.jpg", "images/test/*/*.jpg", "texts/train_titles.csv",
        "texts/test_titles.csv",
    ),
)  # fmt: skip
_PUBLISHED = ("Image_path", "text", "label")


def table(layout: Layout, *, validation: float = 0.1, seed: int = 0) -> Table:
    """Dish of a recipe, from its picture and its title: image and text, 101 classes.

    Args:
        layout: the folder that holds images and texts.
        validation: share of the training samples that becomes validation.
        seed: seed of the validation split.

    Raises:
        DataError: a folder or table is missing or damaged.
    """
    rows: list[Row] = []
    for split in ("train", "test"):
        images = layout.folder(f"images/{split}")
        rows += _titles(layout, layout.file(f"texts/{split}_titles.csv"), images, split)
    columns = {"image": Column("image"), "text": Column("text")}
    parted = with_validation("food101", rows, validation, seed)
    return Table(parted, columns, ["Published split.", drawn(validation, seed)])


def _titles(layout: Layout, listed: str, images: str, split: str) -> list[Row]:
    lines = layout.cells(listed, 3)
    headed = set(_PUBLISHED) <= set(lines[0])
    places = [lines[0].index(name) for name in _PUBLISHED] if headed else [0, 1, 2]
    rows = []
    for number, line in enumerate(lines[headed:], 1 + headed):
        image, text, label = (line[place] for place in places)
        if not image or not label or "/" in image + label or ".." in image + label:
            found = f"image {image!r} and class {label!r} in row {number}"
            raise layout.damaged(listed, found, "the names of a file and of its folder")
        path = f"{images}/{label}/{image}"
        rows.append(Row(label, split, {"image": path, "text": text}, (path,)))
    return rows
