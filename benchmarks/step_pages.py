"""Writes the tables of docs/results/step-cost.md: ``python benchmarks/step_pages.py``."""

from collections.abc import Iterator
from pathlib import Path

from marked import replaced
from step_record import FILE, LEAST_ROUNDS, OPERATIONS, WITHIN, Record, bound

from equimodal import methods

PAGE = Path(__file__).parents[1] / "docs/results/step-cost.md"
BY = "benchmarks/step_pages.py"
KEYPAD, PAIR, MANY = "keypad", "resnet18-pair", "resnet18-pair-309"


def told(record: Record, setup: str, label: str) -> str:
    """A ratio with its interval, beside the bound where there is one."""
    rounds = len(record.ratios[setup, label])
    if not rounds:
        return ""
    mean, half = record.mean(setup, label)
    text = f"{mean:.3f} ± {half:.3f}"
    if rounds < LEAST_ROUNDS or half > WITHIN:
        text += f" ({rounds} rounds)"
    return text + _held(mean, bound(setup, label))


def page(record: Record) -> Iterator[str]:
    """The tables, one a family."""
    at = record.where
    yield (
        f"{at['machine']}, torch {at['torch']}, {at['threads']} thread, {at['precision']}, "
        f"{at['date']}."
    )
    families = dict.fromkeys(methods.entry(name).family for name in methods.names())
    for family in families:
        yield from ("", f"## {family}", "")
        yield "| row | keypad's model | pair of ResNet-18 | between epochs | operations |"
        yield "|---|---|---|---:|---|"
        names = [n for n in methods.names() if methods.entry(n).family == family]
        yield from (row for name in names for row in _rows(record, name))


def _rows(record: Record, name: str) -> Iterator[str]:
    """A method, and the parts of its training that are timed by themselves."""
    timed = {label for _, label in record.ratios if label.partition(", ")[0] == name}
    for label in sorted(timed):
        share = record.between.get((PAIR, label), 0.0)
        cells = [
            f"`{name}`{label.removeprefix(name)}", told(record, KEYPAD, label),
            told(record, PAIR, label), f"{share:.2f}" if share > 0.05 else "",
            _operations(record, label),
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    if record.ratios[MANY, name]:
        yield f"| `{name}`, 309 classes | | {told(record, MANY, name)} | | |"


def _operations(record: Record, label: str) -> str:
    ratio = record.operations.get(label)
    return "" if ratio is None else f"{ratio:.2f}{_held(ratio, OPERATIONS.get(label))}"


def _held(ratio: float, most: float | None) -> str:
    """What a ratio is to its bound."""
    if most is None:
        return ""
    return f", within {most:.2f}" if ratio <= most else f", **above {most:.2f}**"


def written() -> str:
    """The page with the tables of the file."""
    text = PAGE.read_text(encoding="utf-8")
    return replaced(text, BY, "\n".join(page(Record(FILE))))


def write_page() -> None:
    """Write it."""
    PAGE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
