"""Reading results.json and records.json from a folder."""

from __future__ import annotations

import json

import pytest

from equimodal.errors import BalanceError
from equimodal.report.read.reading import read_records, read_results


def test_results_are_read_as_they_were_written(folder, results):
    assert read_results(folder) == results


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BalanceError, match=r"No folder .*none.*equimodal compare --out"):
        read_results(tmp_path / "none")


def test_a_file_in_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BalanceError, match="found a file"):
        read_results(tmp_path / "file")


def test_a_folder_without_results_says_what_to_run(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(BalanceError, match=r"no results\.json: found 1 other.*compare --out"):
        read_results(tmp_path)


def test_unfinished_runs_are_to_be_resumed(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(BalanceError, match=r"unfinished runs.*--resume --out"):
        read_results(tmp_path)


def test_results_one_folder_below_are_pointed_at(folder):
    with pytest.raises(BalanceError, match=r"found results in keypad\. Write: equimodal report"):
        read_results(folder.parent)


@pytest.mark.parametrize("content", ["", "{", '{"schema": "equimodal.results/1", "runs": [{'])
def test_truncated_results_say_so(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(
        BalanceError, match=rf"not complete JSON \({len(content)} bytes\).*--resume"
    ):
        read_results(tmp_path)


def test_bytes_that_are_no_text_are_damage(tmp_path):
    (tmp_path / "results.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BalanceError, match="not complete JSON"):
        read_results(tmp_path)


def test_another_schema_is_refused_by_name(tmp_path):
    (tmp_path / "results.json").write_text('{"schema": "equimodal.results/9"}')
    with pytest.raises(BalanceError, match=r"results\.json is not of .*equimodal\.results/9"):
        read_results(tmp_path)


def test_records_are_read(folder, results):
    records, problem = read_records(folder, results["runs"][-1])
    assert problem is None
    assert len(records["curves"]) == 12
    assert {entry["name"] for entry in records["decisions"]} >= {"gap", "strength"}


def test_a_run_without_a_folder_has_no_records_and_no_complaint(folder, results):
    run = results["runs"][0] | {"folder": None}
    assert read_records(folder, run) == ({"curves": [], "decisions": [], "diagnosis": []}, None)


def test_missing_records_become_a_sentence(folder, results):
    run = results["runs"][-1]
    (folder / run["folder"] / "records.json").unlink()
    records, problem = read_records(folder, run)
    assert records["curves"] == []
    assert problem is not None
    assert problem.startswith("relearn seed 2: no records.json")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"curves": 3}', '{"curves": [{}]}', '{"decisions": [{"epoch": 1}]}']
)
def test_damaged_records_become_a_sentence(folder, results, content):
    run = results["runs"][-1]
    (folder / run["folder"] / "records.json").write_text(content)
    records, problem = read_records(folder, run)
    assert records == {"curves": [], "decisions": [], "diagnosis": []}
    assert problem is not None
    assert "cannot be read" in problem


def test_a_run_folder_outside_the_results_is_not_read(folder, results):
    (folder.parent / "records.json").write_text(json.dumps({"curves": [{"epoch": 0}]}))
    records, problem = read_records(folder, results["runs"][-1] | {"folder": ".."})
    assert records["curves"] == []
    assert problem is not None
    assert "outside" in problem
