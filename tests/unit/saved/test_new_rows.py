"""New rows that lack columns, cells or values of training: each is told, none fails."""

import csv

import pytest

from equimodal import BalanceError, load
from equimodal.cli.main import main

ROWS = "age,pressure,sex,smell\n30,120,f,1 2 3\n,,,3 2 1\n"
"""Without the column ward."""


@pytest.fixture
def asked(hospital, tmp_path):
    """Writes a table, and returns the lines that the command line predicts of it."""

    def ask(content):
        (tmp_path / "new.csv").write_text(content)
        line = ["predict", str(hospital[0] / "model"), str(tmp_path / "new.csv"), "--out"]
        assert main([*line, str(tmp_path / "p.csv")]) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv", "p.csv"]
        with open(tmp_path / "p.csv", newline="") as file:
            return list(csv.DictReader(file))

    return ask


def test_rows_without_a_column_are_predicted_on_the_command_line(asked):
    found = asked(ROWS)

    assert [row["problem"] for row in found] == ["", ""]
    assert all(float(row["smell: probability"]) for row in found)
    assert [bool(row["patient: label"]) for row in found] == [True, False]


def test_a_row_without_any_cell_keeps_its_line(asked, hospital):
    found = asked("age;pressure;sex;ward;smell\n30;120;f;A;1 2 3\n;;;;\n\n30;120;f;A;1 2 3\n;;;;\n")

    assert [row["row"] for row in found] == ["2", "3", "5", "6"]
    assert [row["problem"] for row in found] == ["", "has no modality at all"] * 2


@pytest.mark.parametrize("rows", [5, None, ["new.csv"], b"new.csv"])
def test_rows_that_are_neither_a_path_nor_columns_are_refused(hospital, rows):
    model = load(hospital[0] / "model")

    for asked in (model.predict, model.inputs):
        with pytest.raises(BalanceError, match="rows must be a path or columns by name"):
            asked(rows)
