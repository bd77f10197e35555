"""Tables that stand between two comments in a page."""

import re

END = "<!-- end -->"


def begin(by: str) -> str:
    """The comment before a table."""
    return f"<!-- written by {by} -->"


def replaced(text: str, by: str, table: str) -> str:
    """A page with another table between its comments."""
    first = begin(by)
    block = f"{first}\n{table}\n{END}"
    pattern = f"{re.escape(first)}.*?{re.escape(END)}"
    return re.sub(pattern, lambda _: block, text, count=1, flags=re.DOTALL)
