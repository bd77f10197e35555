import os

import numpy as np
import pytest

from equimodal.data.table.store import cache as module
from equimodal.data.table.store.cache import RECORD, Store, check_room, default_folder, limit
from equimodal.errors import DataError

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
DIGESTS = [bytes([place]) * 16 for place in range(4)]


def store(folder, **changes):
    found = Store(folder, **{
        "kind": "vector", "settings": {"a": 1}, "shape": (3,), "dtype": "f4", **changes
    })  # fmt: skip
    found.open()
    return found


def filled(folder, count=4):
    found = store(folder)
    for digest, row in zip(DIGESTS[:count], ROWS[:count], strict=True):
        found.add(digest, ["cut"] if digest == DIGESTS[1] else [], row)
    found.close()
    return found


def test_rows_are_found_again_by_their_content_with_their_warnings(tmp_path):
    first = filled(tmp_path)
    again = store(tmp_path)

    assert again.slots == {digest: place for place, digest in enumerate(DIGESTS)}
    assert np.array_equal(np.fromfile(again.rows, np.float32).reshape(4, 3), ROWS)
    assert [again.warnings(slot) for slot in range(4)] == [[], ["cut"], [], []]
    assert first.folder == again.folder


def test_the_same_content_is_kept_once(tmp_path):
    found = filled(tmp_path)
    found.add(DIGESTS[2], [], np.zeros(3, np.float32))
    found.close()
    assert os.path.getsize(found.rows) == ROWS.nbytes


@pytest.mark.parametrize(
    "changes", [{"settings": {"a": 2}}, {"shape": (4,)}, {"dtype": "i4"}, {"kind": "numbers"}]
)
def test_other_settings_have_a_store_of_their_own(tmp_path, changes):
    assert store(tmp_path, **changes).folder != store(tmp_path).folder


@pytest.mark.parametrize(
    ("rows", "index", "whole"),
    [
        (ROWS.nbytes, 4 * RECORD - 5, 3),  # killed within a record
        (ROWS.nbytes, 2 * RECORD, 2),  # killed between rows and records
        (ROWS.nbytes - 4, 4 * RECORD, 3),  # rows lost with the power
        (7, 0, 0),
    ],
)
def test_what_a_killed_process_left_half_written_is_dropped(tmp_path, rows, index, whole):
    found = filled(tmp_path)
    os.truncate(found.rows, rows)
    os.truncate(found.index, index)

    again = store(tmp_path)
    assert list(again.slots) == DIGESTS[:whole]
    for digest, row in zip(DIGESTS, ROWS, strict=True):
        again.add(digest, [], row)
    again.close()

    assert np.array_equal(np.fromfile(again.rows, np.float32).reshape(4, 3), ROWS)
    assert list(store(tmp_path).slots) == DIGESTS


def test_records_are_written_after_the_rows_that_they_stand_for(tmp_path, monkeypatch):
    seen = []

    def append(file, content):
        seen.append((os.path.basename(file.name), len(content)))

    monkeypatch.setattr(module, "_append", append)
    filled(tmp_path)
    assert seen == [("rows.bin", ROWS.nbytes), ("index.bin", 4 * RECORD)]


def test_a_cache_over_its_limit_says_how_much_is_needed(tmp_path):
    filled(tmp_path)
    check_room(tmp_path, 1000, limit=1.0)
    with pytest.raises(DataError, match=r"would grow by up to 2.50 GB, over its limit of 2 GB"):
        check_room(tmp_path, 2_500_000_000, limit=2.0)


def test_a_full_disk_is_noticed_before_anything_is_read(tmp_path, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(300_000_000))
    check_room(tmp_path, 1000, limit=50)
    with pytest.raises(DataError, match=r"need up to 0.10 GB and the disk .* has 0.30 GB left"):
        check_room(tmp_path, 100_000_000, limit=50)


def test_folder_and_limit_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("EQUIMODAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "equimodal"
    assert limit() == 50
    monkeypatch.setenv("EQUIMODAL_CACHE_LIMIT", "much")
    with pytest.raises(DataError, match="gigabytes above 0, found 'much'"):
        limit()
