"""What is printed is printable: labels, names, paths and messages come from anybody's files.

Everything that this package prints goes through here, and nothing of it steers a terminal or fails
in an encoding that has not all letters.
"""

from __future__ import annotations

import sys
from typing import TextIO

from equimodal.errors import printable


def say(text: str = "", *, file: TextIO | None = None) -> None:
    """Print a text, on the output stream unless another one is given."""
    stream = sys.stdout if file is None else file
    print(printable(text, getattr(stream, "encoding", None) or "utf-8"), file=stream)


def warn(text: str) -> None:
    """Print a warning of the command line on the error stream."""
    say(f"equimodal: warning: {' '.join(text.split())}", file=sys.stderr)
