"""npy, npz, mat and csv files of numbers, refused by what they declare before it is read."""

from __future__ import annotations

import csv
import io
import math
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.items.arrays.mat_files import mat_array, mat_headers
from equimodal.data.table.items.arrays.readers import array_of
from equimodal.data.table.items.decode import Opened
from equimodal.data.table.reading.findings import Unfit

MOST_BYTES = 256 * 2**20
"""Bytes that one array may hold; an npz may declare as much in all."""
_MOST_TEXT = 64 * 2**20
_DAMAGE = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError)

Numbers = NDArray[Any]


def array_headers(source: Opened) -> dict[str, tuple[list[int], str]]:
    """Shape and type of each array in a file by its name, "" for that of an npy or csv."""
    if source.reader:
        array = array_of(source.reader, source.path, MOST_BYTES)
        return {"": (list(array.shape), array.dtype.name)}
    if source.format == "csv":
        return {"": (list(_csv(source).shape), "float64")}
    if source.format == "mat":
        return mat_headers(source, MOST_BYTES)
    if source.format == "npy":
        return {"": _declared(source.file)}
    with _archive(source) as archive:
        found = {}
        for name in archive.namelist():
            with archive.open(name) as member:
                found[name.removesuffix(".npy")] = _declared(member)
        return found


def _declared(file: Any) -> tuple[list[int], str]:
    shape, _, dtype = _header(file)
    return list(shape), dtype.name


def fine_arrays(source: Opened) -> dict[str, Numbers]:
    """The arrays whose numbers may have more digits than single precision, by their names."""
    if source.reader:
        array = array_of(source.reader, source.path, MOST_BYTES)
        return {"": array} if _is_fine(array.dtype) else {}
    if source.format == "csv":
        return {"": _csv(source)}
    if source.format == "npy":
        dtype = _header(source.file)[2]
        source.file.seek(0)
        return {"": _npy(source.file, source.size)} if _is_fine(dtype) else {}
    fine = {}
    if source.format == "mat":
        kinds = {name: kind for name, (_, kind) in mat_headers(source, MOST_BYTES).items()}
        return {n: mat_array(source, n) for n, kind in kinds.items() if _is_fine(np.dtype(kind))}
    with _archive(source) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as member:
                dtype = _header(member)[2]
            if _is_fine(dtype):
                with archive.open(entry) as member:
                    name = entry.filename.removesuffix(".npy")
                    fine[name] = _npy(member, entry.file_size)
    return fine


def _is_fine(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize > 4 or (dtype.kind in "iu" and dtype.itemsize > 2)


def read_array(source: Opened, name: str | None) -> Numbers:
    """The array of numbers in a file; ``name`` chooses one of an npz.

    Raises:
        Unfit: it is damaged, cut short, holds objects, declares too much, or has no such array.
    """
    if source.reader:
        return array_of(source.reader, source.path, MOST_BYTES)
    if source.format == "csv":
        return _csv(source)
    if source.format == "npy":
        return _npy(source.file, source.size)
    if source.format == "npz":
        return _npz(source, name)
    if source.format == "mat":
        return mat_array(source, _chosen(name, list(mat_headers(source, MOST_BYTES))))
    raise Unfit("unreadable", f"is no npy, npz, mat or csv (.{source.format})")


def _npz(source: Opened, name: str | None) -> Numbers:
    with _archive(source) as archive:
        names = [found.removesuffix(".npy") for found in archive.namelist()]
        entry = archive.infolist()[names.index(_chosen(name, names))]
        try:
            with archive.open(entry) as member:
                return _npy(member, entry.file_size)
        except _DAMAGE as error:
            raise Unfit("truncated", f"is damaged or cut short ({error})") from error


def _chosen(name: str | None, names: list[str]) -> str:
    """The array that is asked for, or the only one."""
    if name is None and len(names) != 1:
        raise Unfit(
            "unreadable", f"holds {len(names)} arrays ({', '.join(names[:5])}); declare `array`"
        )
    chosen = names[0] if name is None else name
    if chosen not in names:
        raise Unfit("unreadable", f"holds no array '{chosen}', but {', '.join(names[:5])}")
    return chosen


def _archive(source: Opened) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(source.file)
    except _DAMAGE as error:
        raise Unfit("truncated", f"is a damaged npz or one cut short ({error})") from error
    declared = sum(entry.file_size for entry in archive.infolist())
    if declared > MOST_BYTES:
        raise Unfit("large", f"would unpack to {declared:,} bytes, more than {MOST_BYTES:,}")
    return archive


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type that an npy declares.

    Raises:
        Unfit: there is no header, it holds objects or other than numbers, or declares too much.
    """
    try:
        version = np.lib.format.read_magic(file)
        reader = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = reader(file)
    except _DAMAGE as error:
        raise Unfit("unreadable", f"is no npy array ({_first(error)})") from error
    if dtype.hasobject:
        raise Unfit("pickle", "holds pickled objects, which can run code; save plain numbers")
    if dtype.kind not in "biuf":
        raise Unfit("unreadable", f"holds {dtype}, expected numbers")
    if math.prod(shape) * dtype.itemsize > MOST_BYTES:
        raise Unfit("large", f"declares the shape {shape}, more than {MOST_BYTES:,} bytes")
    return shape, fortran, dtype


def _npy(file: BinaryIO | Any, size: int) -> Numbers:
    shape, fortran, dtype = _header(file)
    wanted = math.prod(shape) * dtype.itemsize
    content = file.read(wanted + 1)
    if len(content) != wanted:
        how = "fewer" if len(content) < wanted else "more"
        raise Unfit("truncated", f"holds {how} bytes than its shape {shape} needs ({size} in all)")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _csv(source: Opened) -> Numbers:
    """A table of numbers (lines, columns); a first line that holds none is a header."""
    if source.size > _MOST_TEXT:
        raise Unfit("large", f"has {source.size:,} bytes, more than {_MOST_TEXT:,}")
    try:
        text = source.file.read().decode("utf-8-sig")
        sign = max(",;\t ", key=text.partition("\n")[0].count)
        lines = [cells for cells in csv.reader(io.StringIO(text), delimiter=sign) if any(cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unfit("unreadable", f"is no table of numbers ({error})") from error
    if lines and not _is_number(lines[0][0]):
        lines = lines[1:]
    if not lines:
        raise Unfit("empty", "holds no line of numbers")
    try:
        return np.array([[float(cell) for cell in cells] for cells in lines])
    except ValueError as error:
        raise Unfit("unreadable", f"is no table of numbers ({_first(error)})") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0][:80]
