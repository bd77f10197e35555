"""What a docstring says of its arguments: explanations are written once, and read from there."""

import re


def argument_docs(docstring: str) -> dict[str, str]:
    """The entries of the section `Args:` of a cleaned docstring, each as one line."""
    _, _, section = docstring.partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", section, maxsplit=1)[0]
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.replace("``", "`").split()) for name, text in entries}
