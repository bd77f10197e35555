import csv
import json
import time

import pytest

from equimodal.data.table.reading.table import read_table
from equimodal.errors import DataError

PLAIN = {"label": ["cat", "dog"], "image": ["a b.png", "ü,c.png"]}


def written(folder, text, name="my.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        'label,image\ncat,a b.png\ndog,"ü,c.png"\n',
        '\ufefflabel,image\r\ncat,a b.png\r\ndog,"ü,c.png"\r\n',
        "label;image\ncat;a b.png\ndog;ü,c.png\n",
        '"label"\t"image"\n"cat"\t"a b.png"\n"dog"\t"ü,c.png"',
        'label , image\n cat , a b.png \n\n,\n dog ,"ü,c.png"\n',
    ],
    ids=["plain", "bom and crlf", "semicolons", "tabs and quotes", "blanks and empty lines"],
)
def test_a_table_reads_alike_however_a_program_wrote_it(tmp_path, text):
    assert read_table(written(tmp_path, text)).columns == PLAIN


def test_rows_are_the_lines_of_the_file_also_behind_a_cell_of_two_lines(tmp_path):
    path = written(tmp_path, 'label,text\ncat,"one\ntwo"\n\ndog,three\n')

    table = read_table(path)

    assert table.rows == [2, 5]
    assert table.columns["text"] == ["one\ntwo", "three"]


def test_jsonl_and_parquet_hold_what_a_csv_would(tmp_path):
    import pyarrow
    from pyarrow import parquet

    records = [
        {"label": 1, "text": "ä b", "numbers": [1.5, 2], "gone": None},
        {"label": 2, "text": " c ", "numbers": [0.1, 3], "gone": "x"},
    ]
    lines = "\n".join(json.dumps(record) for record in records)
    first = read_table(written(tmp_path, lines + "\n\n", "my.jsonl"))
    parquet.write_table(pyarrow.Table.from_pylist(records), tmp_path / "my.parquet")
    second = read_table(tmp_path / "my.parquet")

    assert first.columns == second.columns | {"numbers": ["[1.5, 2]", "[0.1, 3]"]}
    assert second.columns == {
        "label": ["1", "2"],
        "text": ["ä b", "c"],
        "numbers": ["[1.5, 2.0]", "[0.1, 3.0]"],
        "gone": ["", "x"],
    }
    assert (first.rows, second.rows) == ([1, 2], [1, 2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label,image\ncat,a.png,b.png\n", "3 cells in row 2 and 2 in its header"),
        ("label,image\ncat\n", "1 cells in row 2"),
        ("label,label\na,b\n", "names 'label' twice"),
        ("label,,x\na,b,c\n", "a column without a name"),
        ("label,image\n", "holds no row"),
        ("", "a column without a name"),
        ('label,image\ncat,"a.png\n', "damaged in row 2"),
        ("label,image\ncat,a\x00.png\n", "row 2|no file"),
    ],
)
def test_a_damaged_table_says_where(tmp_path, text, said):
    path = written(tmp_path, text)
    if "\x00" in text:
        assert read_table(path).columns["image"] == ["a\x00.png"]
        return
    with pytest.raises(DataError, match=said):
        read_table(path)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-16", "UTF-16, by the first bytes of row 1"), ("latin-1", "byte 0xfc in row 3")],
)
def test_another_encoding_is_refused_with_its_place(tmp_path, encoding, said):
    path = written(tmp_path, "label,image\ncat,a.png\ndog,ü.png\n", encoding=encoding)
    with pytest.raises(DataError, match=f"no UTF-8 text .*{said}.*save it as CSV in UTF-8"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n[1]\n', "holds list in row 2"),
        ('{"a": 1}\n{"a": \n', "holds no JSON in row 2"),
        ('{"a": {"b": 1}}\n', "a dict in row 1"),
        ("[" * 100_000 + "\n", "holds no JSON in row 1"),
    ],
)
def test_damaged_jsonl_says_where(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read_table(written(tmp_path, text, "my.jsonl"))


def test_a_damaged_parquet_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(DataError, match=r"my\.parquet is damaged or no Parquet"):
        read_table(written(tmp_path, "PAR1 and no more", "my.parquet"))
    with pytest.raises(DataError, match="There is no file"):
        read_table(tmp_path / "none.csv")


def test_a_parquet_whose_names_or_texts_are_in_no_encoding_is_damaged(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "my.parquet"
    parquet.write_table(pyarrow.table({"label": ["abab"], "words": ["x y"]}), path)
    content = path.read_bytes()
    for text in (b"words", b"abab"):
        path.write_bytes(content.replace(text, b"\xf7" * len(text)))
        with pytest.raises(DataError, match=r"my\.parquet is damaged or no Parquet"):
            read_table(path)


def test_a_missing_column_names_those_there_are(tmp_path):
    table = read_table(written(tmp_path, "label,image\na,b\n"))
    with pytest.raises(DataError, match=r"no column 'sound' for the modality; .*label, image"):
        table.column("sound", "the modality")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (r'{"label": "a\ud800"}', r"half a character \(\\ud800\) in row 2"),
        (r'{"x\ud800": "a"}', r"half a character .* in row 2"),
        (r'{"x": ["\udfff"]}', r"half a character .* in row 2"),
        ('{"label": "a", "label": "b"}', "'label' stands twice"),
        ('{"label": "a", " label": "b"}', "'label' stands twice"),
    ],
)
def test_a_line_that_cannot_be_kept_as_it_is_is_named(tmp_path, line, said):
    path = written(tmp_path, '{"label": "c"}\n' + line + "\n", "my.jsonl")
    with pytest.raises(DataError, match=said):
        read_table(path)


def test_a_character_of_two_escapes_is_whole(tmp_path):
    path = written(tmp_path, r'{"label": "\ud83d\ude00"}', "my.jsonl")
    assert read_table(path).columns == {"label": ["\N{GRINNING FACE}"]}


def test_forty_thousand_columns_take_a_moment(tmp_path):
    names = [f"c{k}" for k in range(40_000)]
    line = ",".join(names)
    start = time.process_time()
    assert len(read_table(written(tmp_path, f"{line}\n{line}\n")).columns) == 40_000
    assert time.process_time() - start < 5


def test_a_cell_may_be_long_and_one_that_is_too_long_is_not_called_damaged(tmp_path, monkeypatch):
    cell = " ".join(map(str, range(30_000)))
    path = written(tmp_path, f"label,x\na,{cell}\n")
    assert read_table(path).columns["x"] == [cell]

    monkeypatch.setattr("equimodal.data.table.forms.values.MOST_IN_A_CELL", 100_000)
    with pytest.raises(DataError, match="a cell of more than 100,000 characters in row 2"):
        read_table(path)
    assert csv.field_size_limit() == 131_072


def test_a_header_that_two_signs_cut_alike_is_a_question(tmp_path):
    with pytest.raises(DataError, match="cut at ',' or at ';', into 2 names each way"):
        read_table(written(tmp_path, "label;size,cm\na;b,c\n"))


def test_names_that_differ_in_blanks_alone_are_refused(tmp_path):
    with pytest.raises(DataError, match="'a' stands twice"):
        read_table(written(tmp_path, '{"a": 1, " a": 2}\n', "my.jsonl"))


@pytest.mark.parametrize("line", ["sep=;", '"sep=,"', "SEP=\t", "sep=;;;\r"])
def test_a_line_for_excel_is_named(tmp_path, line):
    with pytest.raises(DataError, match="tells Excel the separator and is no header; delete"):
        read_table(written(tmp_path, f"{line}\nlabel;image\ncat;a.png\n"))


@pytest.mark.parametrize("ends", [",", ",,,"])
def test_rows_that_end_in_a_separator_are_named_and_not_called_an_index(tmp_path, ends):
    path = written(tmp_path, f"label,image{ends}\ncat,a.png{ends}\n\ndog,b.png{ends}\n")
    with pytest.raises(DataError, match=r"end in a separator.*delete it at the end of every row"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "index"),
    [(",label\n0,a\n", True), ("label,image,\na,b,c\n", False), ("label,,x\na,,c\n", False)],
)
def test_an_index_of_pandas_is_named_where_it_would_be(tmp_path, text, index):
    with pytest.raises(DataError, match="has a column without a name") as error:
        read_table(written(tmp_path, text))
    assert ("pandas" in str(error.value)) == index


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["my.csv", "my.jsonl"])
def test_an_encoding_of_several_bytes_a_letter_is_named(tmp_path, encoding, name):
    path = written(tmp_path, "label,image\ncat,a.png\n", name, encoding)
    with pytest.raises(DataError, match=f"it is {encoding[:6].upper()}, by the first bytes"):
        read_table(path)
