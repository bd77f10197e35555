"""Tensors as safetensors: never a pickle, and nothing larger than what is expected."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from equimodal.errors import BalanceError
from equimodal.saved.description import AGAIN
from equimodal.storage.files import atomic

Shapes = Mapping[str, Sequence[int]]


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors whole or not at all; returns the digest of the file."""
    from safetensors.torch import save

    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()})
    with atomic(path) as file:
        file.write(content)
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_tensors(path: Path, digest: str, shapes: Shapes | None = None) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU.

    Args:
        path: the file.
        digest: what `write_tensors` returned.
        shapes: of the tensors that must be there; none is read before all of them fit.

    Raises:
        BalanceError: the file is missing, damaged or another one, or holds other tensors.
    """
    from safetensors import safe_open

    try:
        found = _digest(path)
        if found != digest:
            raise BalanceError(
                f"'{path}' is damaged or another file: its digest is {found}, and model.json says "
                f"{digest}; {AGAIN}."
            )
        with safe_open(path, framework="pt", device="cpu") as file:
            names = list(file.keys())
            if shapes is not None:
                _check(path, {k: file.get_slice(k).get_shape() for k in names}, shapes)
            return {name: file.get_tensor(name) for name in names}
    except BalanceError:
        raise
    except Exception as error:  # a damaged file can fail anywhere inside the reader
        raise BalanceError(f"'{path}' is missing or damaged ({error}); {AGAIN}.") from error


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return found.hexdigest()


def _check(path: Path, found: Shapes, wanted: Shapes) -> None:
    names = sorted({*found, *wanted})
    wrong = [n for n in names if list(found.get(n, [-1])) != list(wanted.get(n, [-1]))]
    if wrong:
        name = wrong[0]
        there, here = (
            f"of shape {list(shapes[name])}" if name in shapes else "missing"
            for shapes in (found, wanted)
        )
        raise BalanceError(
            f"'{path}' is not of the model that model.json describes: '{name}' is {there} in the "
            f"file and {here} in the model; {AGAIN}."
        )
