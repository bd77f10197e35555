"""Files that survive a kill: written whole or not at all."""

import io
import json
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from equimodal.errors import BalanceError, bounded
from equimodal.storage.disk import OUT, disk_error

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # not on Windows
_NOT_AS_WRITTEN = (
    LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError,
)  # fmt: skip


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A path beside ``path``, with its ending, for a file that takes its name when the block ends.

    Content and name are forced to the disk; until then a former ``path`` stays as it was. Where
    the block raises, nothing of the file is left. The file is there, empty and new: a link that
    lies under its name is removed, never followed.
    """
    temporary = path.with_name(f".unfinished-{path.name}")
    try:
        os.close(_made(temporary))
        yield temporary
        settle(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def settle(temporary: Path, path: Path) -> None:
    """Give a finished file its name, both forced to the disk."""
    _force(temporary)
    os.replace(temporary, path)
    _force(path.parent)


def _made(path: Path) -> int:
    """A descriptor of a new file in the place of what a killed write, or somebody else, left."""
    with suppress(FileNotFoundError):
        path.unlink()
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | (_NO_LINK if path.is_file() else 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Raw(io.FileIO):
    """A file that keeps the system's error, of which a writer in C++ may make words of its own."""

    error: OSError | None = None

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.error = error
            raise


@contextmanager
def atomic(path: Path, option: str = OUT) -> Iterator[BinaryIO]:
    """A file to write whose content becomes ``path`` as a whole when the block ends well.

    Raises:
        BalanceError: the disk is full, or the folder cannot be written; ``option`` chooses another.
    """
    raw: _Raw | None = None
    try:
        with unfinished(path) as temporary:
            raw = _Raw(os.open(temporary, os.O_WRONLY | _NO_LINK), "w")
            with io.BufferedWriter(raw) as file:
                yield file
    except OSError as error:
        raise disk_error(error, path, option) from error
    except Exception as error:
        if raw is None or raw.error is None:
            raise
        raise disk_error(raw.error, path, option) from error


def write_text(path: Path, text: str, option: str = OUT) -> None:
    """Write a text in UTF-8, atomically."""
    with atomic(path, option) as file:
        file.write(text.encode())


def write_json(path: Path, value: object, option: str = OUT) -> None:
    """Write ``value`` as JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False), option)


def read_json(path: Path, *, remedy: str | None = None) -> dict[str, Any]:
    """The JSON object that `write_json` wrote.

    Args:
        path: the file.
        remedy: what to do where it is damaged; by default, to delete its folder.

    Raises:
        BalanceError: the file cannot be read or holds no JSON object, or a key in it stands twice.
    """
    try:
        found = json.loads(path.read_bytes(), object_pairs_hook=once)
    except OSError as error:
        raise disk_error(error, path) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error, remedy) from error
    if not isinstance(found, dict):
        raise _damaged(path, "no JSON object", remedy)
    return found


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs of a JSON object, for `json.loads`.

    Raises:
        ValueError: a key stands twice, so that one of its values would be lost.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(key for key, _ in pairs)
        raise ValueError(f"'{names.most_common(1)[0][0]}' stands twice")
    return found


@contextmanager
def as_written(folder: Path, remedy: str) -> Iterator[None]:
    """A block that uses what lies in a folder; what only an edited file can cause is told so.

    Raises:
        BalanceError: a value is missing, or of another kind than this program writes.
    """
    try:
        yield
    except BalanceError:
        raise
    except _NOT_AS_WRITTEN as error:
        said = f"{type(error).__name__}: {error}"
        raise BalanceError(
            f"A file in '{folder}' was edited or damaged: something in it is missing or of another "
            f"kind than was written ({bounded(said, 200)}); {remedy}."
        ) from error


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain data, atomically."""
    import torch  # takes a second, and who only writes files needs none

    with atomic(path) as file:
        torch.save(dict(content), file)


def load_checkpoint(path: Path, *, remedy: str | None = None) -> dict[str, Any]:
    """What `save_checkpoint` wrote, its checksums verified, on the CPU.

    Args:
        path: the file.
        remedy: what to do where it is damaged; by default, to delete its folder.

    Raises:
        BalanceError: the file is truncated or damaged; the message names it.
    """
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise _damaged(path, f"the checksum of {damaged} is wrong", remedy)
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except BalanceError:
        raise
    except Exception as error:  # a damaged file can fail anywhere inside the reader
        raise _damaged(path, error, remedy) from error
    return content


@contextmanager
def without(new: Sequence[Path]) -> Iterator[None]:
    """A block whose refusal removes these folders: one with all in it, then its empty parents."""
    try:
        yield
    except BalanceError:
        for folder in new[:1]:
            shutil.rmtree(folder, ignore_errors=True)
        for parent in new[1:]:
            with suppress(OSError):
                parent.rmdir()
        raise


def make_folder(folder: Path, option: str = OUT) -> None:
    """Create ``folder``, which ``option`` chooses, and its parents.

    Raises:
        BalanceError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder, option) from error


def _damaged(path: Path, reason: object, remedy: str | None = None) -> BalanceError:
    instead = f"delete the folder '{path.parent}' and repeat with --resume to do this part again"
    return BalanceError(
        f"'{path}' is damaged or incomplete ({str(reason).split('. ')[0] or 'empty file'}); "
        f"{remedy or instead}."
    )
