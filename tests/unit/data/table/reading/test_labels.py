import pytest

from equimodal.data.table.reading.labels import classes, typos


def found(**counts):
    labels = [label.replace("_", " ") for label, count in counts.items() for _ in range(count)]
    return [finding.text for finding in typos(labels, range(2, 2 + len(labels)))]


def test_classes_are_ordered_by_value_where_all_are_numbers():
    assert classes(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert classes(["b", "10", "9", ""]) == ("10", "9", "b")


def test_a_rare_label_close_to_a_frequent_one_is_suspicious():
    assert found(happy=30, sad=20, happpy=1) == [
        "the label 'happpy' (1 times) looks like 'happy' (30 times) misspelled"
    ]


@pytest.mark.parametrize("label", ["Happy", "happy_", "HAPPY"])
def test_case_and_blanks_are_suspicious_however_frequent(label):
    assert len(found(**{"happy": 30, label: 25, "sad": 9})) == 1


@pytest.mark.parametrize(
    "counts",
    [
        {"cat": 30, "dog": 1},
        {"walk": 30, "walks": 20},
        {"class1": 30, "class2": 1},
        {"100": 30, "1000": 1},
    ],
)
def test_labels_that_differ_on_purpose_are_left_alone(counts):
    assert found(**counts) == []


def test_the_first_row_of_a_suspicious_label_is_named():
    (finding,) = typos(["yes"] * 20 + ["yess", "yess"], range(2, 24))
    assert finding.row == 22
