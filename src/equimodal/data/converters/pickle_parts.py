"""What a pickle of arrays may ask for, each by a stand-in of ours: see plain_pickle.py."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CODE = re.compile(r"[fiub][1248]|[SU]\d{1,6}|O8?")


class Refused(Exception):
    """The pickle asks for more than arrays and plain containers."""


class Part:
    """Something that a pickle may build and give a state; it has no other attributes."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise Refused(f"gives a state to {type(self).__name__}")


class Call(Part):
    """A stand-in for a function or class that a pickle calls by name."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        """What the stand-in makes of the arguments."""
        return self._make(*arguments)


class Type(Part):
    """A numpy type: its letter and size, and its byte order, which comes as its state."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        if state[1] in ("<", ">", "|", "=") and state[2:5] == (None, None, None):
            self.order = state[1]
            return
        raise Refused(f"holds an array of the type {self.code} with fields")

    @property
    def numpy(self) -> np.dtype[Any]:
        """The type as numpy has it."""
        return np.dtype(self.order + self.code)


class Array(Part):
    """An array whose shape, type and bytes come as its state."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray[Any] | list[Any] = []

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, columns_first, content = state
        self.value = _array(shape, kind, bool(columns_first), content)


def _array(shape: Any, kind: Any, columns_first: bool, content: Any) -> NDArray[Any] | list[Any]:
    if not isinstance(kind, Type) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError("an array has no type or shape")
    if kind.code.startswith("O"):
        if not isinstance(content, list) or len(content) != math.prod(shape):
            raise ValueError("an array of objects has another size than it says")
        return content
    raw = content.encode("latin1") if isinstance(content, str) else content
    flat = np.frombuffer(raw, kind.numpy)
    return flat.reshape(shape, order="F" if columns_first else "C")


def _type(code: Any, *_: Any) -> Type:
    text = code if isinstance(code, str) else ""
    if not _CODE.fullmatch(text):
        raise Refused(f"holds an array of the type {code!r}")
    return Type(text)


def _scalar(kind: Type, content: Any) -> Any:
    value = _array((), kind, False, content)
    return value if isinstance(value, list) else value.item()


def _from_buffer(content: Any, kind: Type, shape: Any, order: str) -> Any:
    return _array(shape, kind, order == "F", bytes(content))


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"asks for the encoding {encoding!r}")
    return text.encode("latin1")


KNOWN: dict[tuple[str, str], Call] = {
    ("numpy", "dtype"): Call(_type),
    ("numpy", "ndarray"): Call(lambda *_: Array()),
    ("numpy.core.multiarray", "_reconstruct"): Call(lambda *_: Array()),
    ("numpy.core.multiarray", "scalar"): Call(_scalar),
    ("numpy.core.numeric", "_frombuffer"): Call(_from_buffer),
    ("_codecs", "encode"): Call(_encoded),
    ("collections", "OrderedDict"): Call(lambda: {}),
    # How protocols before 3 write bytes that are empty.
    ("__builtin__", "bytes"): Call(lambda: b""),
}
