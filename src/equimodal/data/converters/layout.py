"""The folder of a data set as its source publishes it, and what is said where it differs."""

import csv
import io
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from equimodal.data.information import Facts
from equimodal.errors import DataError

_POINTER = b"version https://git-lfs"
_SMALL = 1024
_SHOWN = 8


@dataclass(frozen=True)
class Layout:
    """The data root of one data set: its own folder, and the facts that say what belongs there."""

    root: Path
    facts: Facts

    def error(self, problem: str) -> DataError:
        """An error: what is wrong, what was expected, what is there and where to get it."""
        return DataError(
            f"'{self.root}' {problem}. Expected there: {', '.join(self.facts.files)}; found "
            f"{self._found()}. Get it from {self.facts.origin}."
        )

    def damaged(self, name: str, found: str, expected: str) -> DataError:
        """An error: what a list holds in the place of what was expected."""
        return DataError(f"'{self.root / name}' holds {found}, expected {expected}.")

    def file(self, *names: str) -> str:
        """The first of these relative paths that is a file.

        Raises:
            DataError: none is.
        """
        return self._first(names, Path.is_file, "")

    def folder(self, *names: str) -> str:
        """The first of these relative paths that is a folder.

        Raises:
            DataError: none is.
        """
        return self._first(names, Path.is_dir, "folder ")

    def lines(self, name: str) -> list[str]:
        """The lines of a text file that are not blank.

        Raises:
            DataError: it cannot be read, is no UTF-8 text, or is empty.
        """
        # Not splitlines, which also breaks at characters that stand in tweets.
        return [line for line in re.split(r"\r?\n", self._text(name)) if line.strip()]

    def cells(
        self, name: str, width: int, *, delimiter: str = ",", quoted: bool = True
    ) -> list[list[str]]:
        """The rows of a delimited file, each with ``width`` cells at least.

        Raises:
            DataError: it cannot be read, or a row has fewer cells.
        """
        style: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        lines = io.StringIO(self._text(name), newline="")
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter, quoting=style) if row]
        except csv.Error as error:
            raise DataError(f"'{self.root / name}' is no table ({error}).") from error
        for number, row in enumerate(rows, 1):
            if len(row) < width:
                raise DataError(
                    f"'{self.root / name}' has {len(row)} cells in row {number}, expected "
                    f"{width}, found {delimiter.join(row)!r}."
                )
        return rows

    def problem(self, name: str) -> str:
        """What is wrong with a file, by its relative path: "missing", "empty"; "" if nothing."""
        path = self.root / name
        try:
            if not stat.S_ISREG((found := path.stat()).st_mode):
                return "no file"
            if found.st_size < _SMALL and path.read_bytes().startswith(_POINTER):
                return "a Git LFS pointer, fetch it with `git lfs pull`"
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            return str(error.strerror)
        return "" if found.st_size else "empty"

    def files(self, folder: str, suffixes: Sequence[str]) -> list[str]:
        """All files under a folder with one of these endings, by name, relative to the root."""
        found = []
        for base, folders, names in os.walk(self.root / folder):
            folders[:] = [name for name in folders if name != "derived"]
            found += [
                os.path.relpath(os.path.join(base, name), self.root).replace(os.sep, "/")
                for name in names
                if name.lower().endswith(tuple(suffixes)) and not name.startswith(".")
            ]
        return sorted(found)

    def _first(self, names: Sequence[str], there: Callable[[Path], bool], kind: str) -> str:
        for name in names:
            if there(self.root / name):
                return name
        raise self.error(f"holds no {kind}{' or '.join(names)}")

    def _text(self, name: str) -> str:
        path = self.root / self.file(name)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"'{path}' cannot be read as text ({error}).") from error
        if not text.strip():
            raise DataError(f"'{path}' is empty; get it again from {self.facts.origin}.")
        return text

    def _found(self) -> str:
        names = sorted(p.name + "/" * p.is_dir() for p in self.root.iterdir())
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return (", ".join(names[:_SHOWN]) or "nothing") + more
