"""Converts miniatures and reads what was written."""

import csv
import shutil
from collections import Counter

import pytest
import yaml

from equimodal.data.converters.convert import convert


@pytest.fixture
def manifest(tmp_path):
    """Converts a data set; -> its rows as dictionaries, its YAML, and the summary."""

    def run(name, root, *, allow_missing=False, resume=False, **settings):
        out = tmp_path / "out" / "my.csv"
        summary = convert(
            name,
            root=root,
            out=out,
            settings=settings,
            allow_missing=allow_missing,
            resume=resume,
            jobs=2,
        )
        with out.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return rows, yaml.safe_load(out.with_suffix(".yaml").read_text("utf-8")), summary

    return run


@pytest.fixture(scope="session")
def miniature(tmp_path_factory):
    """The folder of a data set in miniature, made once; not to be changed."""
    made = {}

    def folder(module):
        name = module.__name__.rpartition(".")[2]
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            module.write(made[name])
        return made[name]

    return folder


@pytest.fixture
def copied(miniature, tmp_path):
    """Copies a miniature, to be changed."""

    def copy(module):
        shutil.copytree(miniature(module), tmp_path / "copy")
        return tmp_path / "copy"

    return copy


def splits(rows):
    """How many rows each split has."""
    return Counter(row["split"] for row in rows)
