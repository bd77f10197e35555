"""Empty cells that may be, and those that may not."""

import pytest
import torch

from equimodal import data
from equimodal.data.presence import PRESENT
from equimodal.data.table.check.check import check
from equimodal.data.table.check.report import as_json, as_text
from equimodal.errors import DataError
from unit.data.table import tasks


def told(path):
    return [f"{found.code}: {found.line}" for found in check(path, jobs=1).problems]


def test_empty_cells_are_refused_unless_they_are_declared(tmp_path):
    path = tasks.classes(tmp_path, lacking=True, declared="")
    lines = told(path)
    assert len(lines) == 36
    assert "row 2, touch: is empty; if samples may lack it, write `missing: allow`" in lines[0]
    with pytest.raises(DataError, match="36 problems"):
        data.load(str(path))


def test_declared_missing_cells_are_counted_and_marked(tmp_path):
    path = tasks.classes(tmp_path, lacking=True)
    report = check(path, jobs=1)
    assert report.problems == []
    assert as_json(report)["modalities"]["touch"]["missing"] == 18
    assert "72 of 90, 18 lack it" in as_text(report)

    source = data.load(str(path))
    whole = [split.present for split in (source.train, source.validation, source.test)]
    assert torch.cat(whole).logical_not().sum(0).tolist() == [18, 18]
    assert all(modality.missing for modality in source.modalities.values())
    inputs, _ = source.train.take(torch.arange(len(source.train)))
    assert torch.equal(inputs[PRESENT], source.train.present)
    gone = ~source.train.present[:, 0]
    assert gone.any() and not inputs["touch"][gone].any()
    assert inputs["touch"][~gone].abs().sum(1).min() > 0
    assert source.train.patterns.names == ("touch + smell", "touch", "smell")


def test_rows_of_one_modality_are_those_that_have_it(tmp_path):
    source = data.load(str(tasks.classes(tmp_path, lacking=True)))
    having = source.train.present[:, 1].nonzero()[:, 0]
    assert source.train.modality_len("smell") == len(having)
    rows, labels = source.train.take_modality("smell", torch.arange(len(having)))
    assert torch.equal(labels, source.train.labels[having])
    assert torch.equal(rows, source.train.inputs["smell"][having])


def test_one_modality_alone_may_be_declared(tmp_path):
    declared = "modalities:\n  touch: {missing: allow}\n  smell: {}\n"
    path = tasks.classes(tmp_path, lacking=True, declared=declared)
    assert len(told(path)) == 18 and all("smell" in line for line in told(path))


def test_scaling_and_contents_do_not_depend_on_what_is_missing(tmp_path):
    path = tasks.classes(tmp_path, lacking=True)
    source = data.load(str(path))
    there = source.train.present[:, 0]
    rows = source.train.inputs["touch"][torch.arange(len(source.train))][there]
    assert rows.mean(0).abs().max() < 1e-5
    assert (rows.std(0, correction=0) - 1).abs().max() < 1e-4


def test_a_row_without_any_modality_is_refused(tmp_path):
    path = tasks.classes(tmp_path, lacking=True)
    tasks.edited(path, "smell", 0, "")
    tasks.edited(path, "touch", 0, "")
    assert "cell: row 2: has no modality at all; delete the row" in told(path)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_modality_that_a_split_lacks_is_refused(tmp_path, split):
    path = tasks.classes(tmp_path, lacking=True)
    names = ["train", "train", "train", "validation", "test", "train"]
    lines = path.read_text().splitlines()
    body = []
    for place, line in enumerate(lines[1:]):
        own = names[place % 6]
        label, _, smell = line.split(",")
        cells = [label, "", smell or "1 2 3 4"] if own == split else line.split(",")
        body.append(",".join([*cells, own]))
    path.write_text("\n".join([lines[0] + ",split", *body]) + "\n")
    assert f"split: touch: is missing in all samples of {split}" in told(path)


def test_columns_of_one_modality_are_missing_together(tmp_path):
    declared = "label: label\nmissing: allow\nmodalities:\n  body: {columns: [a, b]}\n  smell: {}\n"
    rows = [[("cat", "dog")[k % 2], str(k), str(2 * k), f"{k} {k * k % 7}"] for k in range(40)]
    rows[3][1] = rows[3][2] = ""
    path = tasks.written(tmp_path / "t.csv", ["label", "a", "b", "smell"], rows, declared)
    assert told(path) == []
    tasks.edited(path, "b", 5, "")
    assert told(path) == ["cell: row 7, body: is empty in 'b' and not in its other columns"]


def test_what_is_missing_is_part_of_the_fingerprint(tmp_path):
    path = tasks.classes(tmp_path, lacking=True)
    before = data.load(str(path)).settings["fingerprint"]
    tasks.edited(path, "touch", 8, "")
    assert data.load(str(path)).settings["fingerprint"] != before
