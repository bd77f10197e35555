import errno
import threading

import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.storage import files as storage
from equimodal.storage.files import (
    atomic,
    load_checkpoint,
    make_folder,
    read_json,
    save_checkpoint,
    write_json,
)

CONTENT = {
    "weights": torch.arange(1000.0),
    "nested": {"counts": [1, 2], "name": "text", "rate": 0.1, "none": None},
}


OLD = {"is": "old"}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_json_comes_back_as_it_was(tmp_path):
    value = {"a": [1, 0.1 + 0.2, None, True], "b": "ü"}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert names(tmp_path) == ["x.json"]


def test_an_interrupted_write_leaves_the_former_file_and_nothing_else(tmp_path):
    write_json(tmp_path / "x.json", OLD)
    with pytest.raises(KeyboardInterrupt), atomic(tmp_path / "x.json") as file:
        file.write(b'"ne')
        raise KeyboardInterrupt
    assert read_json(tmp_path / "x.json") == OLD
    assert names(tmp_path) == ["x.json"]


def test_a_leftover_of_a_killed_write_does_not_disturb_the_next(tmp_path):
    (tmp_path / ".unfinished-x.json").write_text("half of somethi")
    write_json(tmp_path / "x.json", 1)
    assert names(tmp_path) == ["x.json"]


def test_a_full_disk_says_what_to_do_and_keeps_the_former_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_json(tmp_path / "x.json", OLD)
    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "fsync", full)
        with pytest.raises(BalanceError, match=r"no space left .*x\.json.*--resume"):
            write_json(tmp_path / "x.json", "new")
        with pytest.raises(BalanceError, match=r"no space left .*x\.pt"):
            save_checkpoint(tmp_path / "x.pt", CONTENT)
    assert read_json(tmp_path / "x.json") == OLD
    assert names(tmp_path) == ["x.json"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for use in (
        make_folder,
        lambda path: write_json(path / "x", 1),
    ):
        with pytest.raises(BalanceError, match="file/folder"):
            use(tmp_path / "file" / "folder")


def test_numbers_that_json_has_not_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", float("nan"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("text", ["", '{"a": 1', "\x00\x00", "[]", "null"])
def test_truncated_json_and_other_json_than_an_object_are_named(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BalanceError, match=r"x\.json' is damaged .*delete .*--resume"):
        read_json(tmp_path / "x.json")


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    save_checkpoint(tmp_path / "x.pt", CONTENT)
    found = load_checkpoint(tmp_path / "x.pt")
    assert torch.equal(found["weights"], CONTENT["weights"])
    assert found["nested"] == CONTENT["nested"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_named(tmp_path, share):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, CONTENT)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(BalanceError, match=r"checkpoint\.pt' is damaged or incomplete .*delete"):
        load_checkpoint(path)


def test_one_flipped_bit_in_a_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, CONTENT)
    content = bytearray(path.read_bytes())
    content[content.index(torch.arange(1000.0).numpy().tobytes()) + 2001] ^= 1
    path.write_bytes(content)
    with pytest.raises(BalanceError, match="checksum"):
        load_checkpoint(path)


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"weights": threading.Event}, path)
    with pytest.raises(BalanceError, match=r"checkpoint\.pt"):
        load_checkpoint(path)
