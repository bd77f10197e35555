"""What lies under the names that are written, and a disk that fills up under any writer."""

import errno
import os

import numpy as np
import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.storage import files as storage
from equimodal.storage.files import atomic, save_checkpoint, unfinished, write_json
from equimodal.storage.locks import locked


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["x.json", ".unfinished-x.json"])
def test_a_link_under_a_name_that_is_written_is_never_followed(tmp_path, name):
    victim, folder = tmp_path / "victim", tmp_path / "results"
    victim.write_text("precious")
    folder.mkdir()
    (folder / name).symlink_to(victim)

    write_json(folder / "x.json", 1)

    assert victim.read_text() == "precious"
    assert names(folder) == ["x.json"]
    assert not (folder / "x.json").is_symlink()


def test_a_path_to_write_is_a_new_file_of_our_own(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".unfinished-clip.wav").symlink_to(tmp_path / "victim")

    with unfinished(tmp_path / "clip.wav") as path:
        path.write_bytes(b"sound")

    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "clip.wav").read_bytes() == b"sound"


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".lock").symlink_to(tmp_path / "victim")

    with pytest.raises(BalanceError, match=r"\.lock' is a link"), locked(tmp_path):
        pass

    assert (tmp_path / "victim").read_text() == "precious"


def _checkpoint(path):
    save_checkpoint(path, {"weights": torch.zeros(200_000)})


def _arrays(path):
    with atomic(path) as file:
        np.savez(file, zeros=np.zeros(200_000))


def _json(path):
    write_json(path, {"text": "x" * 400_000})


@pytest.mark.parametrize("write", [_checkpoint, _arrays, _json])
@pytest.mark.parametrize("room", [0, 1, 100_000, 390_000])
def test_a_disk_that_fills_up_is_told_in_our_words(tmp_path, monkeypatch, write, room):
    class Small(storage._Raw):
        left = room

        def write(self, content):
            return super().write(content)

    def full(self, content):
        if len(content) > self.left:
            self.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise self.error
        self.left -= len(content)
        return storage.io.FileIO.write(self, content)

    monkeypatch.setattr(Small, "write", full)
    monkeypatch.setattr(storage, "_Raw", Small)

    with pytest.raises(BalanceError, match=r"no space left to write '.*/x'") as found:
        write(tmp_path / "x")

    assert "enforce" not in str(found.value)
    assert names(tmp_path) == []
