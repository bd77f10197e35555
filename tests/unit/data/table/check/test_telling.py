"""A modality that holds the label again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equimodal import data
from equimodal.data.table.check.check import check
from equimodal.data.table.check.telling import told
from equimodal.errors import DataError
from unit.data.table import media

SPLITS = np.array(([0] * 7 + [1, 1, 2]) * 40)


def classes(count, seed=0):
    return np.random.default_rng(seed).integers(0, count, len(SPLITS))


def test_by_hand():
    labels, codes = np.array([0, 0, 1, 1, 0, 1]), np.array([0, 0, 0, 0, 1, 1])
    few = np.array([5, 5, 7, 7, 5, 7])
    assert told(few, labels, codes) is None  # by chance once in 16 times
    labels, codes = np.tile(labels, 2), np.tile(codes, 2)
    assert told(np.tile(few, 2), labels, codes) == 1.0  # once in 1024
    assert told(np.tile([5, 5, 7, 7, 7, 5], 2), labels, codes) is None  # wrong in validation
    assert told(np.tile([5, 7, 7, 7, 5, 7], 2), labels, codes) is None  # wrong in training
    assert told(np.arange(12), labels, codes) is None  # no value twice
    assert told(np.tile([5, 5, 7, 7, -1, -1], 2), labels, codes) is None  # none in validation
    assert told(np.array([5] * 12), np.zeros(12, int), codes) is None  # a class alone


@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 99))
def test_any_renaming_of_the_label_tells_it(count, names, seed):
    labels = classes(count, seed)
    values = labels * names + np.random.default_rng(seed).integers(0, names, len(labels))
    assert told(values, labels, SPLITS) == 1.0


@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 99))
def test_values_that_know_nothing_of_the_label_do_not(count, values, seed):
    drawn = np.random.default_rng(seed + 1000).integers(0, values, len(SPLITS))
    assert told(drawn, classes(count, seed), SPLITS) is None


@given(st.integers(0, 99))
def test_a_value_that_errs_more_often_than_one_in_two_hundred_does_not(seed):
    labels = classes(3, seed)
    values = labels.copy()
    values[np.random.default_rng(seed).permutation(len(labels))[:20]] += 1
    assert told(values, labels, SPLITS) is None


def rows(told_by):
    names = ("street music", "dog bark", "air horn")
    return [[str(k % 3), told_by(k, names[k % 3]), f"a b {k}"] for k in range(60)]


@pytest.mark.parametrize(
    "told_by",
    [
        lambda k, name: name,
        lambda k, name: f"{k % 3} {k % 2}",
        lambda k, name: f"[{k}, {k % 3 + 0.5}, {k / 7}]",
    ],
    ids=["the name of the class", "two numbers", "one of three numbers"],
)
def test_a_column_that_tells_the_label_is_a_problem_that_can_be_allowed(tmp_path, told_by):
    path = media.table(tmp_path / "my.csv", rows(told_by), ("label", "what", "text"))

    (problem,) = check(path).problems
    assert (problem.code, problem.modality) == ("tells-label", "what")
    with pytest.raises(DataError, match=r"read off .*write `allow: \[tells-label\]`"):
        data.load(str(path))
    path.with_suffix(".yaml").write_text("allow: tells-label")
    assert len(data.load(str(path)).modalities) == 2
    assert [finding.code for finding in check(path).allowed] == ["tells-label"]


def test_files_that_are_the_same_for_all_of_a_class_tell_it_too(my):
    for k in range(24):
        (my.parent / f"{k}.wav").write_bytes((my.parent / f"{k % 2}.wav").read_bytes())

    assert {f.code for f in check(my).problems} == {"tells-label", "leakage"}
