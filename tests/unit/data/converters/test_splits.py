from collections import Counter

import pytest

from equimodal.data.converters.splits import with_validation
from equimodal.data.converters.table import Row
from equimodal.errors import DataError


def rows(labels, split="train", groups=None):
    groups = groups or [""] * len(labels)
    return [Row(la, split, {}, (), group=g) for la, g in zip(labels, groups, strict=True)]


def moved(found):
    return Counter(row.label for row in found if row.split == "validation")


def test_each_class_gives_its_share_rounded_up():
    found = with_validation("x", rows("a" * 40 + "b" * 10 + "c" * 5), 0.1, 0)

    assert moved(found) == {"a": 4, "b": 1, "c": 1}
    assert [row.label for row in found] == list("a" * 40 + "b" * 10 + "c" * 5)


def test_a_class_with_one_sample_keeps_it_in_train():
    assert moved(with_validation("x", rows("ab"), 0.5, 0)) == {}


def test_test_rows_are_not_touched():
    given = [*rows("a" * 10), *rows("a" * 10, split="test")]

    found = with_validation("x", given, 0.5, 0)

    assert found[10:] == given[10:]
    assert moved(found) == {"a": 5}


def test_a_group_moves_as_a_whole():
    groups = ["1", "1", "2", "2", "3", "3", "4", "4"]

    found = with_validation("x", rows("abababab", groups=groups), 0.25, 3)

    assert len({row.group for row in found if row.split == "validation"}) == 1
    assert moved(found) == {"a": 1, "b": 1}


@pytest.mark.parametrize("share", [0, 0.6, "much", True])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(DataError, match=r"x\.validation must be a number"):
        with_validation("x", rows("aa"), share, 0)
