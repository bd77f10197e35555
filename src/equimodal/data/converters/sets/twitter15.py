"""Twitter-15: Yu and Jiang, IJCAI 2019, https://www.ijcai.org/proceedings/2019/0751.pdf.

The authors' layout (jefferyYu/TomBERT): absa_data/twitter2015/{train,dev,test}.tsv, with a header,
whose columns are index, label (0 negative, 1 neutral, 2 positive), image, tweet with the target
masked as $T$, and target; the images in twitter2015_images. Cells are not quoted, whatever quotes
they hold. A tweet with several targets is several samples.
"""

from equimodal.data.converters.layout import Layout
from equimodal.data.converters.table import Column, Row, Table
from equimodal.data.information import Facts
from equimodal.data.settings import choice

FACTS = Facts(
    licence="none stated; tweets and images remain their authors'",
    origin="https://github.com/jefferyYu/TomBERT (texts in absa_data; images by its link)",
    files=("twitter2015/train.tsv, dev.tsv and test.tsv", "twitter2015_images/*.jpg"),
)
_LABELS = {"0": "negative", "1": "neutral", "2": "positive"}
_LISTS = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
_TEXTS = ("twitter2015/", "absa_data/twitter2015/", "IJCAI2019_data/twitter2015/")
_IMAGES = ("twitter2015_images", "IJCAI2019_data/twitter2015_images")


def table(layout: Layout, *, target: str = "keep") -> Table:
    """Opinion on a target in a tweet with an image: text and image, 3 classes.

    Args:
        layout: the folder that holds the texts and the images.
        target: "keep" leaves $T$ where the target stands, which is what the released code of AMSS
            reads; "fill" writes the target there, so that samples of one tweet become alike.

    Raises:
        DataError: a list or the folder of images is missing, or a line is damaged.
    """
    filled = choice("twitter15.target", target, ("keep", "fill")) == "fill"
    images = layout.folder(*_IMAGES)
    rows: list[Row] = []
    for split, name in _LISTS.items():
        listed = layout.file(*(place + name for place in _TEXTS))
        lines = layout.cells(listed, 5, delimiter="\t", quoted=False)
        for number, (_, label, image, tweet, entity, *_) in enumerate(lines[1:], 2):
            if label not in _LABELS or "/" in image:
                found = f"label {label!r} and image {image!r} in row {number}"
                raise layout.damaged(listed, found, "0, 1 or 2 and the name of a file")
            text = tweet.replace("$T$", entity) if filled else tweet
            path = f"{images}/{image}"
            rows.append(Row(_LABELS[label], split, {"text": text, "image": path}, (path,)))
    how = "written out" if filled else "masked as $T$"
    columns = {"text": Column("text"), "image": Column("image")}
    return Table(rows, columns, ["Published split.", f"The target is {how} in the text."])
