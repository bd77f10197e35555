"""Tables that can be read in two ways ask, and never choose."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equimodal import data
from equimodal.data.table.check.check import check
from equimodal.data.table.items.numbers import in_two_ways
from equimodal.errors import DataError
from unit.data.table import media

HEADER = ("label", "text", "other")


def sentence(k):
    return f"the bird {k} sings in tree {k * 7 % 23}"


def written(folder, cells, *, header=HEADER, labels="ab", name="my.csv", **options):
    found = [[labels[k % len(labels)], sentence(k), *cells(k)] for k in range(24)]
    return media.table(folder / name, found, header, **options)


def codes(path):
    report = check(path)
    return {(f.code, f.modality) for f in report.problems}


@pytest.mark.parametrize(
    "cell", ["1,50", "1,500", "1.234,5", "1 500", "2'000", "1,5;2,5", "1,5 2,5"]
)
@pytest.mark.parametrize("declared", [False, True])
def test_a_number_that_could_be_several_is_a_question(tmp_path, cell, declared):
    path = written(tmp_path, lambda k: [cell], delimiter="|")
    if declared:
        path.with_suffix(".yaml").write_text("modalities: {text: {}, other: {kind: numbers}}")

    if declared or "'" not in cell:
        assert ("decimal", "other") in codes(path)
    with pytest.raises(DataError, match="other"):
        data.load(str(path))


def test_numbers_that_are_declared_as_several_stay_several(tmp_path):
    path = written(tmp_path, lambda k: [f"1,{50 + k}"])
    path.with_suffix(".yaml").write_text("allow: [decimal]")
    assert data.load(str(path)).modalities["other"].shape == (2,)


@pytest.mark.parametrize("cell", ["1, 75", "1.5,2.5", "[1,75]", "1,2,3", "1 75", "1;75", "1.75"])
def test_lists_and_points_are_clear(cell):
    assert in_two_ways([cell]) is None


def test_a_column_is_clear_where_a_cell_can_only_be_a_list():
    assert in_two_ways(["120,130", "1,2"]) == 0
    assert in_two_ways(["120,130,140", "1,2,3"]) is None
    assert in_two_ways(["1 500", "1 20"]) is None
    assert in_two_ways(["", "1 500", "900"]) == 1


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.sampled_from([",", ".", " ", "'"])
)
def test_no_number_of_another_country_is_read_as_several(values, group):
    point = "." if group == "," else ","
    cells = [f"{v:,.2f}".replace(",", "g").replace(".", point).replace("g", group) for v in values]
    assert in_two_ways(cells) is not None or (group, point) == (",", ".")
    if group == "," and any(abs(value) >= 1000 for value in values):
        assert in_two_ways(cells) is not None


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "NULL", "<NA>", "N/A", "-"])
def test_a_word_for_a_missing_value_is_a_question_where_it_is_a_class(tmp_path, word):
    path = written(tmp_path, lambda k: [f"{k} {k * k}"], labels=["cat", "dog", word])
    assert codes(path) == {("placeholder", None)}


def test_a_word_for_a_missing_value_is_a_question_in_texts_and_groups(tmp_path):
    header = (*HEADER, "group")
    path = written(
        tmp_path, lambda k: ["a b" if k % 5 else "nan", "None" if k else "x"], header=header
    )
    assert {("placeholder", "other"), ("placeholder", None)} <= codes(path)


@pytest.mark.parametrize("empty", [float("nan"), None, ""])
def test_a_label_that_is_nan_is_missing(tmp_path, empty):
    records = [
        {"label": [1.0, 2.0, empty][k % 3], "text": sentence(k), "other": [k, k * k]}
        for k in range(24)
    ]
    path = tmp_path / "my.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    assert codes(path) == {("label", None)}

    import pyarrow
    from pyarrow import parquet

    if empty != "":
        table = {name: [record[name] for record in records] for name in records[0]}
        parquet.write_table(pyarrow.table(table), path.with_suffix(".parquet"))
        assert codes(path.with_suffix(".parquet")) == {("label", None)}


@pytest.mark.parametrize("name", ["category", "Class", "target", "y"])
def test_a_second_label_is_never_a_modality_and_a_question_where_it_differs(tmp_path, name):
    header = ("label", "text", "numbers", name)

    def cells(k, names):
        return [f"{k} {k * k}", names[k % len(names)]]

    same = written(tmp_path, lambda k: cells(k, ["one two", "three four"]), header=header)
    assert list(check(same).readings) == ["text", "numbers"]
    assert codes(same) == set()
    other = written(tmp_path, lambda k: cells(k, ["x y", "y z", "z x"]), header=header)
    assert codes(other) == {("roles", None)}
    other.with_suffix(".yaml").write_text("label: label")
    assert codes(other) == set()


def test_two_splits_that_differ_are_a_question(tmp_path):
    names = ("train", "train", "val", "test")
    header = ("label", "text", "numbers", "split", "fold")
    for shift, found in ((0, set()), (1, {("roles", None)})):
        path = written(
            tmp_path,
            lambda k, shift=shift: [f"{k} 1", names[k // 2 % 4], names[(k // 2 + shift) % 4]],
            header=header,
        )
        assert codes(path) == found


@pytest.mark.parametrize("name", ["Unnamed: 0", "__index_level_0__"])
def test_a_name_of_pandas_is_no_name(tmp_path, name):
    path = written(tmp_path, lambda k: [f"{k} {k * k}"], header=("label", "text", name))
    with pytest.raises(DataError, match="cannot name a modality") if ":" in name else _nothing():
        assert codes(path) == {("header", name)}
    index = written(tmp_path, lambda k: ["a b" * (k + 1), str(k)], header=(*HEADER, name))
    assert codes(index) == set()


def _nothing():
    from contextlib import nullcontext

    return nullcontext()


def test_a_header_that_occurs_again_is_no_sample(tmp_path):
    path = written(tmp_path, lambda k: [f"{k} {k * k}"])
    path.write_text(path.read_text() + ",".join(HEADER) + "\n")
    assert ("header", None) in codes(path)


@pytest.mark.parametrize("extension", ["heic", "aac", "wmv", "xyz", ""])
def test_files_of_an_unread_format_are_a_question(tmp_path, extension):
    for k in range(24):
        (tmp_path / f"{k}.{extension}".rstrip(".")).write_bytes(b"something")
    path = written(
        tmp_path, lambda k: [f"{k} {k * k}", f"{k}.{extension}".rstrip(".")],
        header=(*HEADER, "media"),
    )  # fmt: skip
    assert codes(path) == {("format", "media")}
    with pytest.raises(DataError, match=r"media.*write `allow: \[format\]`"):
        data.load(str(path))
    path.with_suffix(".yaml").write_text("allow: [format]")
    assert sorted(data.load(str(path)).modalities) == ["other", "text"]


def test_a_sample_without_a_group_is_a_group_of_its_own(tmp_path):
    header = (*HEADER, "group")
    path = written(tmp_path, lambda k: [f"{k} 1", f"g{k % 2}" if k < 8 else ""], header=header)

    source = data.load(str(path))

    groups = [split.groups.tolist() for split in (source.train, source.validation, source.test)]
    assert len({group for found in groups for group in found}) == 2 + 16
    assert "16 samples without a group" in source.note
    assert all(len(split) for split in (source.train, source.validation, source.test))


@pytest.mark.parametrize("name", ["a.b", "forward", "keys", "x" * 201, "n\0m", "a/b", "-x", "a:b"])
def test_a_name_that_no_run_could_have_is_refused_at_once(tmp_path, name):
    path = written(tmp_path, lambda k: [f"{k} {k * k}"], header=("label", "text", name))
    with pytest.raises(DataError, match=r"cannot name a modality: .*declare it in my\.yaml"):
        check(path)
    path.with_suffix(".yaml").write_text(
        "modalities:\n  text: {}\n  word: " + json.dumps({"column": name, "kind": "numbers"})
    )
    assert codes(path) == set()


def test_numbers_in_a_notation_that_is_not_read_are_a_question(tmp_path):
    path = written(tmp_path, lambda k: [f"{k}% {k + 1}%"])
    assert codes(path) == {("notation", "other")}
    with pytest.raises(DataError, match=r"'0% 1%' looks like numbers.*`allow: \[notation\]`"):
        data.load(str(path))
    for said in ("allow: [notation]", "modalities: {text: {}, other: {kind: text}}"):
        path.with_suffix(".yaml").write_text(said)
        assert codes(path) == set()
    path.with_suffix(".yaml").write_text("modalities: {text: {}, other: {}}")
    assert codes(path) == {("notation", "other")}


def test_a_column_of_such_numbers_is_a_question_where_it_would_be_left_out(tmp_path):
    header = (*HEADER, "left")
    path = written(tmp_path, lambda k: [f"{k} {k * k}", f"{k}%;{k + 1}%"], header=header)
    assert codes(path) == {("notation", "left")}
    path.with_suffix(".yaml").write_text("modalities: {text: {}, other: {}}")
    assert codes(path) == set()


@pytest.mark.parametrize("split", [False, True])
def test_groups_that_look_alike_are_a_question(tmp_path, split):
    header = (*HEADER, "group", *(["split"] if split else []))
    names = ("train", "val", "test")
    path = written(
        tmp_path,
        lambda k: [f"{k} {k * k}", f"{'sS'[k % 2]}{k // 6}", *([names[k // 6 % 3]] * split)],
        header=header,
    )
    found = [f for f in check(path).problems if f.code == "typo"]
    assert len(found) == 4
    assert all("looks like" in f.text and "the group" in f.text for f in found)


def test_a_continuous_label_is_a_question(tmp_path):
    path = written(
        tmp_path, lambda k: [f"{k} {k * k}"], labels=[f"{k / 7 + 0.01:.4f}" for k in range(24)]
    )
    assert codes(path) == {("continuous", None), ("split", None)}
    path.with_suffix(".yaml").write_text("allow: [continuous]")
    assert codes(path) == {("split", None)}
