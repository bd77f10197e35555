"""Files that survive a kill: written whole or not at all."""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from equimodal.errors import BalanceError
from equimodal.storage.disk import OUT, disk_error


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A path beside ``path``, with its ending, for a file that takes its name when the block ends.

    Content and name are forced to the disk; until then a former ``path`` stays as it was. Where
    the block raises, nothing of the file is left.
    """
    temporary = path.with_name(f".unfinished-{path.name}")
    try:
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


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic(path: Path, option: str = OUT) -> Iterator[BinaryIO]:
    """A file to write whose content becomes ``path`` as a whole when the block ends well.

    Raises:
        BalanceError: the disk is full, or the folder cannot be written; ``option`` chooses another.
    """
    try:
        with unfinished(path) as temporary, open(temporary, "wb") as file:
            yield file
    except OSError as error:
        raise disk_error(error, path, option) from error


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
        BalanceError: the file cannot be read or holds no JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise disk_error(error, path) from error
    except ValueError as error:
        raise _damaged(path, error, remedy) from error
    if not isinstance(found, dict):
        raise _damaged(path, "no JSON object", remedy)
    return found


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
