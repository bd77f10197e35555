"""Readers of other packages: the one that the page shows, and those that fail."""

import re
import sys

import numpy as np
import pytest

from equimodal import BalanceError, DataError, data, load
from equimodal.data.table.check.check import check
from equimodal.data.table.items.arrays import readers
from equimodal.saved.writing import write_model
from places import ROOT
from unit.data.table import media
from unit.saved.conftest import trained

PAGE = (ROOT / "docs" / "manifest.md").read_text()
(CODE,) = re.findall(r"```python\n# scans.py\n(.*?)```", PAGE, re.DOTALL)
DECLARED = "modalities:\n  chest: {kind: spectrogram, reader: scan}\n  words: {kind: text}\n"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts a package with the entry point of the page where this process and its readers look."""

    def found(code=CODE, name="scans", version="1.0", point="scan = scans:read"):
        place = tmp_path / f"site-{name}-{version}"
        info = place / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (place / "scans.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{readers.GROUP}]\n{point}\n")
        monkeypatch.syspath_prepend(place)
        forget()

    yield found
    forget()


def forget():
    readers.reader_named.cache_clear()
    sys.modules.pop("scans", None)


def table(folder, declared=DECLARED, count=24):
    """Scans of four by three levels that rise with the row, as the page's reader reads them."""
    rows = []
    for k in range(count):
        levels = np.arange(12) + 100 * (k % 2) + k
        np.concatenate([[4, 3], levels]).astype("<u2").tofile(folder / f"{k}.scan")
        rows.append([("cat", "dog")[k % 2], f"{k}.scan", f"a scan of {k}"])
    media.table(folder / "my.csv", rows, ("label", "chest", "words"))
    (folder / "my.yaml").write_text(declared)
    return folder / "my.csv"


def told(path):
    return [f"{found.code}: {found.line}" for found in check(path, jobs=1).problems]


def test_the_reader_of_the_page_is_named_by_a_declaration_and_by_a_model(installed, tmp_path):
    installed()
    path = table(tmp_path)

    assert told(path) == []
    source = data.load(str(path))
    assert source.modalities["chest"].shape == (1, 4, 3)
    assert source.settings["modalities"]["chest"]["package"] == "scans 1.0"
    plan, run = trained(tmp_path)
    write_model(tmp_path / "model", plan, run, tmp_path)
    model = load(tmp_path / "model")
    found = model.predict({"chest": ["3.scan", "4.scan"], "words": ["a", "b"]}, root=tmp_path)
    assert found.logits.isfinite().all() and not found.problems


def test_a_model_whose_reader_is_not_installed_says_so(installed, tmp_path, monkeypatch):
    installed()
    table(tmp_path)
    plan, run = trained(tmp_path)
    write_model(tmp_path / "model", plan, run, tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "site-scans" not in place])
    forget()
    with pytest.raises(BalanceError, match="an entry point of the group") as said:
        load(tmp_path / "model")
    assert "cannot be used" in str(said.value) and "found 'scan'" in str(said.value)


def test_another_version_of_the_package_reads_again(installed, tmp_path):
    installed()
    path = table(tmp_path)
    before = data.load(str(path)).settings["fingerprint"]
    installed(CODE.replace("content[2:]", "2 * content[2:]"), version="1.1")
    assert data.load(str(path)).settings["fingerprint"] != before


@pytest.mark.parametrize(("code", "said"), [
    ("def read(path):\n    raise KeyError('x')", "row 2, chest: cannot be read (KeyError"),
    ("def read(path):\n    return [1]", "became [1] by the reader 'scan', expected an array"),
    ("import numpy\ndef read(path):\n    return numpy.array([{}])", "(1,) and type object"),
    ("import os\ndef read(path):\n    os._exit(3)", "cannot be read: its reader died"),
    ("import numpy\ndef read(path):\n    return numpy.full((1, 2, 2), numpy.nan)", "not finite"),
    ("import numpy\ndef read(path):\n    return numpy.ones((2, 2, 2, 2))", "a spectrogram is"),
    ("import numpy\ndef read(path):\n    return numpy.broadcast_to(numpy.ones(1), (1, 9000, 9000))",
     "large: row 2, chest: became the shape (1, 9000, 9000)"),
])  # fmt: skip
def test_a_reader_that_fails_is_a_problem_of_the_row(installed, tmp_path, code, said):
    installed(code)
    problems = told(table(tmp_path, count=2))
    assert any(said in line for line in problems), problems


def test_two_packages_with_one_name_are_refused(installed, tmp_path):
    installed()
    installed(name="others")
    with pytest.raises(DataError, match=r"'scan' is in others 1\.0 and scans 1\.0; uninstall"):
        check(table(tmp_path), jobs=1)


@pytest.mark.parametrize(("code", "point", "said"), [
    ("import nothing_of_this_name", "scan = scans:read", "cannot be loaded (ModuleNotFoundError"),
    ("raise SystemExit", "scan = scans:read", "cannot be loaded (SystemExit"),
    ("read = 3", "scan = scans:read", "must be a function from a path to an array; found 3"),
    (CODE, "scam = scans:read", "(scam); found 'scan'. Did you mean 'scam'?"),
])  # fmt: skip
def test_a_package_that_cannot_be_used_is_one_error(installed, tmp_path, code, point, said):
    installed(code, point=point)
    with pytest.raises(DataError) as error:
        check(table(tmp_path), jobs=1)
    assert said in str(error.value)
