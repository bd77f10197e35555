"""The Free Spoken Digit Dataset: version 1.0.10 as the archive that GitHub makes of the tag.

GitHub does not promise that the bytes of an archive stay the same, so the recordings in it are
checked, not the archive.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from equimodal.errors import DataError
from equimodal.storage.disk import DATA_ROOT, FULL, disk_error

ADDRESS = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
ARCHIVE = "v1.0.10.tar.gz"
TERMS = "FSDD (Zohar Jackson and others), version 1.0.10: CC BY-SA 4.0"
LIMIT = 100_000_000
# Of 3,000 lines "name sha256", in the order of the names.
DIGEST = "dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f"
_MEMBER = re.compile(r"[^/]+/recordings/(\d_[a-z]+_\d+\.wav)")
_LARGEST = 1_000_000
_DAMAGE = (tarfile.TarError, EOFError, zlib.error)


def readable(path: Path) -> bool:
    """Whether an archive decompresses to its end, with the checksum that stands there."""
    size = 0
    try:
        with gzip.open(path) as file:
            while block := file.read(1 << 20):
                size += len(block)
                if size > LIMIT:
                    return False
    except (OSError, EOFError, zlib.error):
        return False
    return True


def unpack(archive: Path, folder: Path) -> None:
    """Make ``folder`` the recordings of the archive, all of them or none.

    Raises:
        DataError: they are not those of version 1.0.10.
        BalanceError: the disk is full, or the folder cannot be written.
    """
    unfinished = folder.with_name(f".unfinished-{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        for name, content in _recordings(archive):
            (unfinished / name).write_bytes(content)
        if not complete(unfinished):
            raise DataError(
                f"'{archive}' does not hold the 3,000 recordings of version 1.0.10; delete it and "
                "repeat the command."
            )
        os.replace(unfinished, folder)
    except OSError as error:
        if error.errno in FULL or error.filename is not None:
            raise disk_error(error, folder, DATA_ROOT) from error
        raise DataError(f"'{archive}' is damaged ({error}); delete it and repeat.") from error
    except _DAMAGE as error:
        raise DataError(f"'{archive}' is damaged ({error}); delete it and repeat.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def complete(folder: Path) -> bool:
    """Whether a folder holds the recordings of version 1.0.10, and no other."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.wav"), key=lambda p: p.name):
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest() == DIGEST


def _recordings(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each recording; nothing else in the archive is looked at."""
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            name = _MEMBER.fullmatch(member.name)
            if name and member.isfile() and member.size <= _LARGEST:
                file = members.extractfile(member)
                if file is not None:
                    yield name[1], file.read()
