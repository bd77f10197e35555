import os
import pickle

import numpy as np
import pytest
import torch

from equimodal.data.arrays import Split, standardised
from equimodal.data.table.items.scaling import scaling
from equimodal.data.table.store.rows import RowFile, StoredRows

ROWS = np.random.default_rng(0).normal(3, 2, (50, 2, 3)).astype(np.float32)
SLOTS = np.random.default_rng(1).permutation(50)[:40]


@pytest.fixture
def file(tmp_path):
    ROWS.tofile(tmp_path / "rows.bin")
    return RowFile(tmp_path / "rows.bin", (2, 3), "f4")


@pytest.fixture
def stored(file):
    return StoredRows(file, SLOTS, torch.tensor(0.0), torch.tensor(1.0))


@pytest.mark.parametrize(
    "index",
    [
        torch.tensor([3, 3, 0, 39]),
        torch.arange(10, 30),
        torch.tensor([], dtype=torch.int64),
        slice(5, 9),
        7,
        -1,
    ],
)
def test_an_index_gives_what_a_tensor_in_memory_gives(stored, index):
    memory = torch.from_numpy(ROWS[SLOTS])
    assert torch.equal(stored[index], memory[index])


def test_rows_have_length_and_shape_and_go_to_a_device(stored):
    assert (len(stored), stored.shape) == (40, (40, 2, 3))
    assert stored.to("cpu")[0].device.type == "cpu"
    assert stored.to("meta").device.type == "meta"


def test_an_index_out_of_range_is_refused(stored):
    with pytest.raises(IndexError):
        stored[torch.tensor([40])]


def test_rows_go_to_another_process(stored):
    stored[0]
    assert torch.equal(pickle.loads(pickle.dumps(stored))[3], stored[3])


def test_a_file_that_was_cut_is_no_silent_zero(file):
    with open(file.path, "r+b") as handle:
        handle.truncate(100)
    with pytest.raises(OSError, match="ends early"):
        file.read(np.array([40]))


def test_token_numbers_stay_whole_and_unscaled(tmp_path):
    np.array([[1, 5, 0], [1, 6, 7]], np.int32).tofile(tmp_path / "rows.bin")
    rows = StoredRows(RowFile(tmp_path / "rows.bin", (3,), "i4"), np.array([1, 0]), None, None)
    assert rows[torch.tensor([0, 1])].tolist() == [[1, 6, 7], [1, 5, 0]]
    assert rows[0].dtype == torch.int64


@pytest.mark.parametrize(("kind", "axis"), [("image", None), ("vector", 0)])
def test_scaling_is_that_of_data_in_memory(tmp_path, monkeypatch, kind, axis):
    rows = ROWS.reshape(50, 6)
    rows = np.where(np.arange(6) == 2, np.float32(7), rows)
    rows.tofile(tmp_path / "rows.bin")
    file = RowFile(tmp_path / "rows.bin", (6,), "f4")
    monkeypatch.setattr("equimodal.data.table.items.scaling._BLOCK_BYTES", 7 * 24)

    mean, scale = scaling(file, SLOTS, kind)

    split = Split({"x": rows[SLOTS]}, np.zeros(40, np.int64))
    expected = standardised(split, split, split, {"x": kind})[0].inputs["x"]
    stored = StoredRows(file, SLOTS, *(torch.from_numpy(v).float() for v in (mean, scale)))
    np.testing.assert_allclose(stored[:].numpy(), expected, atol=1e-5)


def test_a_sequence_is_scaled_by_the_steps_that_it_has(tmp_path):
    rows = np.array(
        [[[1, 10, 1], [3, 10, 1], [0, 0, 0]], [[5, 10, 1], [0, 0, 0], [0, 0, 0]]], np.float32
    )
    rows.tofile(tmp_path / "rows.bin")
    mean, scale = scaling(RowFile(tmp_path / "rows.bin", (3, 3), "f4"), np.arange(2), "sequence")

    # 1, 3 and 5 have the mean 3 and the variance 8/3; 10 is constant; presence is left as it is.
    np.testing.assert_allclose(mean, [3, 10, 0])
    np.testing.assert_allclose(scale, [np.sqrt(8 / 3), 1, 1])


def test_an_epoch_over_rows_on_disk_does_not_bring_them_into_memory(tmp_path):
    rows, side = 4096, 2**16
    with open(tmp_path / "rows.bin", "wb") as handle:
        handle.truncate(rows * side)
    file = RowFile(tmp_path / "rows.bin", (side,), "u1")
    stored = StoredRows(file, np.arange(rows), torch.tensor(0.0), torch.tensor(1.0))
    stored[torch.arange(16)]
    before = resident()

    highest = max(resident() for part in torch.randperm(rows).split(16) if stored[part].numel())

    assert rows * side == 256 * 2**20
    # Some batches are kept by the allocator; a mapping of the file would add all of it.
    assert highest - before < 128 * 2**20


def resident():
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
