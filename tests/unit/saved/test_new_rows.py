"""New rows that lack columns, cells or values of training: each is told, none fails."""

import csv

import pytest

from equimodal import BalanceError, load
from equimodal.cli.main import main
from equimodal.saved.prediction_file import write_predictions
from equimodal.saved.rows import opened

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


def test_cells_that_are_missing_and_values_that_are_new_are_told(asked, capsys):
    found = asked("Age,pressure,sex,ward,smell\n30,120,F,A,1 2 3\n31,,f,7,1 2 3\n32,120,f,A,\n")

    age = "patient: age"
    assert [row["missing"] for row in found] == [age, f"{age}, patient: pressure", f"smell, {age}"]
    new = "patient: '{}' in '{}' is in no training row".format
    assert [row["unknown"] for row in found] == [new("F", "sex"), new("7", "ward"), ""]
    said = capsys.readouterr()
    assert f"2 rows have a value that training did not have, such as {new('F', 'sex')}" in said.out
    assert f"no row has {age}, which the model reads; the table has Age, which it" in said.err


def test_an_evaluation_counts_the_same_values(hospital, tmp_path, capsys):
    rows = "label,Age,pressure,sex,ward,smell\ncat,30,120,F,A,1 2 3\ndog,30,9,f,A,3 2 1\n"
    (tmp_path / "new.csv").write_text(rows)

    assert main(["evaluate", str(hospital[0] / "model"), str(tmp_path / "new.csv")]) == 0

    said = capsys.readouterr()
    assert "1 row has a value that training did not have, such as patient: 'F'" in said.out
    assert "no row has patient: age, which the model reads; the table has Age, which" in said.err


def test_the_count_of_new_values_survives_an_interruption(hospital, tmp_path, monkeypatch):
    monkeypatch.setattr("equimodal.saved.prediction.EVALUATION_ROWS", 2)
    monkeypatch.setattr("equimodal.saved.prediction_file._NOTED_EVERY", -1)
    (tmp_path / "new.csv").write_text("sex,smell\nX,1 2 3\nf,1 2 3\nf,1 2 3\nY,1 2 3\n")
    model = load(hospital[0] / "model")
    asked = (model, *opened(model, tmp_path / "new.csv", None), tmp_path / "p.csv")

    def kill(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(*asked, notify=kill)
    done = write_predictions(*asked, resume=True)

    assert (done.rows, done.unknown) == (4, 2)
    assert done.example == "patient: 'X' in 'sex' is in no training row"


def test_a_column_that_the_model_does_not_know_is_refused_by_name(hospital):
    model = load(hospital[0] / "model")

    with pytest.raises(BalanceError, match=r"no column 'Age'; write one of age, .*mean 'age'"):
        model.predict({"Age": ["30"], "smell": ["1 2 3"]})
