"""The page from a table to a model, from end to end: its code and its commands as they stand."""

import csv
import re
from pathlib import Path

import pytest

from equimodal.cli.main import main
from equimodal.comparison.engines import local, worker
from equimodal.experiments.choice import time_budget
from places import ROOT
from unit.experiments.choice.conftest import ThreadWorker, send

PAGE = (ROOT / "docs" / "from-table-to-model.md").read_text()
LINES = re.findall(r"^equimodal (.*)$", PAGE, re.MULTILINE)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder; runs are threads of this process, and a look at the clock takes seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIMODAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(worker, "_send", send)
    monkeypatch.setattr(local, "WorkerProcess", ThreadWorker)
    monkeypatch.setattr(ThreadWorker, "jobs", 0)
    monkeypatch.setattr(
        time_budget.TimeBudget, "spent", property(lambda _: 9.0 * ThreadWorker.jobs)
    )


def test_the_page_leads_from_a_table_to_a_model_that_others_run(here, capsys):
    pytest.importorskip("onnxruntime")
    make, use = blocks("python")
    exec(make, {})
    (declared,) = blocks("yaml")
    Path("patients.yaml").write_text(declared)

    for line in LINES:
        words = line.replace("--epochs 20", "--epochs 1").split()
        assert main(words) == 0, capsys.readouterr()
    exec(use, {})

    said = capsys.readouterr().out
    assert "No problem: this can be trained on." in said
    assert "200 rows judged" in said
    with open("predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open("new.csv", newline="") as file:
        asked = list(csv.DictReader(file, delimiter=";"))
    assert len(rows) == len(asked) == 20
    assert not any(row["problem"] for row in rows)
    assert all(0 <= float(row[f"p({label})"]) <= 1 for row in rows for label in ("cough", "fever"))
    files = [[m for m in ("photo", "voice") if not cells[m]] for cells in asked]
    assert any(files) and not all(files)
    parts = ("age", "pressure", "sex", "ward")
    for row, cells, gone in zip(rows, asked, files, strict=True):
        empty = [f"patient: {name}" for name in parts if not cells[name]]
        whole = ["patient"] if len(empty) == len(parts) else []
        assert row["missing"].split(", ") == ([*gone, *(whole or empty)] or [""])
