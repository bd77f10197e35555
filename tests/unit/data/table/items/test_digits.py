"""Numbers of a large offset: what differs in the file differs as loaded, to single precision."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equimodal import data
from equimodal.data.table.items.digits import as_lists, joined, needs_double, range_of
from equimodal.data.table.items.scaling import scaling
from equimodal.data.table.store.rows import RowFile, StoredRows
from equimodal.errors import DataError

COUNT = 24


def lines(path, columns):
    splits = ["train", "train", "train", "train", "validation", "test"]
    with open(path, "w") as file:
        for k in range(COUNT):
            row = {"split": splits[k % 6], "label": "ab"[k // 6 % 2], "n": [float(k), k % 3 + 0.5]}
            file.write(json.dumps(row | {name: cells[k] for name, cells in columns.items()}) + "\n")
    return path


def declared(path, kind):
    path.with_suffix(".yaml").write_text(f"modalities: {{n: {{}}, t: {{kind: {kind}}}}}\n")
    return path


def loaded(path):
    """The modality t, in the order of the table."""
    source = data.load(str(path))
    rows = torch.empty((COUNT, *source.train.inputs["t"].shape[1:]))
    order = np.arange(COUNT) % 6
    for split, places in (("train", order < 4), ("validation", order == 4), ("test", order == 5)):
        rows[torch.from_numpy(places)] = getattr(source, split).inputs["t"][:]
    return rows.numpy(), order < 4


def expected(values, trained):
    """The same in long doubles."""
    long = values.astype(np.longdouble)
    return (long - long[trained].mean(0)) / long[trained].std(0)


@settings(max_examples=12)
@given(
    offset=st.sampled_from([0, 1e3, 1e6, 1.7e9, 1.7e12]),
    step=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 9),
)
def test_cells_of_any_offset_are_standardised_as_with_more_digits(
    tmp_path_factory, offset, step, seed
):
    values = offset + step * np.random.default_rng(seed).permutation(COUNT)
    path = lines(tmp_path_factory.mktemp("t") / "my.jsonl", {"t": values.tolist()})
    rows, trained = loaded(declared(path, "numbers"))
    np.testing.assert_allclose(rows[:, 0], expected(values, trained), atol=3e-3)
    assert len(np.unique(rows)) == COUNT


@pytest.mark.parametrize("kind", ["vector", "sequence", "spectrogram"])
@pytest.mark.parametrize("write", ["npy", "npz", "csv"])
def test_arrays_of_a_large_offset_keep_what_differs(tmp_path, kind, write):
    if (kind, write) == ("spectrogram", "csv"):
        pytest.skip("no such files")
    shape = {"vector": (3,), "sequence": (2, 3), "spectrogram": (1, 2, 3)}[kind]
    base = 1_700_000_000 + np.arange(COUNT)
    for k, value in enumerate(base):
        values = np.full(shape, value, np.int64)
        if write == "csv":
            np.savetxt(tmp_path / f"{k}.csv", np.atleast_2d(values), "%d", ",")
        else:
            {"npy": np.save, "npz": np.savez}[write](tmp_path / f"{k}.{write}", values)
    path = lines(tmp_path / "my.jsonl", {"t": [f"{k}.{write}" for k in range(COUNT)]})
    rows, trained = loaded(declared(path, kind))
    found = rows[..., :3].reshape(COUNT, -1)
    for column in found.T:
        np.testing.assert_allclose(column, expected(base, trained), atol=1e-5)


def test_whole_numbers_beyond_double_precision_are_refused(tmp_path):
    cells = [1_700_000_000_000_000_000 + k for k in range(COUNT)]
    for k in range(COUNT):
        np.save(tmp_path / f"{k}.npy", np.array([cells[k] + 1000 * k, 1]))
    path = lines(tmp_path / "my.jsonl", {"t": [f"{k}.npy" for k in range(COUNT)]})
    with pytest.raises(DataError, match="subtract an offset"):
        data.load(str(declared(path, "vector")))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1990, 2024], False),  # whole numbers that single precision holds
        ([0.1, 0.2], False),
        ([5, 5], False),
        ([5.1, 5.1], False),
        ([1e9, 1e9 + 7], True),
        ([1e5 + 0.1, 1e5 + 0.2], True),
        ([16_000_000, 16_000_001], True),  # held, but not centred
        ([-1e9, 1e9 + 7], False),
    ],
)
def test_double_precision_is_for_what_single_blurs_alone(values, wanted):
    parts = [as_lists(range_of(np.array([value], float), columns=True)) for value in values]
    assert needs_double(joined(parts)) == wanted


@pytest.mark.parametrize("kind", ["vector", "sequence"])
def test_a_constant_column_of_doubles_is_only_centred(tmp_path, kind):
    rows = np.full((5, 2, 2), 1.1e9 + 0.7)
    rows[..., 1] = 1
    rows.tofile(tmp_path / "rows.bin")
    file = RowFile(tmp_path / "rows.bin", (2, 2), "f8")
    mean, scale = scaling(file, np.arange(5), kind)
    stored = StoredRows(file, np.arange(5), torch.from_numpy(mean), torch.from_numpy(scale))
    assert scale.tolist() in ([1, 1], [[1, 1], [1, 1]])
    assert stored[:].dtype == torch.float32
    assert stored[:][..., 0].abs().max() == 0
