"""Pickles of arrays, read without running anything that is in them.

Only numpy arrays, numbers, texts and plain containers are built, and by stand-ins of ours: what a
pickle asks for is looked up in a table (pickle_parts.py) and never imported. The arrays are made
from their bytes, not by numpy's own reconstruction, which trusts its input. The reader is the one
in Python's library that is written in Python: the one in C allocates what a damaged file announces.
"""

import pickle
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from equimodal.data.converters.pickle_parts import KNOWN, Array, Part, Refused
from equimodal.errors import DataError

_DEEPEST = 20


def read_pickle(path: Path) -> Any:
    """What a pickle holds: dictionaries, lists, texts, numbers and arrays (objects as lists).

    Raises:
        DataError: it asks for anything else, or is damaged; nothing in it was run.
    """
    try:
        with open(path, "rb") as file:
            found = _Reader(_Bounded(file, path.stat().st_size)).load()
        return _plain(found, {}, 0)
    except Refused as error:
        raise DataError(
            f"'{path}' {error}; it was not read, because that could run code. Only numpy arrays "
            "and plain containers are read from a pickle."
        ) from error
    except Exception as error:  # damage shows anywhere in the reader, as any kind of error
        raise DataError(
            f"'{path}' is damaged or no pickle ({type(error).__name__}: {error})."
        ) from error


class _Bounded:
    """A file that refuses to read beyond its end, before memory is taken for it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, count: int) -> bytes:
        if count < 0 or count > self._left:
            raise EOFError(f"{count} bytes are announced, {self._left} are left")
        self._left -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline()
        self._left -= len(line)
        return line


class _Reader(pickle._Unpickler):
    def __init__(self, file: _Bounded) -> None:
        super().__init__(file, encoding="latin1")

    def _bytes_to_change(self: Any) -> None:
        """As in the base class, but read before memory is taken for them."""
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: _bytes_to_change,
    }

    def find_class(self, module: str, name: str) -> Any:
        found = KNOWN.get((str(module).replace("numpy._core", "numpy.core"), name))
        if found is None:
            raise Refused(f"asks for {module}.{name}")
        return found

    def persistent_load(self, pid: object) -> Any:
        raise Refused("asks for an object that lies outside of it")


def _plain(value: Any, seen: dict[int, Any], depth: int) -> Any:
    """The value with its stand-ins replaced; what occurs twice stays one object."""
    if depth > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    if id(value) in seen:
        return seen[id(value)]
    found: Any = value
    if isinstance(value, Array):
        found = _plain(value.value, seen, depth) if isinstance(value.value, list) else value.value
    elif isinstance(value, Part):
        raise Refused(f"holds a {type(value).__name__.lower()} as a value")
    elif isinstance(value, dict):
        if not all(isinstance(key, (str, bytes, int, float)) for key in value):
            raise ValueError("it has a dictionary whose keys are neither texts nor numbers")
        found = {key: _plain(item, seen, depth + 1) for key, item in value.items()}
    elif isinstance(value, (list, tuple, set, frozenset)):
        found = [_plain(item, seen, depth + 1) for item in value]
    seen[id(value)] = found
    return found
