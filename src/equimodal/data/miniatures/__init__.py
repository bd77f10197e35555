"""The official layouts of the papers' data sets in miniature: a few samples, really encoded.

What they show is generated, so a number that comes of one says nothing about the data set. They
serve to see a converter or a recipe run to its end.
"""

from importlib import import_module
from pathlib import Path

from equimodal.data.converters import load


def write(name: str, root: Path) -> None:
    """Write the miniature of a data set into an empty folder, as its official files lie there.

    Args:
        name: one of `equimodal.data.converters.names()`.
        root: the folder, which exists.

    Raises:
        BalanceError: there is no such data set.
        DataError: a package that writes media is not installed.
    """
    load(name)
    import_module(f"{__name__}.{name.replace('-', '_')}").write(root)
