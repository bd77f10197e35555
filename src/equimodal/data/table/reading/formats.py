"""What a file is, by its name and by its first bytes, and the text that it holds."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from equimodal.data.table.reading.findings import Unfit
from equimodal.errors import DataError

# Read by running code that is in the file: never opened, whatever they hold.
PICKLES = ("pkl", "pickle", "p", "pt", "pth", "joblib", "dill")
FAMILY = {
    **dict.fromkeys(("png", "jpeg", "webp", "bmp", "tiff", "gif"), "image"),
    **dict.fromkeys(("wav", "flac", "ogg", "mp3", "m4a"), "sound"),
    **dict.fromkeys(("mp4", "avi", "flv", "mkv"), "video"),
    "npy": "array", "npz": "array", "mat": "array", "txt": "text", "csv": "array",
}  # fmt: skip
_SAME = {"jpg": "jpeg", "tif": "tiff", "oga": "ogg", "opus": "ogg", "webm": "mkv", "mov": "mp4"}
"""Extensions of a format that goes by another name here."""
HEAD = 16
# Recognised, so that a file under another name is not called damaged, but not read.
_UNREAD = {
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "wmv or wma",
    b"\x00\x00\x01\xba": "mpeg",
    b"\x00\x00\x01\xb3": "mpeg",
    b"MATLAB 7.3 MAT-f": "a mat of MATLAB 7.3 (save it with -v7)",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"\x1f\x8b\x08": "gzip",
    b"%PDF-": "pdf",
}

# The longer mark first, as it starts with the shorter one.
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def extension(path: str) -> str:
    """The extension in lower case, without its dot, by one name for each format: jpg is jpeg."""
    found = os.path.splitext(path)[1].lower().removeprefix(".")
    return _SAME.get(found, found)


def content_format(head: bytes) -> str | None:
    """The format that the first `HEAD` bytes of a file show, or None."""
    riff = {b"WAVE": "wav", b"AVI ": "avi", b"WEBP": "webp"}
    if head[:4] in (b"RIFF", b"RF64"):
        return riff.get(head[8:12])
    if head[4:8] == b"ftyp":
        brands = {b"avif": "avif", b"heic": "heic", b"mif1": "heif", b"M4A ": "m4a"}
        return brands.get(head[8:12], "mp4")
    starts = {
        **_UNREAD,
        b"\x89PNG\r\n\x1a\n": "png",
        b"\xff\xd8\xff": "jpeg",
        b"GIF87a": "gif",
        b"GIF89a": "gif",
        b"II*\x00": "tiff",
        b"MM\x00*": "tiff",
        b"OggS": "ogg",
        **dict.fromkeys((b"ID3\x02", b"ID3\x03", b"ID3\x04", b"\xff\xfb", b"\xff\xf3"), "mp3"),
        b"\x1a\x45\xdf\xa3": "mkv",
        b"fLaC": "flac",
        b"FLV\x01": "flv",
        b"\x93NUMPY": "npy",
        b"MATLAB 5.0 MAT-f": "mat",
        b"PK\x03\x04": "npz",
        b"PK\x05\x06": "npz",
    }
    return next((name for start, name in starts.items() if head.startswith(start)), None)


def looks_pickled(head: bytes) -> bool:
    """Whether a file starts as a pickle of protocol 2 or newer does."""
    return len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5


def checked_format(path: str, head: bytes) -> tuple[str, str | None]:
    """The format to read a file as, and a warning where its name says another of the same family.

    Raises:
        Unfit: a pickle, an empty file, or content of another family than the name says.
    """
    named, found = extension(path), content_format(head)
    if named in PICKLES or looks_pickled(head):
        raise Unfit("pickle", "is a pickle, which can run code when read; save it as npy or npz")
    if not head:
        raise Unfit("empty", "is empty: 0 bytes")
    if found is None or found == named or (named, found) == ("m4a", "mp4"):
        return named, None  # many recorders of m4a say mp4
    if found not in FAMILY:
        raise Unfit("unreadable", f"is named .{named} but holds {found}, which is not read")
    if FAMILY[found] != FAMILY.get(named):
        raise Unfit("unreadable", f"is named .{named} but holds {found}")
    return found, f"is named .{named} but holds {found}"


def text_of(path: Path) -> str:
    """A table's file as text; the mark that some programs put before UTF-8 is dropped.

    Raises:
        DataError: it is no UTF-8; UTF-16 and UTF-32 are named.
    """
    content = path.read_bytes()
    if wide := _wide(content):
        raise DataError(
            f"{path.name} is no UTF-8 text (it is {wide}, by the first bytes of row 1); save it as "
            "CSV in UTF-8."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name} is no UTF-8 text (byte {content[error.start]:#04x} in row {line}); save "
            "it as CSV in UTF-8."
        ) from error


def _wide(content: bytes) -> str:
    """An encoding of two or four bytes a letter, by the mark at its start, or by a zero in every
    other of its first bytes; "" for none."""
    marked = next((name for mark, name in _WIDE.items() if content.startswith(mark)), "")
    first = content[:HEAD]
    zeros = len(first) == HEAD and not (any(first[::2]) and any(first[1::2]))
    return marked or ("UTF-16" if zeros else "")
