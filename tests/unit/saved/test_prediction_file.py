"""A CSV of predictions that was killed at any moment ends as if it never was."""

import csv

import pytest

from equimodal import BalanceError
from equimodal.saved import prediction
from equimodal.saved.prediction_file import header, write_predictions
from equimodal.saved.rows import opened


class Killed(BaseException):
    pass


@pytest.fixture
def asked(made, model, monkeypatch):
    """Model, table and root, in blocks of 16 rows that are noted after each."""
    monkeypatch.setattr(prediction, "EVALUATION_ROWS", 16)
    monkeypatch.setattr("equimodal.saved.prediction_file._NOTED_EVERY", -1)
    return model, *opened(model, made[0] / "my.csv", None)


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_every_row_has_its_line_with_all_columns(asked, tmp_path):
    model, table, _ = asked
    done = write_predictions(*asked, tmp_path / "p.csv")

    names, *rows = read(tmp_path / "p.csv")
    assert names == header(model) == [
        "row", "label", "probability", "p(cat)", "p(dog)", "body: label", "body: probability",
        "words: label", "words: probability", "missing", "unknown", "problem",
    ]  # fmt: skip
    assert [int(row[0]) for row in rows] == table.rows
    assert (done.rows, done.unread) == (400, 0)
    for row in rows:
        assert float(row[3]) + float(row[4]) == pytest.approx(1, abs=1e-6)
        assert float(row[2]) == max(float(row[3]), float(row[4]))
        assert row[1] == ("cat" if float(row[3]) > float(row[4]) else "dog")
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


@pytest.mark.parametrize("at", [16, 32, 208, 400])
@pytest.mark.parametrize("torn", [b"", b"9,c", b"9,cat,0.9\r\n" * 50])
def test_a_killed_file_is_continued_without_a_row_lost_or_doubled(asked, tmp_path, at, torn):
    write_predictions(*asked, tmp_path / "whole.csv")

    def kill(done, total):
        if done == at:
            raise Killed

    with pytest.raises(Killed):
        write_predictions(*asked, tmp_path / "p.csv", notify=kill)
    assert not (tmp_path / "p.csv").exists()
    with open(tmp_path / ".p.csv.unfinished" / "rows.csv", "ab") as file:
        file.write(torn)
    with pytest.raises(BalanceError, match="--resume"):
        write_predictions(*asked, tmp_path / "p.csv")

    write_predictions(*asked, tmp_path / "p.csv", resume=True)

    assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not (tmp_path / ".p.csv.unfinished").exists()


def test_a_file_that_was_killed_at_its_end_is_done(asked, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(
            "equimodal.saved.prediction_file._closed", lambda *_: (_ for _ in ()).throw(Killed)
        )
        write_predictions(*asked, tmp_path / "p.csv")
    before = (tmp_path / "p.csv").read_bytes()

    done = write_predictions(*asked, tmp_path / "p.csv", resume=True)

    assert (done.rows, (tmp_path / "p.csv").read_bytes()) == (400, before)
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_other_rows_do_not_continue_a_file(asked, tmp_path):
    model, table, root = asked

    def kill(done, total):
        raise Killed

    with pytest.raises(Killed):
        write_predictions(*asked, tmp_path / "p.csv", notify=kill)
    table.columns["words"][0] = "something else"

    with pytest.raises(BalanceError, match="another table"):
        write_predictions(model, table, root, tmp_path / "p.csv", resume=True)


def test_what_is_there_is_never_overwritten(asked, tmp_path):
    (tmp_path / "p.csv").write_text("mine")

    for resume in (False, True):
        with pytest.raises(BalanceError, match="there already"):
            write_predictions(*asked, tmp_path / "p.csv", resume=resume)
    assert (tmp_path / "p.csv").read_text() == "mine"
    with pytest.raises(BalanceError, match="as a CSV"):
        write_predictions(*asked, tmp_path / "p.txt")
    with pytest.raises(BalanceError, match="no folder"):
        write_predictions(*asked, tmp_path / "none" / "p.csv")
