"""Each miniature has the official layout, so far that the converter reads it."""

import importlib

import pytest

from equimodal.data import converters, miniatures
from equimodal.data.converters.convert import convert
from equimodal.errors import BalanceError, DataError


@pytest.mark.parametrize("name", ["cmu-mosei", "sarcasm"])
def test_a_miniature_is_written_by_the_name_of_its_data_set(name, tmp_path):
    (tmp_path / "root").mkdir()
    miniatures.write(name, tmp_path / "root")
    summary = convert(name, root=tmp_path / "root", out=tmp_path / "all.csv")
    assert set(summary.counts) == {"train", "validation", "test"}


def test_every_converter_has_a_miniature():
    for name in converters.names():
        module = name.replace("-", "_")
        assert importlib.import_module(f"equimodal.data.miniatures.{module}").write


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(BalanceError, match=r"no converter 'cremed'.*Did you mean 'cremad'"):
        miniatures.write("cremed", tmp_path)


@pytest.mark.parametrize(("package", "name"), [("av", "cremad"), ("PIL", "sarcasm")])
def test_without_the_packages_that_write_media_one_line_says_what_to_install(
    package, name, tmp_path, monkeypatch
):
    def absent(module):
        if module.partition(".")[0] == package:
            raise ImportError(module)
        return importlib.import_module(module)

    monkeypatch.setattr("equimodal.data.table.reading.extras.import_module", absent)
    with pytest.raises(DataError, match=rf"{package}, which is not installed; .*equimodal\[data\]"):
        miniatures.write(name, tmp_path)
