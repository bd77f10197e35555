from pathlib import Path

import numpy as np
import pytest

from equimodal.data.table.reading.declaration import Declaration
from equimodal.data.table.reading.roles import Manifest
from equimodal.data.table.reading.splits import assign, divided
from equimodal.data.table.truth.classes import Classes


def manifest(labels, split=None, group=None, **declared):
    rows = list(range(2, 2 + len(labels)))
    return Manifest(
        path=Path("my.csv"),
        root="",
        declaration=Declaration(**declared),
        rows=rows,
        truth=classes(labels),
        split=split,
        group=group,
        columns={},
        unused=(),
    )


def test_every_class_is_divided_by_the_ratios():
    labels = np.repeat([0, 1, 2], [100, 20, 10])
    codes = divided(labels, (0.7, 0.2, 0.1), None, seed=0)

    counts = [np.bincount(codes[labels == label]).tolist() for label in range(3)]
    assert counts == [[70, 20, 10], [14, 4, 2], [7, 2, 1]]


def test_a_class_of_three_is_in_every_split():
    codes = divided(np.zeros(3, int), (0.98, 0.01, 0.01), None, seed=0)
    assert sorted(codes.tolist()) == [0, 1, 2]


def test_the_seed_alone_decides_and_another_one_divides_otherwise():
    labels = np.arange(200) % 4
    first, again = (divided(labels, (0.7, 0.15, 0.15), None, seed=3) for _ in range(2))
    other = divided(labels, (0.7, 0.15, 0.15), None, seed=4)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_groups_stay_whole_and_every_split_gets_near_its_share():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), rng.integers(1, 30, 40))
    labels = rng.integers(0, 3, len(groups))

    codes = divided(labels, (0.6, 0.2, 0.2), groups, seed=0)

    assert all(len(set(codes[groups == group])) == 1 for group in range(40))
    shares = np.bincount(codes) / len(codes)
    assert np.allclose(shares, (0.6, 0.2, 0.2), atol=0.04)
    assert all(
        abs((labels[codes == code] == label).mean() - (labels == label).mean()) < 0.1
        for code in range(3)
        for label in range(3)
    )


def test_a_few_groups_still_fill_every_split():
    groups = np.repeat(np.arange(6), 50)
    codes = divided(np.arange(300) % 10, (0.7, 0.15, 0.15), groups, seed=1)
    assert sorted(np.bincount(codes[::50]).tolist()) == [1, 1, 4]


def test_as_many_groups_as_splits_are_one_each_however_small_the_share():
    groups = np.repeat(np.arange(3), 100)
    codes = divided(np.arange(300) % 10, (0.7, 0.15, 0.15), groups, seed=0)
    assert sorted(codes[::100].tolist()) == [0, 1, 2]


def test_a_column_is_taken_at_its_word_in_any_spelling():
    found = assign(manifest(list("abcd"), ["Train", "VAL", "test", "dev"]))
    assert found.codes.tolist() == [0, 1, 2, 1]
    assert (found.note, found.findings) == ("Split by the table's column.", [])


def test_an_unknown_split_is_named_with_its_row():
    found = assign(manifest(list("ab"), ["train", "tset"]))
    assert [finding.line for finding in found.findings] == [
        "row 3: has the split 'tset'; write train, validation or test"
    ]


def classes(labels):
    """The target of a column of classes."""
    return Classes(("label",), (list(labels),), list(range(2, 2 + len(labels))))


def split_findings(labels, codes):
    """What is wrong with the classes of the splits."""
    return [found for found in classes(labels).judged(codes) if found.code == "split"]


def test_without_a_validation_split_a_share_of_training_is_taken_and_it_is_said():
    labels = ["a", "b"] * 20
    found = assign(manifest(labels, ["train"] * 30 + ["test"] * 10, validation=0.2))

    assert np.bincount(found.codes).tolist() == [24, 6, 10]
    assert found.codes[30:].tolist() == [2] * 10
    assert "no validation: 20% of its training samples are, stratified by label" in found.note


def test_a_group_in_two_splits_is_found_once():
    found = assign(manifest(list("aabb"), ["train", "val", "test", "test"], ["x", "y", "x", "x"]))
    assert [(f.code, f.line) for f in found.findings] == [
        ("group", "row 4: the group 'x' is in test and, in row 2, train")
    ]


@pytest.mark.parametrize(
    ("labels", "codes", "said"),
    [
        (["a", "b", "a"], [0, 0, 1], ["no sample is in test"]),
        (["a", "a", "a"], [0, 1, 2], ["training has the one class 'a'"]),
        (["a", "b", "c", "b"], [0, 0, 1, 2], ["the class 'c' has no training sample"]),
        (["a", "b", "a", "b"], [0, 0, 1, 2], []),
    ],
)
def test_splits_that_cannot_be_trained_on_are_found(labels, codes, said):
    assert [finding.text for finding in split_findings(labels, np.array(codes))] == said


def test_the_balance_counts_each_class_by_split():
    assert classes(["a", "b", "a", "a"]).balance(np.array([0, 0, 0, 2])) == {
        "train": {"a": 2, "b": 1},
        "validation": {},
        "test": {"a": 1},
    }


def test_a_column_that_names_no_split_is_one_finding():
    labels, cells = ["a", "b"] * 15, [str(k % 5) for k in range(30)]
    found = assign(manifest(labels, cells))

    (finding,) = [*found.findings, *split_findings(labels, found.codes)]
    assert (finding.code, finding.row) == ("split", None)
    assert "names no split, but '0', '1', '2', '3', '4'; write `ratios: [0.7" in finding.text


def test_a_name_that_is_no_split_is_found_once_with_its_count():
    found = assign(manifest(list("abab"), ["train", "tset", "tset", "tets"]))
    assert [finding.line for finding in found.findings] == [
        "row 3: has the split 'tset' (2 times); write train, validation or test",
        "row 5: has the split 'tets'; write train, validation or test",
    ]


def test_many_classes_without_a_training_sample_are_one_line():
    labels = [f"c{k:02}" for k in range(12)]
    (finding,) = split_findings(labels, np.array([0] * 4 + [1] * 4 + [2] * 4))
    assert finding.text == (
        "8 classes have no training sample: 'c04', 'c05', 'c06', 'c07', 'c08' and 3 more"
    )
