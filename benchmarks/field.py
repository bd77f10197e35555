"""The field's table on natural data: every registered row, controls included, five seeds.

    python benchmarks/field.py --data-root DIR                     # what is missing, and all pages
    python benchmarks/field.py --data-root DIR --sets handwritten --jobs 2
    python benchmarks/field.py --recompute                         # the pages from what is kept
    python benchmarks/field.py --data-root DIR --sets handwritten --again joint

Each row gets the same number of trials on two other seeds, the choice among them is made on
validation, and the final runs take as many updates as joint training; rows that train encoders in
turn are run at as many times the updates as there are modalities too. What finished rows got right
is kept below docs/results/field/data and is taken as done; runs are kept below --out, so that a
repeat continues. --again trains a kept row anew and says whether it is the same, bit by bit.
"""

import argparse
import sys
from pathlib import Path

from fieldwork.kept import RESULTS
from fieldwork.making import Making, again
from fieldwork.pages import write_pages
from fieldwork.sets import FIELD_SETS
from fieldwork.training import Trainer

from equimodal.errors import BalanceError

DOCS = Path(__file__).parent.parent / "docs" / "results" / "field"


def main() -> None:
    """Make what is asked for."""
    options = _options()
    try:
        if options.again:
            return _again(options)
        if options.recompute:
            return write_pages(options.docs, list(FIELD_SETS))
        for name in options.sets:
            trainer = _trainer(name, options, Path(options.out) / name)
            Making(name, trainer, options.docs / "data" / name, rows=options.rows).make()
            write_pages(options.docs, list(FIELD_SETS))
    except BalanceError as error:
        sys.exit(_refused(error))


def _trainer(name: str, options: argparse.Namespace, folder: Path) -> Trainer:
    return Trainer(
        FIELD_SETS[name], options.data_root, folder, jobs=options.jobs, progress=not options.quiet
    )


def _again(options: argparse.Namespace) -> None:
    """Train a kept row anew in a folder of its own."""
    for name in options.sets:
        folder = options.docs / "data" / name
        if not (folder / RESULTS).exists():
            raise BalanceError(f"Nothing is kept of {name} in '{folder}'; make it first.")
        trainer = _trainer(name, options, Path(options.out) / f"{name}-again")
        kept = Making(name, trainer, folder, rows=()).kept
        if options.again not in {record["row"] for record in kept.rows.values()}:
            raise BalanceError(f"'{options.again}' is no row that is kept of {name}.")
        different = again(kept, trainer, options.again)
        print(f"{name}, {options.again}: {'; '.join(different) or 'the same, bit by bit'}")
        if different:
            sys.exit(1)


def _refused(error: BalanceError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", help="folder that holds the data sets")
    parser.add_argument("--sets", type=_names, default=list(FIELD_SETS), help="comma-separated")
    parser.add_argument("--rows", type=_names, help="only these, comma-separated")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 trains in this one")
    parser.add_argument("--recompute", action="store_true", help="only write the pages")
    parser.add_argument("--again", metavar="ROW", help="train a kept row anew and compare")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--out", default="results/field", help="folder of the runs")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the pages")
    options = parser.parse_args()
    unknown = [name for name in options.sets if name not in FIELD_SETS]
    if unknown:
        parser.error(f"there is no set '{unknown[0]}'; write some of {', '.join(FIELD_SETS)}")
    if not options.recompute and options.data_root is None:
        parser.error("--data-root is needed to train; --recompute only writes the pages")
    return options


def _names(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    main()
