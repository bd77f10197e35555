"""A comparison as plain values, a CSV and a LaTeX table."""

from __future__ import annotations

import csv
import io

import pytest

from equimodal.errors import BalanceError
from equimodal.report import csv_text, latex, records
from equimodal.report.read.rows import ordered_rows


def test_every_row_has_a_record_with_the_numbers_of_the_summary(results):
    found = records(results)

    assert [record["row"] for record in found] == ordered_rows(results)
    assert len({tuple(record) for record in found}) == 1
    for record in found:
        summary = results["summary"][record["row"]]
        assert record["accuracy"] == summary["accuracy"]["mean"]
        assert record["accuracy_sd"] == summary["accuracy"]["sd"]
        told = summary["difference_to_joint"]
        assert record["difference_to_joint"] == (told and told["mean"])
        assert record["difference_to_joint_high"] == (told and told["high"])
        for m in results["data"]["modalities"]:
            spread = summary["probe_accuracy"].get(m)
            assert record[f"probe: {m}"] == (spread and spread["mean"])
        assert record["n"] == summary["n"]


def test_the_csv_reads_back_as_the_records(results):
    found = list(csv.DictReader(io.StringIO(csv_text(results))))

    for read, record in zip(found, records(results), strict=True):
        assert read == {name: "" if v is None else str(v) for name, v in record.items()}


def test_every_line_of_the_latex_table_has_as_many_cells(results):
    lines = [line for line in latex(results).splitlines() if line.endswith("\\\\")]

    assert len(lines) == 1 + len(ordered_rows(results))
    assert len({line.replace("\\&", "").count("&") for line in lines}) == 1
    assert lines[0].startswith("row & accuracy & ")
    assert "$\\pm$" in lines[1]


def test_signs_of_latex_are_escaped(build_results):
    results = build_results(rows=("joint", "a_b\\input{x}%$&#~^"))

    assert (
        "\na\\_b\\textbackslash{}input\\{x\\}\\%\\$\\&\\#\\textasciitilde{}\\textasciicircum{} & "
        in latex(results)
    )


@pytest.mark.parametrize("write", [records, csv_text, latex])
def test_what_is_no_comparison_is_refused(write):
    with pytest.raises(BalanceError):
        write({"schema": "equimodal.results/2"})
