"""What a table asks to predict: read, declared, and refused."""

import numpy as np
import pytest
import torch

from equimodal import data
from equimodal.data.table.check.check import check
from equimodal.data.table.check.report import as_json, as_text
from equimodal.errors import DataError
from unit.data.table import tasks


def told(path):
    """Lines of the problems that a check finds."""
    return [f"{found.code}: {found.line}" for found in check(path, jobs=1).problems]


def test_names_with_a_separator_are_states_of_labels(tmp_path):
    source = data.load(str(tasks.multi_label(tmp_path)))
    columns = data.load(str(tasks.multi_label(tmp_path, columns=True)))

    assert source.target.task == columns.target.task == "multi-label"
    assert source.target.score == "mean_average_precision"
    assert source.classes == columns.classes == ("bird", "cat", "dog")
    states = np.random.default_rng(1).integers(0, 2, (90, 3))
    states[states.sum(1) == 0, 0] = 1
    for found in (source, columns):
        splits = (found.train, found.validation, found.test)
        assert sum(int(split.labels.sum()) for split in splits) == states.sum()
        assert {split.labels.dtype for split in splits} == {torch.int64}


@pytest.mark.parametrize("word", ["true", "YES", "1.0", "T"])
def test_a_state_may_be_a_word(tmp_path, word):
    path = tasks.multi_label(tmp_path, columns=True)
    before = data.load(str(path))
    first = path.read_text().splitlines()[1].split(",")[0]
    tasks.edited(path, "bird", 0, word if first == "1" else {"1.0": "0.0"}.get(word, "no"))
    after = data.load(str(path))
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(before, split).labels, getattr(after, split).labels)


def test_rare_labels_are_divided_as_frequent_ones(tmp_path):
    source = data.load(str(tasks.multi_label(tmp_path, count=200)))
    shares = [split.labels.float().mean(0) for split in (source.train, source.test)]
    assert (shares[0] - shares[1]).abs().max() < 0.2


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("tags", "", "unlabelled: row 2: has no label: none of them, or not known?"),
        ("tags", "cat;;dog", "label: row 2: 'cat;;dog' has nothing at one side of ';'"),
        ("tags", "cat;cat", "label: row 2: names 'cat' twice"),
        ("tags", "['cat','dog']", "label: row 2: '['cat','dog']' is a list in brackets"),
        ("tags", "cat;Dog", "typo: row 2: the label 'Dog' (1 times) looks like 'dog'"),
        ("tags", "cat,dog;bird", "several: row 2: the label 'cat,dog' looks like a list"),
        ("tags", "cat;nan", "placeholder: row 2: the label is 'nan' (1 times)"),
    ],
)
def test_cells_of_names_that_could_mean_another_thing_are_questions(tmp_path, column, cell, said):
    path = tasks.multi_label(tmp_path)
    text = path.read_text()
    if "," in cell and cell.startswith("cat,"):  # the same pair elsewhere, so that it is one name
        path = tasks.edited(path, column, 1, "cat,bird")
        path = tasks.edited(path, column, 2, "dog,bird")
    tasks.edited(path, column, 0, cell)
    assert any(line.startswith(said) for line in told(path)), (told(path), text[:40])


def test_a_row_without_a_label_may_have_none(tmp_path):
    path = tasks.edited(tasks.multi_label(tmp_path), "tags", 0, "")
    with path.with_suffix(".yaml").open("a") as file:
        file.write("allow: [unlabelled]\n")
    report = check(path, jobs=1)
    assert report.problems == []
    assert [found.code for found in report.allowed] == ["unlabelled"]


@pytest.mark.parametrize(("cell", "said"), [("maybe", "is no state of a label"), ("2", "'2' in")])
def test_a_column_of_a_label_holds_one_or_zero(tmp_path, cell, said):
    path = tasks.edited(tasks.multi_label(tmp_path, columns=True), "cat", 3, cell)
    assert any(said in line and "row 5" in line for line in told(path))


def test_a_label_that_training_never_sees_is_a_fault_of_the_split(tmp_path):
    path = tasks.edited(tasks.multi_label(tmp_path), "tags", 4, "cat;zebra")
    splits = ["train", "validation", "test"] * 30
    lines = path.read_text().splitlines()
    body = [f"{line},{split}" for line, split in zip(lines[1:], splits, strict=True)]
    path.write_text("\n".join([lines[0] + ",split", *body]) + "\n")
    assert "split: the label 'zebra' has no training sample" in told(path)


def test_numbers_are_standardised_by_training(tmp_path):
    source = data.load(str(tasks.regression(tmp_path)))
    target = source.target

    assert (target.task, target.score, source.classes) == ("regression", "r2", ("height", "weight"))
    assert source.train.labels.dtype == torch.float32
    assert source.train.labels.mean(0).abs().max() < 1e-5
    assert (source.train.labels.std(0, correction=0) - 1).abs().max() < 1e-5
    assert target.mean[0] == pytest.approx(170, abs=3)
    assert target.scale[1] == pytest.approx(15, abs=4)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("tall", "'tall' in 'height' is no finite number"),
        ("1,75", "'1,75' in 'height' is no finite number"),
        ("nan", "'nan' in 'height' is no finite number"),
        ("inf", "'inf' in 'height' is no finite number"),
        ("", "has no label in 'height'"),
    ],
)
def test_a_number_must_be_one(tmp_path, cell, said):
    path = tasks.edited(tasks.regression(tmp_path), "height", 6, cell)
    assert any(line.startswith(f"label: row 8: {said}") for line in told(path))
    with pytest.raises(DataError, match="1 problem"):
        data.load(str(path))


def test_a_number_that_does_not_vary_is_refused(tmp_path):
    path = tasks.regression(tmp_path)
    for place in range(90):
        tasks.edited(path, "height", place, "170")
    assert "split: 'height' is the same number in all samples of train" in told(path)


def test_many_numbers_as_a_label_are_a_question(tmp_path):
    path = tasks.regression(tmp_path, declared="label: height\n")
    assert any(
        line.startswith("continuous: ") and "task: regression" in line for line in told(path)
    )
    for place in range(90):
        tasks.edited(path, "height", place, str(place % 30))
    assert any(line.startswith("continuous: ") for line in told(path))
    path.with_suffix(".yaml").write_text("label: height\ntask: classification\n")
    assert not any(line.startswith("continuous: ") for line in told(path))


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("task: ranking", "task must be one of classification, multi-label, regression"),
        ("label: [bird, cat]", "write `task: multi-label` where each holds 1 or 0"),
        ("task: multi-label\nlabel: tags", "write `separator: ;`"),
        ("separator: ';'", "it needs `task: multi-label`"),
        ("task: multi-label\nseparator: ' '", "separator must be a sign"),
        ("task: multi-label\nlabel: [bird, cat]\nseparator: ';'", "between the labels of one"),
        ("task: regression\nweight: balanced", "weight is of the classes"),
        ("weight: heavy", "weight must be `balanced`, or a number for each class"),
        ("weight: {cat: -1}", "weight of 'cat'"),
        ("weight: {cat: 0}", "must not be 0 for all"),
        ("label: [a, a]", "or a list of different ones"),
        ("label: []", "or a list of different ones"),
        ("missing: 3", "missing must be one of refuse, allow"),
    ],
)
def test_what_cannot_be_declared_is_refused(tmp_path, declared, said):
    path = tasks.multi_label(tmp_path, declared=declared + "\n")
    with pytest.raises(DataError, match=r"tags\.yaml") as caught:
        data.load(str(path))
    assert said in str(caught.value)


def test_classes_may_be_weighted(tmp_path):
    path = tasks.classes(tmp_path, declared="weight: balanced\n")
    assert data.load(str(path)).target.weight == pytest.approx((1.0, 1.0, 1.0), abs=0.05)
    path.with_suffix(".yaml").write_text("weight: {dog: 4}\n")
    source = data.load(str(path))
    assert source.target.weight == (1.0, 1.0, 4.0)
    assert source.target.score == "macro_f1"
    path.with_suffix(".yaml").write_text("weight: {god: 4}\n")
    with pytest.raises(DataError, match="'god', which no sample has; the classes are bird"):
        data.load(str(path))


def test_the_check_says_what_the_labels_and_numbers_are(tmp_path):
    text = as_text(check(tasks.multi_label(tmp_path), jobs=1))
    assert "90 rows, 3 labels" in text and "label " in text and "No problem" in text
    report = check(tasks.regression(tmp_path), jobs=1)
    plain = as_json(report)
    assert plain["task"] == "regression"
    assert plain["balance"]["train"]["height"]["samples"] == plain["sizes"]["train"] > 50
    assert "height" in as_text(report) and "lowest" in as_text(report)
