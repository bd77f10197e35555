"""Fixtures on a synthetic comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unit.report.synthetic import Results, make_results, write_folder


@pytest.fixture
def build_results() -> Callable[..., Results]:
    return make_results


@pytest.fixture
def results() -> Results:
    return make_results()


@pytest.fixture
def folder(tmp_path: Path, results: Results) -> Path:
    return write_folder(tmp_path / "keypad", results)
