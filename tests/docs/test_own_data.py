"""The table that the README shows is checked and compared by the commands beside it."""

import json
import re
from pathlib import Path

from cli.conftest import without_workers
from equimodal.cli.main import main
from equimodal.data.table.reading.declaration import KEYS
from equimodal.data.table.reading.findings import PROBLEMS, WARNINGS
from equimodal.data.table.reading.settings import KINDS
from places import ROOT
from unit.data.table import media

__all__ = ["without_workers"]

SECTION = (ROOT / "README.md").read_text().partition("## Your own data")[2].partition("\n## ")[0]
PAGE = (ROOT / "docs" / "manifest.md").read_text()


def test_the_table_written_by_hand_is_checked_trained_on_and_compared(
    tmp_path, monkeypatch, without_workers, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIMODAL_CACHE", str(tmp_path / "cache"))
    (table,) = re.findall(r"```csv\n(.*?)```", SECTION, flags=re.DOTALL)
    Path("my.csv").write_text(table)
    for seed, path in enumerate(re.findall(r"\w+/\w+\.\w+", table)):
        Path(path).parent.mkdir(exist_ok=True)
        maker = media.wav if path.endswith(("wav", "flac")) else media.png
        maker(path, seed=seed)
    check, compare = re.findall(r"^equimodal (.*?)  ", SECTION, flags=re.MULTILINE)

    assert main(check.split()) == 0
    assert main([*compare.split(), "--epochs", "1", "--seeds", "0,"]) == 0

    results = json.loads(Path("results/my/results.json").read_text())
    assert results["data"]["sizes"] == {"train": 4, "validation": 2, "test": 2}
    assert {run["status"] for run in results["runs"]} == {"finished"}
    assert Path("results/my/report.html").exists()


def test_the_page_names_every_kind_setting_key_and_finding():
    shown = set(re.findall(r"`([^`\n]+?):?`", PAGE)) | set(re.findall(r"^(\w+):", PAGE, re.M))
    settings = {name for kind in KINDS.values() for name in kind.settings}

    assert {*KINDS, *settings, *KEYS, *PROBLEMS, *WARNINGS} - shown == set()


def test_the_declaration_on_the_page_is_understood(tmp_path):
    from equimodal.data.table.reading.declaration import read_declaration

    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "my.yaml").write_text(text.replace("split: part", ""))

    found = read_declaration(tmp_path / "my.csv")

    assert (found.label, found.group, found.allow) == (("word",), "speaker", ("typo",))
    assert list(found.modalities) == ["picture", "sound", "text", "body"]
