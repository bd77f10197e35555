"""Lists are read as they are: line ends, byte-order marks, quotes, characters like line ends."""

import pytest

from equimodal.data.converters.layout import Layout
from equimodal.data.information import Facts
from equimodal.errors import DataError

FACTS = Facts(licence="none", origin="somewhere", files=("list.txt", "videos/*.avi"))


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path, FACTS)


def write(layout, content):
    (layout.root / "list.txt").write_bytes(content.encode())


def test_only_line_feeds_end_a_line(layout):
    write(layout, "\ufeffone\u2028still one\r\n\r\ntwo \x85 still two\nthree")

    assert layout.lines("list.txt") == [
        "one\u2028still one",
        "two \x85 still two",
        "three",
    ]


def test_cells_may_hold_ends_of_lines_where_they_are_quoted(layout):
    write(layout, 'a,"b\nb",c\u2028c\n\n"d ""e""",f,g\n')

    assert layout.cells("list.txt", 3) == [["a", "b\nb", "c\u2028c"], ['d "e"', "f", "g"]]


def test_without_quoting_a_quote_is_a_character(layout):
    write(layout, '"a\tb\nc"\td\n')

    assert layout.cells("list.txt", 2, delimiter="\t", quoted=False) == [['"a', "b"], ['c"', "d"]]


def test_an_error_says_what_was_expected_what_is_there_and_where_to_get_it(layout):
    for number in range(10):
        (layout.root / f"{number}.avi").touch()
    (layout.root / "videos").mkdir()

    said = str(layout.error("is odd"))

    assert said == (
        f"'{layout.root}' is odd. Expected there: list.txt, videos/*.avi; found 0.avi, 1.avi, "
        "2.avi, 3.avi, 4.avi, 5.avi, 6.avi, 7.avi and 3 more. Get it from somewhere."
    )


def test_files_are_found_in_all_folders_but_those_that_were_made(layout):
    for name in ("b/x.avi", "a.AVI", "derived/flow/y.avi", "b/.hidden.avi", "b/z.mp4"):
        (layout.root / name).parent.mkdir(parents=True, exist_ok=True)
        (layout.root / name).touch()

    assert layout.files("", [".avi"]) == ["a.AVI", "b/x.avi"]


def test_a_folder_in_the_place_of_a_file_is_a_problem(layout):
    (layout.root / "videos").mkdir()

    assert layout.problem("videos") == "no file"
    assert layout.problem("list.txt") == "missing"
    with pytest.raises(DataError, match=r"holds no list\.txt or videos"):
        layout.file("list.txt", "videos")
