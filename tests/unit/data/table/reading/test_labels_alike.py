"""Labels that the eye takes for one, and labels that are several."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equimodal.data.table.reading.labels import alike, continuous, several, typos


def suspicious(first, second):
    return len(typos([first] * 3 + [second] * 2, range(5)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1", "1.0"),
        ("01", "1"),
        ("1e2", "100"),
        ("-0", "0"),
        ("ﬁne", "fine"),
        ("x\u00a0y", "x y"),
        ("a\u200bb", "ab"),
        ("１", "1"),
        ("STRASSE", "straße"),
    ],
)
def test_forms_of_one_label_are_suspicious(first, second):
    assert suspicious(first, second) == 1


@pytest.mark.parametrize(("first", "second"), [("1", "-1"), ("1", "2"), ("a", "b"), ("", "-")])
def test_other_labels_are_not(first, second):
    assert suspicious(first, second) == 0


@given(st.text("aeouäéç ñ1", min_size=1, max_size=8).filter(str.strip))
def test_a_label_in_another_form_of_unicode_is_never_a_class_of_its_own(label):
    forms = {unicodedata.normalize(form, label) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    forms |= {label.upper().lower(), f"{label}\u00a0", label.swapcase()}
    assert len(typos(sorted(forms), range(len(forms)))) == len(forms) - 1


@given(st.integers(-999, 999), st.integers(0, 6), st.integers(0, 3))
def test_a_number_in_another_form_is_never_a_class_of_its_own(value, places, zeros):
    sign = "-" * (value < 0)
    forms = {str(value), f"{value:.{places}f}", f"{sign}{'0' * zeros}{abs(value)}"}
    assert len(typos(sorted(forms), range(len(forms)))) == len(forms) - 1


@pytest.mark.parametrize(
    "labels",
    [
        ["[0,1]", "[1,0]", "[1,1]"],
        ["[1]", "[]"],
        ["['cat', 'dog']", "['cat']"],
        ["cat;dog", "cat", "dog"],
        ["a|b", "b|a", "c"],
        ["1,0", "0,1"],
        ["0 1 0", "1 0 0"],
        ["{a, b}", "(a, b)"],
    ],
)
def test_a_list_as_a_label_is_a_question(labels):
    (finding,) = several(labels, range(2, 2 + len(labels)))
    assert finding.code == "several"


@pytest.mark.parametrize(
    "labels",
    [
        ["Paris, France", "Rome, Italy"],
        ["street music", "music"],
        ["[UNK]", "a"],
        ["-1", "1"],
        [""],
    ],
)
def test_a_label_with_a_comma_or_blanks_is_one(labels):
    assert several(labels, range(len(labels))) == []


@given(st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=8, max_size=12))
def test_joined_labels_are_found_where_their_parts_are_shared(samples):
    for sign in (";", "|", ", "):
        labels = [sign.join(sorted(sample)) for sample in samples]
        distinct = {frozenset(sample) for sample in samples}
        shared = any(
            len(one) > 1 and all(any(part in o for o in distinct - {one}) for part in one)
            for one in distinct
        )
        assert bool(several(labels, range(len(labels)))) == shared


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        (["true", "1", "False", "0"], 2),
        (["TRUE", "1.0", "cat"], 1),
        (["yes", "no", "1", "0"], 2),
        (["t", "f", "true"], 1),
        (["yes", "no"], 0),
        (["yes", "no", "0", "1", "2"], 0),
        (["y", "n", "0", "1", "x"], 0),
        (["true", "false", "2"], 0),
    ],
)
def test_true_and_false_beside_one_and_zero_are_a_question(labels, count):
    assert len(typos(labels, range(len(labels)))) == count


def test_groups_that_look_alike_are_a_question_and_those_a_few_letters_apart_are_not():
    groups = ["anna"] * 30 + ["Anna", "anna ", "hanna", "1", "1.0", "e\u0301", "\u00e9", "", ""]
    found = alike(groups, range(2, 2 + len(groups)))
    assert [(finding.code, finding.row) for finding in found] == [
        ("typo", 32), ("typo", 33), ("typo", 36), ("typo", 38)
    ]  # fmt: skip
    assert found[0].text == (
        "the group 'Anna' (1 times) looks like 'anna' (30 times) written otherwise"
    )


def test_many_groups_in_two_forms_take_a_moment():
    groups = [f"{sign}{k}" for k in range(20_000) for sign in "sS"]
    start = time.process_time()
    assert len(alike(groups, range(len(groups)))) == 20_000
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("labels", "row", "said"),
    [
        ([f"{k / 7:.4f}" for k in range(60)], 3, "'0.1429' and 59 others are numbers"),
        ([str(k) for k in range(100)], 2, "'0' and 99 others are numbers"),
        ([f"{k}.0" for k in range(100)], 2, "'0.0' and 99 others are numbers"),
    ],
)
def test_a_label_of_many_numbers_is_a_question(labels, row, said):
    (finding,) = continuous(labels, range(2, 2 + len(labels)))
    assert (finding.code, finding.row) == ("continuous", row)
    assert said in finding.text and "task: regression" in finding.text


@pytest.mark.parametrize(
    "labels",
    [
        [str(k) for k in range(19)] * 5,
        [str(k / 2) for k in range(11)] * 9,
        [*(f"{k / 7:.4f}" for k in range(60)), "cat"],
    ],
)
def test_few_numbers_ratings_and_words_are_classes(labels):
    assert continuous(labels, range(len(labels))) == []
