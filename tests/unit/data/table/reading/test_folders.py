"""Folders of Hugging Face datasets as tables: saved ones and the hub's, whole, damaged and hostile.

They are written here by pyarrow as https://huggingface.co/docs/datasets describes them.
"""

import csv
import json
import struct

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
import torch

from equimodal import DataError, data, load
from equimodal.data.sources import load as load_set
from equimodal.data.sources import ready
from equimodal.data.table.check.check import check
from equimodal.data.table.forms import streams
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.roles import read_manifest
from equimodal.data.table.reading.splits import assign
from equimodal.data.table.reading.table import read_table
from equimodal.data.table.store.prepared import stamp_of
from equimodal.saved.writing import write_model
from unit.data.table import media
from unit.saved.conftest import trained

STRUCT = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
CLASSES = {"label": {"names": ["dog", "cat"], "_type": "ClassLabel"}}
SPLITS = {"train": range(0, 12), "validation": range(12, 18), "test": range(18, 24)}


def rows_of(folder):
    with open(folder / "my.csv", newline="") as file:
        return list(csv.DictReader(file))


def held(folder, indices):
    """Rows of `media.samples` with their files inside, and their labels as numbers."""
    rows = [rows_of(folder)[k] for k in indices]
    files = {
        m: pyarrow.array([{"bytes": (folder / r[m]).read_bytes(), "path": r[m]} for r in rows],
                         STRUCT)
        for m in ("image", "sound")
    }  # fmt: skip
    return pyarrow.table({"label": [["dog", "cat"].index(r["label"]) for r in rows], **files})


def small(*labels):
    """Two texts a row."""
    return pyarrow.table({
        "label": list(labels), "one": [f"the {k} is here" for k in range(len(labels))],
        "two": [f"and {k} is not" for k in range(len(labels))],
    })  # fmt: skip


def told(features):
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


def stream(path, table, batch=4):
    with pyarrow.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)
    return path


def save(folder, table, shards=1, features=CLASSES, named=True):
    """What `Dataset.save_to_disk` writes."""
    folder.mkdir(parents=True)
    table = table.replace_schema_metadata(told(features) if named else None)
    names = [f"data-{k:05d}-of-{shards:05d}.arrow" for k in range(shards)]
    size = -(-len(table) // shards)
    for k, name in enumerate(names):
        stream(folder / name, table.slice(k * size, size))
    (folder / "state.json").write_text(json.dumps({
        "_data_files": [{"filename": name} for name in names], "_fingerprint": "0a",
        "_format_columns": None, "_format_kwargs": {}, "_format_type": None,
        "_output_all_columns": False, "_split": None,
    }))  # fmt: skip
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def save_splits(folder, tables, **how):
    """What `DatasetDict.save_to_disk` writes."""
    for name, table in tables.items():
        save(folder / name, table, **how)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(tables)}))
    return folder


def push(folder, tables, shards=1, features=CLASSES):
    """What `push_to_hub` leaves in a folder."""
    folder.mkdir(parents=True)
    for name, table in tables.items():
        table = table.replace_schema_metadata(told(features))
        size = -(-len(table) // shards)
        for k in range(shards):
            own = table.slice(k * size, size)
            pyarrow.parquet.write_table(own, folder / f"{name}-{k:05d}-of-{shards:05d}.parquet")
    return folder


def both(tmp_path):
    files = tmp_path / "files"
    media.samples(files)
    tables = {name: held(files, indices) for name, indices in SPLITS.items()}
    save_splits(tmp_path / "saved.v1", tables, shards=2)
    push(tmp_path / "hub" / "data", tables, shards=2)
    return {"saved.v1": "saved.v1/{}/data-0000{}-of-00002.arrow",
            "hub": "hub/data/{}-0000{}-of-00002.parquet"}  # fmt: skip


def cells(folder):
    return read_table(folder).columns


def refused(folder):
    with pytest.raises(DataError) as said:
        read_table(folder)
    return str(said.value)


def test_a_folder_is_the_table_that_it_was_made_of(tmp_path):
    outside = None
    for name, place in both(tmp_path).items():
        path = tmp_path / name
        assert check(path, jobs=1).problems == []
        found = cells(path)
        splits = sorted(SPLITS) if name == "hub" else SPLITS
        order = [k for split in splits for k in SPLITS[split]]
        rows = [rows_of(tmp_path / "files")[k] for k in order]
        assert found["label"] == [row["label"] for row in rows]
        at = found["split"].index("validation")
        assert found["image"][at] == f"{place.format('validation', 0)}/image/1/12.png"
        assert found["sound"][at + 5] == f"{place.format('validation', 1)}/sound/3/17.wav"
        source = data.load(f"{path}/")
        outside = outside or data.load(str(tmp_path / "files" / "my.csv"))
        assert [len(source.train), len(source.validation), len(source.test)] == [12, 6, 6]
        assert source.classes == outside.classes and source.name == name


def test_runs_find_a_folder_by_its_short_name(tmp_path):
    both(tmp_path)
    name, root = ready(str(tmp_path / "saved.v1"), cache=tmp_path / "cache")
    assert name == "saved.v1/"
    assert len(load_set(name, root=root).test) == 6
    assert [p.name.rpartition("-")[0] for p in (tmp_path / "cache" / "manifests").iterdir()] == [
        "saved.v1"
    ]


def test_a_model_predicts_new_rows_in_a_folder(tmp_path):
    both(tmp_path)
    plan, run = trained(tmp_path / "files")
    write_model(tmp_path / "model", plan, run, tmp_path / "files")
    model = load(tmp_path / "model")
    outside = model.predict(tmp_path / "files" / "my.csv").logits
    inside = model.predict(tmp_path / "saved.v1" / "test", root=tmp_path / "saved.v1").logits
    assert torch.equal(inside, outside[18:])
    assert torch.equal(model.predict(tmp_path / "saved.v1").logits, outside)


def test_the_yaml_lies_beside_the_folder(tmp_path):
    path = save(tmp_path / "my.v1", small(0, 1, 0))
    (tmp_path / "my.v1.yaml").write_text("group: two\nmodalities: {a: one, b: two}\n")
    assert read_manifest(path).taken["group"] == "two"


def test_every_file_counts_for_the_stamp(tmp_path):
    path = save_splits(tmp_path / "my", {"train": small(0, 1), "test": small(1, 0)})
    manifest = read_manifest(path)
    seen = {stamp_of(manifest)}
    for file in sorted(path.rglob("*.*")):
        before = file.read_bytes()
        end = b" " if file.suffix == ".json" else before[-8:]  # the mark of a stream's end
        file.write_bytes(before + end)
        seen.add(stamp_of(manifest))
        file.write_bytes(before)
    assert len(seen) == 8
    hub = push(tmp_path / "hub", {"train": small(0, 1)})
    first = stamp_of(read_manifest(hub))
    (hub / "train-00000-of-00001.parquet").rename(hub / "test-00000-of-00001.parquet")
    assert stamp_of(read_manifest(hub)) != first


@pytest.mark.parametrize("named", [True, False])
def test_classes_have_their_names(tmp_path, named):
    path = save(tmp_path / "my", small(0, 1, -1, None), named=named)
    assert cells(path)["label"] == ["dog", "cat", "", ""]


def test_classes_in_a_parquet_have_their_names(tmp_path):
    table = small(1, 0).append_column("several", pyarrow.array([[0, 1], []]))
    both = CLASSES | {"several": {"feature": CLASSES["label"], "_type": "Sequence"}}
    pyarrow.parquet.write_table(table.replace_schema_metadata(told(both)), tmp_path / "my.parquet")
    found = cells(tmp_path / "my.parquet")
    assert found["label"] == ["cat", "dog"] and found["several"] == ["dog;cat", ""]


def test_names_that_hold_a_sign_are_parted_by_another(tmp_path):
    features = {"label": [{"names": ["a;b", "c"], "_type": "ClassLabel"}]}
    path = save(tmp_path / "my", small([0, 1], [1]), features=features)
    assert cells(path)["label"] == ["a;b|c", "c"]
    features = {"label": [{"names": ["a;|/b", "c"], "_type": "ClassLabel"}]}
    path = save(tmp_path / "other", small([0, 1], [1]), features=features)
    assert "whose names hold all of" in refused(path)


def test_one_split_is_divided_and_three_are_kept(tmp_path):
    one = save_splits(tmp_path / "one", {"train": small(*[0, 1] * 10)})
    assert "split" not in cells(one)
    assert assign(read_manifest(one)).note.startswith("Split by ratios")
    tables = {"train": small(0, 1), "dev": small(0), "test": small(1)}
    three = save_splits(tmp_path / "three", tables)
    assert assign(read_manifest(three)).codes.tolist() == [0, 0, 1, 2]


def test_a_split_of_another_name_is_a_question(tmp_path):
    path = push(tmp_path / "my", {"train": small(0, 1), "extra": small(0, 1)})
    (found,) = assign(read_manifest(path)).findings
    assert "has the split 'extra' (2 times); give its files" in found.text
    (tmp_path / "my.yaml").write_text("ratios: [0.5, 0.25, 0.25]\n")
    assert assign(read_manifest(path)).findings == []


def test_a_column_of_splits_stays_beside_the_folders(tmp_path):
    own = small(0, 1).append_column("split", [["a", "b"]])
    path = save_splits(tmp_path / "my", {"train": own, "test": own})
    assert cells(path)["split"] == ["a", "b"] * 2
    assert cells(path)["fold"] == ["train"] * 2 + ["test"] * 2


def test_a_folder_of_neither_form_says_what_it_holds(tmp_path, monkeypatch):
    (tmp_path / "my").mkdir()
    assert "it holds nothing. Give one that save_to_disk wrote" in refused(tmp_path / "my")
    for name in "fedcba":
        (tmp_path / "my" / name).touch()
    assert "it holds a, b, c, d, e, .... Give one" in refused(tmp_path / "my")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="for the folder here write my/"):
        data.load("my")
    (tmp_path / "mosi").mkdir()
    with pytest.raises(DataError, match="mosi is read from files"):
        data.load("mosi")
    monkeypatch.chdir(tmp_path / "my")
    with pytest.raises(DataError, match="has no name; write the folder's own"):
        data.load("./")


@pytest.mark.parametrize("cut", ["half", "batch", "all"])
def test_a_stream_that_is_cut_short_is_refused(tmp_path, cut):
    path = save(tmp_path / "my", small(*[0, 1] * 50))
    file = path / "data-00000-of-00001.arrow"
    content = file.read_bytes()
    file.write_bytes(content[: {"half": len(content) // 2, "batch": -8, "all": 0}[cut]])
    said = {"batch": "is cut short: the mark of its end"}.get(cut, "is damaged or no Arrow stream")
    assert f"data-00000-of-00001.arrow {said}" in refused(path)


def test_a_shard_that_is_missing_is_named(tmp_path):
    path = save(tmp_path / "my", small(0, 1, 0, 1), shards=2)
    (path / "data-00001-of-00002.arrow").unlink()
    assert "data-00001-of-00002.arrow', which the folder lists; copy" in refused(path)
    hub = push(tmp_path / "hub", {"train": small(0, 1, 0)}, shards=3)
    (hub / "train-00001-of-00003.parquet").unlink()
    assert "'hub' has 2 files of 'train' where the names say 3; the first" in refused(hub)
    (hub / "train-00001-of-99999.parquet").touch()
    assert "is 1." in refused(hub)
    (hub / "train.parquet").touch()
    assert "'hub/train.parquet' names no split and place" in refused(hub)


@pytest.mark.parametrize(("file", "content", "said"), [
    ("state.json", '{"_data_files": [{"filename": "../other.arrow"}]}', "plain names"),
    ("state.json", '{"_data_files": [{"filename": "/etc/other.arrow"}]}', "plain names"),
    ("state.json", '{"_data_files": [{"filename": "\\ud800.arrow"}]}', "plain names"),
    ("state.json", '{"_data_files": [{"filename": ["a"]}]}', "plain names"),
    ("state.json", '{"_data_files": [{"filename": "a.csv"}]}', "which is no .arrow file"),
    ("state.json", '{"_data_files": {"filename": 1}}', "plain names"),
    ("state.json", '{"_data_files": []}', "plain names"),
    ("state.json", '{"_data_files": "abc"}', "There is no file|no .arrow file"),
    ("state.json", "{}", "plain names"),
    ("state.json", "[]", "state.json"),
    ("state.json", "[" * 100_000, "state.json"),
    ("state.json", '{"_data_files": [{"filename": "data-00000-of-00002.arrow"}]}', "say 2"),
    ("state.json", '{"_data_files": [{"filename": "data-00000-of-999999.arrow"}]}', "say 999,999"),
    ("state.json", '{"_indices_data_files": [{"filename": "a.arrow"}]}', "order of its rows apart"),
    ("dataset_info.json", "no", "dataset_info.json"),
    ("dataset_info.json", '{"features": {"label": {"_type": "ClassLabel", "names": ["a", "a"]}}}',
     "a name of its own"),
    ("dataset_info.json", '{"features": {"label": {"_type": "ClassLabel", "names": {"0": "a"}}}}',
     "a name of its own"),
    ("dataset_info.json", '{"features": {"label": {"_type": "ClassLabel", "names": ["b", "c"]}}}',
     "names the classes of 'label'"),
    ("dataset_dict.json", '{"splits": ["../my"]}', "plain names"),
    ("dataset_dict.json", '{"splits": ["train"]}', "There is no file"),
    ("dataset_dict.json", '{"splits": {"train": 1}}', "plain names"),
])  # fmt: skip
def test_lists_that_lie_are_refused(tmp_path, file, content, said):
    path = save(tmp_path / "my", small(0, 1))
    (path / file).write_text(content)
    with pytest.raises(DataError, match=said):
        read_table(path)


@pytest.mark.parametrize(("labels", "said"), [
    ((0, 2), "holds 2 in row 2 where its classes are 0 to 1"), ((0, -2), "holds -2 in row 2"),
    (("0", "1"), "holds '0' in row 1"), (([0], [7]), "holds 7 in row 2"),
])  # fmt: skip
def test_a_number_of_no_class_is_refused(tmp_path, labels, said):
    assert said in refused(save(tmp_path / "my", small(*labels)))


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"info": 1}', b"\xff"])
def test_a_schema_that_is_no_json_is_refused(tmp_path, text):
    table = small("a", "b").replace_schema_metadata({b"huggingface": text})
    pyarrow.parquet.write_table(table, tmp_path / "my.parquet")
    assert "what its schema says to Hugging Face datasets" in refused(tmp_path / "my.parquet")


def test_offsets_beyond_the_file_are_refused(tmp_path):
    path = save(tmp_path / "my", small(0, 1))
    file = path / "data-00000-of-00001.arrow"
    own = struct.pack("<3i", 0, 13, 26)  # of 'the 0 is here', 'the 1 is here'
    content = file.read_bytes()
    assert content.count(own) == 1
    file.write_bytes(content.replace(own, struct.pack("<3i", 0, 13, 2**30)))
    assert "is damaged or no Arrow stream" in refused(path)


def test_rows_without_number_are_refused(tmp_path):
    path = save(tmp_path / "my", small(0, 1), features={})
    many = pyarrow.table({"a": pyarrow.nulls(2**28)})
    stream(path / "data-00000-of-00001.arrow", many, batch=2**28)
    assert "268,435,456 rows of 1 columns" in refused(path)


def test_two_files_of_other_columns_are_refused(tmp_path):
    path = save_splits(tmp_path / "my", {"train": small(0), "test": small(0).drop(["two"])})
    assert "'my/test/data-00000-of-00001.arrow' has the columns label, one, and" in refused(path)


def test_a_link_leads_nowhere(tmp_path):
    path = save(tmp_path / "my", small(0, 1))
    file = path / "data-00000-of-00001.arrow"
    file.rename(tmp_path / "other.arrow")
    file.symlink_to(tmp_path / "other.arrow")
    assert "'my/data-00000-of-00001.arrow' is a link; copy what" in refused(path)


@pytest.mark.parametrize("inside", ["image/13/a.png", "image/0/a.png", "no/1/a.png", "label/1/a"])
def test_a_row_that_is_not_there_is_missing(tmp_path, inside):
    both(tmp_path)
    file = tmp_path / "saved.v1" / "train" / "data-00000-of-00002.arrow"
    assert streams.content_of(str(file), "sound/6/a") == (tmp_path / "files/5.wav").read_bytes()
    with pytest.raises(Unfit) as said:
        streams.content_of(str(file), inside)
    assert said.value.code == "missing"


def test_bytes_that_nobody_can_name_are_refused(tmp_path):
    table = pyarrow.table({"a": pyarrow.array([{"bytes": b"what", "path": None}], STRUCT)})
    path = save(tmp_path / "my", table, features={})
    assert "bytes of no known format in row 1 of 'a'" in refused(path)
