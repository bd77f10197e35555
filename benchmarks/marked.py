"""Tables that stand between two comments in a page."""

import re
from collections.abc import Sequence
from pathlib import Path

END = "<!-- end -->"


def begin(by: str) -> str:
    """The comment before a table."""
    return f"<!-- written by {by} -->"


def replaced(text: str, by: str, table: str) -> str:
    """A page with another table between its comments."""
    return _between(text, begin(by), END, table)


def write_named(page: Path, name: str, lines: Sequence[str]) -> None:
    """Put a table between the comments of a page that bear its name."""
    text = page.read_text(encoding="utf-8")
    changed = _between(text, f"<!-- {name} -->", f"<!-- end of {name} -->", "\n".join(lines))
    page.write_text(changed, encoding="utf-8")


def _between(text: str, first: str, last: str, table: str) -> str:
    block = f"{first}\n{table}\n{last}"
    pattern = f"{re.escape(first)}.*?{re.escape(last)}"
    changed, count = re.subn(pattern, lambda _: block, text, count=1, flags=re.DOTALL)
    if not count:
        raise ValueError(f"the page has no table between {first} and {last}")
    return changed
