"""Writes the tables of methods from the registry: ``python benchmarks/method_tables.py``.

They stand between two comments in README.md and docs/methods/README.md.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from marked import replaced

from equimodal import methods
from equimodal.methods.entries import ENTRIES
from equimodal.methods.facts import told_cost, told_needs, told_origin, told_targets

ROOT = Path(__file__).parents[1]
BY = "benchmarks/method_tables.py"


def overview(cards: str) -> Iterator[str]:
    """Every method with its sentence and its controls. ``cards`` leads to the folder of cards."""
    yield "| name | what it does | controls | card |"
    yield "|---|---|---|---|"
    for entry in ENTRIES:
        if not entry.is_control:
            controls = ", ".join(f"`{name}`" for name in entry.controls)
            yield f"| `{entry.name}` | {entry.summary} | {controls} | {_card(entry, cards)} |"


def index(cards: str) -> Iterator[str]:
    """Every row by family with its facts, controls too, the words, and what other codes do."""
    families = dict.fromkeys(entry.family for entry in ENTRIES)
    yield "| family | name | what it does | costs | needs | takes | whose | card |"
    yield "|---|---|---|---|---|---|---|---|"
    for entry in (e for family in families for e in ENTRIES if e.family == family):
        facts = [told_cost(entry), told_needs(entry), told_targets(entry), told_origin(entry)]
        cells = [entry.family, f"`{entry.name}`", entry.summary, *facts, _card(entry, cards)]
        yield f"| {' | '.join(cells)} |"
    yield ""
    for title, words in (("costs", methods.COSTS), ("needs", methods.NEEDS)):
        yield from (f"* {title} *{word}*: {meaning}." for word, meaning in words.items())
    yield ""
    yield "## What released code and a known port do otherwise"
    yield ""
    yield "| name | released code | the port of BalanceBenchmark | card |"
    yield "|---|---|---|---|"
    for entry in ENTRIES:
        if not entry.is_control and (entry.released or entry.port):
            cells = [f"`{entry.name}`", entry.released, entry.port, _card(entry, cards)]
            yield f"| {' | '.join(cells)} |"


PAGES = {"README.md": overview, "docs/methods/README.md": index}


def written(page: str) -> str:
    """A page with its table as the registry has it."""
    cards = os.path.relpath("docs/methods", Path(page).parent)
    table = "\n".join(PAGES[page]("" if cards == "." else f"{cards}/"))
    text = (ROOT / page).read_text(encoding="utf-8")
    return replaced(text, BY, table)


def _card(entry: methods.Entry, folder: str) -> str:
    return f"[card]({folder}{Path(entry.card).name})"


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(written(page), encoding="utf-8")
