"""Arrays from files and numbers in cells: values by hand, and files that mean harm."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from equimodal.data.table.items import array_files
from equimodal.data.table.items.array_files import array_headers
from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.items.numbers import in_other_notation
from equimodal.data.table.reading.findings import Unfit

SETTINGS = {
    "vector": {"shape": [3]},
    "sequence": {"length": 4, "width": 2},
    "spectrogram": {"shape": [1, 2, 3]},
}


def decode(kind, path, **changes):
    with open(path, "rb") as file:
        source, _ = opened(file, str(path), os.path.getsize(path))
        return reader(kind).decode(source, SETTINGS[kind] | changes)


def refused(kind, path, said=None, **changes):
    with pytest.raises(Unfit, match=said) as caught:
        decode(kind, path, **changes)
    return caught.value.code


class Harm:
    """A pickle of it creates a file when it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_vector_reads_alike_from_npy_npz_and_csv(tmp_path):
    values = np.array([1.5, -2, 1e3])
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "b.npy", values[None].astype(np.float16))
    np.savez(tmp_path / "c.npz", x=values)
    np.savez_compressed(tmp_path / "d.npz", x=values, y=np.zeros(7))
    (tmp_path / "e.csv").write_text("1.5,-2,1e3\n")
    (tmp_path / "f.csv").write_text("value\n1.5\n-2\n1000\n")

    for name in ("a.npy", "b.npy", "c.npz", "e.csv", "f.csv"):
        assert decode("vector", tmp_path / name).array.tolist() == [1.5, -2, 1000], name
    assert decode("vector", tmp_path / "d.npz", array="x").array.tolist() == [1.5, -2, 1000]
    assert refused("vector", tmp_path / "d.npz", "holds 2 arrays .x, y.; declare") == "unreadable"
    refused("vector", tmp_path / "d.npz", "no array 'z', but x, y", array="z")


def test_a_sequence_is_padded_or_cut_and_its_last_column_says_what_is_there(tmp_path):
    np.save(tmp_path / "short.npy", np.array([[1, 2], [3, 4]], order="F"))
    (tmp_path / "long.csv").write_text("x;y\n" + "5;6\n" * 6)

    short, long = (decode("sequence", tmp_path / name) for name in ("short.npy", "long.csv"))

    assert short.array.tolist() == [[1, 2, 1], [3, 4, 1], [0, 0, 0], [0, 0, 0]]
    assert long.array.tolist() == [[5, 6, 1]] * 4
    assert (short.warnings, [code for code, _ in long.warnings]) == ([], ["cut"])


def test_a_spectrogram_may_come_without_its_channel(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    assert decode("spectrogram", tmp_path / "a.npy").array.tolist() == [[[0, 1, 2], [3, 4, 5]]]


@pytest.mark.parametrize(
    ("values", "said", "code"),
    [
        (np.array([1, np.nan, 2]), r"1 values that are not finite, first \[1\]", "finite"),
        (np.array([1, 1e300, -np.inf]), "2 values that are not finite", "finite"),
        (np.zeros(4), "the shape .4., most others .3.", "shape"),
        (np.zeros((2, 3)), r"the shape \(2, 3\), a vector is \(D,\)", "shape"),
        (np.zeros(0), "holds no number", "empty"),
        (np.array(["a", "b", "c"]), "holds <U1, expected numbers", "unreadable"),
        (np.zeros(3, complex), "holds complex128", "unreadable"),
    ],
)
def test_numbers_that_cannot_be_trained_on_are_refused(tmp_path, values, said, code):
    np.save(tmp_path / "a.npy", values)
    assert refused("vector", tmp_path / "a.npy", said) == code


def test_nan_in_a_sequence_or_a_cell_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1, 2], [np.nan, 1]]))
    assert refused("sequence", tmp_path / "a.npy", r"first \[1, 0\]") == "finite"
    with pytest.raises(Unfit, match="not finite"):
        reader("numbers").decode("1 nan", {"shape": [2]})


@pytest.mark.parametrize("cell", ["1.5 -2 1e3", "[1.5, -2, 1000]", "1.5;-2;1000", "(1.5,-2, 1000)"])
def test_a_cell_of_numbers_is_a_vector(cell):
    assert reader("numbers").decode(cell, {"shape": [3]}).array.tolist() == [1.5, -2, 1000]


def test_a_cell_that_is_no_number_is_refused():
    with pytest.raises(Unfit, match="'1 two' is no number"):
        reader("numbers").decode("1 two", {"shape": [2]})


@pytest.mark.parametrize("share", [0.2, 0.9])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_an_array_cut_short_is_refused(tmp_path, name, share):
    writer = {"a.npy": np.save, "a.npz": np.savez}[name]
    writer(tmp_path / name, np.arange(3.0))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    assert refused("vector", tmp_path / name) in ("truncated", "unreadable")


def test_a_pickle_is_refused_by_its_name_and_by_its_content_and_never_run(tmp_path):
    harm = pickle.dumps(Harm(tmp_path / "mark"))
    for name in ("a.pkl", "a.pt", "a.npy", "a.npz", "a.csv"):
        (tmp_path / name).write_bytes(harm)
        assert refused("vector", tmp_path / name, "is a pickle, which can run code") == "pickle"
    assert not (tmp_path / "mark").exists()


def test_objects_inside_an_array_are_refused_and_never_run(tmp_path):
    objects = np.array([Harm(tmp_path / "mark")], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    for name in ("a.npy", "a.npz"):
        assert refused("vector", tmp_path / name, "pickled objects") == "pickle"
    assert not (tmp_path / "mark").exists()


def test_a_zip_bomb_is_refused_by_what_it_declares_without_unpacking(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "MOST_BYTES", 16 * 2**20)
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (2**20 + 1,)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(17 * 2**20))

    assert os.path.getsize(tmp_path / "a.npz") < 100_000
    assert refused("vector", tmp_path / "a.npz", "would unpack to 17,...,... bytes") == "large"


def test_a_header_that_lies_about_its_shape_reserves_no_memory(tmp_path):
    def written(name, shape):
        with open(tmp_path / name, "wb") as file:
            declared = {"descr": "<f8", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, declared)
            file.write(bytes(24))
        return tmp_path / name

    assert refused("vector", written("a.npy", (2**50,)), "declares the shape") == "large"
    assert refused("vector", written("b.npy", (30,)), "fewer bytes than its shape") == "truncated"
    assert refused("vector", written("c.npy", (2,)), "more bytes than its shape") == "truncated"


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3.0))
    content = (tmp_path / "a.npz").read_bytes()
    size = (128 + 24).to_bytes(4, "little")
    assert content.count(size) >= 2
    (tmp_path / "a.npz").write_bytes(content.replace(size, (140).to_bytes(4, "little")))
    assert refused("vector", tmp_path / "a.npz") in ("truncated", "unreadable")


@pytest.mark.parametrize(
    ("text", "said"),
    [("1,2\n3\n", "no table of numbers"), ("1,x\n", "no table"), ("a,b\n", "no line of numbers")],
)
def test_a_csv_that_is_no_table_of_numbers_is_refused(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    refused("vector", tmp_path / "a.csv", said)


def test_shapes_are_known_from_headers(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.zeros(4))
    with open(tmp_path / "a.npz", "rb") as file:
        source, _ = opened(file, "a.npz", 1)
        assert array_headers(source) == {"x": ([2, 3], "float64"), "y": ([4], "float64")}


@pytest.mark.parametrize(
    "cell",
    [
        "\u22121.5 1.25", "1'000 2'000", "1D5 2.0d1", "3% 6%", "3%;6%", "$3.50 $4", "5kg 6kg",
        "1_000 2_000", "0xFFAA 0x1BCD", "1:0.5 7:0.3", "[[1. 2.]\n [3. 4.]]", "1.5±0.2 2±0.1",
        "2024-01-01 10:00:00", "12 May 2024", "NA 2.5", "1+2j 3-1j",
    ],
)  # fmt: skip
def test_numbers_in_another_notation_are_known(cell):
    assert in_other_notation(["", cell, cell]) == 1


@pytest.mark.parametrize(
    "cell",
    ["1.5 2.5", "1e5, 2", "a film of 1999", "Room 12", "E11 I10 N18", "3%", "2024-01-01", "- -"],
)
def test_words_single_numbers_and_numbers_that_are_read_are_not(cell):
    assert in_other_notation([cell, cell]) is None


def test_a_column_is_of_numbers_where_nearly_all_cells_are():
    assert in_other_notation(["1.5 2.5"] * 19 + ["a film"]) == 19
    assert in_other_notation(["1.5 2.5"] * 17 + ["a film"] * 3) is None
