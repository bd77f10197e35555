"""Arrays in mat files: good ones, damaged ones, and those that mean harm."""

import struct
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.io

from equimodal.data.table.items.array_files import MOST_BYTES, array_headers, fine_arrays
from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.kinds import infer
from equimodal.data.table.reading.survey import form
from unit.data.table import media

ROWS = np.random.default_rng(0).normal(size=(5, 3))


def mat(path, compressed=True, **arrays):
    scipy.io.savemat(path, arrays, do_compression=compressed)
    return path


@contextmanager
def source_of(path):
    with open(path, "rb") as file:
        yield opened(file, str(path), path.stat().st_size)[0]


def decode(kind, path, **declared):
    with source_of(path) as source:
        facts = reader(kind).measure(source)
        source.file.seek(0)
        return reader(kind).decode(source, form(kind, declared, [facts]).settings)


@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_are_those_that_matlab_saved(tmp_path, compressed):
    path = mat(tmp_path / "a.mat", compressed, x=ROWS, note="said", fs=np.array([[8000.0]]))

    found = decode("sequence", path, array="x").array

    np.testing.assert_array_equal(found[:, :3], ROWS.astype(np.float32))
    with source_of(path) as source:
        headers = array_headers(source)
    assert headers == {"x": ([5, 3], "float64"), "fs": ([1, 1], "float64")}
    assert decode("vector", mat(tmp_path / "b.mat", x=ROWS[:1]), array="x").array.shape == (3,)


def test_the_only_array_of_numbers_needs_no_name(tmp_path):
    path = mat(tmp_path / "a.mat", x=ROWS, note="said")
    np.testing.assert_array_equal(decode("sequence", path).array[:, :3], ROWS.astype(np.float32))
    with pytest.raises(Unfit, match=r"holds 2 arrays \(x, y\); declare `array`"):
        decode("sequence", mat(tmp_path / "b.mat", x=ROWS, y=ROWS))


@pytest.mark.parametrize(("shape", "kind"), [
    ((1, 4), "vector"), ((4, 1), "vector"), ((5, 3), "sequence"), ((2, 5, 3), "spectrogram"),
])  # fmt: skip
def test_the_kind_follows_from_the_axes(tmp_path, shape, kind):
    mat(tmp_path / "a.mat", x=np.ones(shape))
    assert infer("x", ["a.mat"], str(tmp_path)) == kind


def test_digits_beyond_single_precision_are_seen(tmp_path):
    path = mat(tmp_path / "a.mat", x=ROWS, y=ROWS.astype(np.float32))
    with source_of(path) as source:
        assert list(fine_arrays(source)) == ["x"]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.98])
def test_a_file_that_is_cut_short_is_told(tmp_path, share, compressed):
    path = media.cut(mat(tmp_path / "a.mat", compressed, x=np.random.rand(40, 40)), share)
    with pytest.raises(Unfit) as told:
        decode("sequence", path)
    assert told.value.code in ("truncated", "unreadable")


@pytest.mark.parametrize("held", [
    {"x": np.array([[1, 2j]])}, {"x": np.array([1, "a"], object)}, {"x": "said"},
    {"x": {"a": 1.0}}, {"x": scipy.sparse.eye_array(3).tocsc()},
])  # fmt: skip
def test_what_is_no_array_of_numbers_is_refused(tmp_path, held):
    with pytest.raises(Unfit) as told:
        decode("sequence", mat(tmp_path / "a.mat", **held))
    assert told.value.code == "unreadable"


def test_a_file_of_other_versions_says_what_to_save(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + b" " * 600)
    with pytest.raises(Unfit, match=r"a mat of MATLAB 7.3 \(save it with -v7\), which is not read"):
        decode("sequence", path)
    scipy.io.savemat(path, {"x": ROWS}, format="4")
    with pytest.raises(Unfit, match="is no mat of MATLAB 5 to 7"):
        decode("sequence", path)


def test_a_header_that_asks_for_gigabytes_is_refused_before_they_are_taken(tmp_path):
    path = mat(tmp_path / "a.mat", compressed=False, x=ROWS)
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<ii", 5, 3))
    struct.pack_into("<ii", content, at, 60_000, 60_000)
    path.write_bytes(content)
    with pytest.raises(Unfit, match=f"more than {MOST_BYTES:,} bytes") as told:
        decode("sequence", path)
    assert told.value.code == "large"
