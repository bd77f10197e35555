"""Files inside a Parquet, as Hugging Face datasets keep them: read from there, and safely."""

import csv

import pyarrow
import pyarrow.parquet
import pytest
import torch

from equimodal import DataError, data, load
from equimodal.data.table.check.check import check
from equimodal.data.table.forms import embedded as inside_files
from equimodal.data.table.forms import parquet as forms
from equimodal.data.table.forms import values
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.paths import placed
from equimodal.data.table.reading.table import read_table
from equimodal.saved.writing import write_model
from unit.data.table import media
from unit.saved.conftest import trained

STRUCT = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def embedded(folder, *, harm=None, group=10):
    """The table of `media.samples` with the bytes of its files in two columns; every second image
    has lost its name."""
    with open(media.samples(folder / "files"), newline="") as file:
        rows = list(csv.DictReader(file))
    images, sounds = [], []
    for k, row in enumerate(rows):
        content = {name: (folder / "files" / row[name]).read_bytes() for name in ("image", "sound")}
        content |= harm or {} if k == 0 else {}
        images.append({"bytes": content["image"], "path": row["image"] if k % 2 else None})
        sounds.append(content["sound"])
    table = pyarrow.table({
        "label": [row["label"] for row in rows], "image": pyarrow.array(images, STRUCT),
        "sound": pyarrow.array(sounds, pyarrow.binary()),
    })  # fmt: skip
    pyarrow.parquet.write_table(table, folder / "my.parquet", row_group_size=group)
    forms._groups.cache_clear()
    return folder / "my.parquet"


def told(path):
    return [f"{found.code}: {found.line}" for found in check(path, jobs=1).problems]


def test_files_inside_a_table_are_those_of_a_folder(tmp_path):
    path = embedded(tmp_path)

    assert told(path) == []
    cells = read_table(path).columns
    assert cells["image"][:2] == ["my.parquet/image/1/file.png", "my.parquet/image/2/1.png"]
    assert cells["sound"][23] == "my.parquet/sound/24/file.wav"
    inside, outside = data.load(str(path)), data.load(str(tmp_path / "files" / "my.csv"))
    for m in ("image", "sound"):
        rows = [s.train.inputs[m][torch.arange(len(s.train))] for s in (inside, outside)]
        assert torch.equal(*rows)


def test_a_model_predicts_files_inside_a_table(tmp_path):
    path = embedded(tmp_path)
    plan, run = trained(tmp_path / "files")
    write_model(tmp_path / "model", plan, run, tmp_path / "files")
    model = load(tmp_path / "model")

    outside = model.predict(tmp_path / "files" / "my.csv")
    assert torch.equal(model.predict(path).logits, outside.logits)


@pytest.mark.parametrize(("harm", "said"), [
    ({"image": b"\x89PNG\r\n\x1a\n" + b"x" * 40}, "row 1, image: "),
    ({"sound": b"RIFF\xff\xff\x00\x00WAVE"}, "row 1, sound: has 12 bytes, its header announces"),
    ({"image": b"RIFF\x04\0\0\0WAVE"}, "row 1, image: is no wav, or its header"),
])  # fmt: skip
def test_a_damaged_file_is_named_by_its_row(tmp_path, harm, said):
    problems = told(embedded(tmp_path, harm=harm))
    assert len(problems) == 1 and said in problems[0], problems


def test_bytes_of_no_known_format_need_a_name(tmp_path):
    with pytest.raises(DataError, match="bytes of no known format in row 1 of 'sound'"):
        check(embedded(tmp_path, harm={"sound": b"\x80\x04K\x01."}), jobs=1)


def test_a_file_that_is_missing_is_an_empty_cell_or_lies_beside(tmp_path):
    rows = [None, {"bytes": None, "path": "a.png"}, {"bytes": None, "path": None},
            {"bytes": b"", "path": "../b.png"}]  # fmt: skip
    table = pyarrow.table({"image": pyarrow.array(rows, STRUCT)})
    pyarrow.parquet.write_table(table, tmp_path / "my.parquet")
    cells = read_table(tmp_path / "my.parquet").columns["image"]
    assert cells == ["", "a.png", "", "my.parquet/image/4/b.png"]


@pytest.mark.parametrize("cell", [
    "../my.parquet/image/1/a.png", "{outside}/image/1/a.png", "link.parquet/image/1/a.png",
])  # fmt: skip
def test_a_cell_leads_into_no_table_outside_the_root(tmp_path, cell):
    outside = embedded(tmp_path)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link.parquet").symlink_to(outside)
    with pytest.raises(Unfit) as told:
        placed(cell.format(outside=outside), str(tmp_path / "root"), "image")
    assert told.value.code == "outside"


@pytest.mark.parametrize(
    "inside", ["image/25/a.png", "image/0/a.png", "nothing/1/a.png", "label/1/a.png"]
)
def test_a_row_that_is_not_there_is_missing(tmp_path, inside):
    path = embedded(tmp_path)
    with pytest.raises(Unfit) as told:
        forms.content_of(str(path), inside)
    assert told.value.code == "missing"


def test_a_row_group_that_is_too_large_is_refused(tmp_path, monkeypatch):
    path = embedded(tmp_path)
    monkeypatch.setattr(forms, "MOST_BYTES", 1000)
    with pytest.raises(Unfit, match="is in a row group of"):
        forms.content_of(str(path), "image/1/a.png")


def test_bytes_that_rows_share_are_in_memory_once(tmp_path):
    content = b"\x89PNG\r\n\x1a\n" + bytes(2**20)
    rows = [{"bytes": content, "path": "a.png"}] * 64
    table = pyarrow.table({"image": pyarrow.array(rows, STRUCT)})
    pyarrow.parquet.write_table(
        table, tmp_path / "my.parquet", dictionary_pagesize_limit=2**30, compression="zstd"
    )
    del table
    before = pyarrow.total_allocated_bytes()
    assert forms.content_of(str(tmp_path / "my.parquet"), "image/64/a.png") == content
    assert pyarrow.total_allocated_bytes() - before < 8 * len(content)


def test_bytes_within_two_structs_are_no_file(tmp_path):
    rows = [{"bytes": {"bytes": b"x"}, "path": "a.png"}]
    pyarrow.parquet.write_table(pyarrow.table({"image": rows}), tmp_path / "my.parquet")
    with pytest.raises(DataError, match=r"my.parquet holds a dict in row 1; write texts"):
        read_table(tmp_path / "my.parquet")


def test_a_small_table_that_holds_too_much_is_refused(tmp_path, monkeypatch):
    table = pyarrow.table({"label": ["a", "b"] * 50, "text": ["words " * 100] * 100})
    path = tmp_path / "my.parquet"
    pyarrow.parquet.write_table(table, path)
    assert read_table(path).columns["text"][99] == ("words " * 100).strip()
    for name, most, said in (
        ("MOST_IN_ALL", 10_000, "holds more than 10,000 characters, up to row 17; save long"),
        ("MOST_IN_A_CELL", 500, "has a cell of more than 500 characters in row 1, which"),
        ("MOST_CELLS", 199, "has 100 rows of 2 columns; write files of 199 cells at most"),
    ):
        with monkeypatch.context() as patch, pytest.raises(DataError) as told:
            patch.setattr(inside_files if name == "MOST_CELLS" else values, name, most)
            read_table(path)
        assert said in str(told.value)
    monkeypatch.setattr(forms, "MOST_BYTES", 10)
    with pytest.raises(DataError, match=r"has a row group of .* write smaller row groups"):
        read_table(path)


def test_a_table_that_is_cut_short_is_refused(tmp_path):
    with pytest.raises(DataError, match="is damaged or no Parquet file"):
        check(media.cut(embedded(tmp_path), 0.6), jobs=1)


def test_a_folder_named_as_a_table_is_a_folder(tmp_path):
    (tmp_path / "a.parquet" / "image" / "1").mkdir(parents=True)
    media.png(tmp_path / "a.parquet" / "image" / "1" / "a.png")
    cell = "a.parquet/image/1/a.png"
    assert placed(cell, str(tmp_path), "image")[0] == str(tmp_path / cell)


def test_lists_of_pictures_in_json_lines_are_cells(tmp_path):
    (tmp_path / "my.jsonl").write_text('{"clip": ["a/1.png", "a/2.png"], "x": [1, 2]}\n')
    assert read_table(tmp_path / "my.jsonl").columns == {
        "clip": ['["a/1.png", "a/2.png"]'], "x": ["[1, 2]"]
    }  # fmt: skip
    (tmp_path / "my.jsonl").write_text('{"clip": ["a", "b"]}\n')
    with pytest.raises(DataError, match="lists of pictures by their paths"):
        read_table(tmp_path / "my.jsonl")


def test_a_row_group_is_read_once(tmp_path, monkeypatch):
    path = embedded(tmp_path, group=6)
    read = []
    whole = pyarrow.parquet.ParquetFile.read_row_group
    monkeypatch.setattr(
        pyarrow.parquet.ParquetFile, "read_row_group",
        lambda self, place, **how: read.append(place) or whole(self, place, **how),
    )  # fmt: skip
    found = [forms.content_of(str(path), f"sound/{row}/a.wav") for row in range(1, 25)]
    assert read == [0, 1, 2, 3]
    assert found == [(tmp_path / "files" / f"{k}.wav").read_bytes() for k in range(24)]
