"""Rows by family, controls under their method."""

from __future__ import annotations

from equimodal.report.read.families import ALONE_STANDING, REFERENCES, families
from equimodal.report.read.rows import ordered_rows
from unit.report.synthetic import make_field


def test_every_row_stands_once_a_control_under_its_method(results):
    found = families(results)
    assert list(found) == [REFERENCES, "gradients", "sampling", "weights"]
    assert found["gradients"]["amss"] == ["amss-fixed"]
    assert found[REFERENCES]["joint"] == []


def test_a_whole_field_loses_no_row():
    results = make_field()
    found = families(results)
    rows = [row for rows in found.values() for r, below in rows.items() for row in (r, *below)]
    assert sorted(rows) == sorted(ordered_rows(results))
    assert found["gradients"]["amss"] == ["amss-fixed", "amss-scale", "amss-uniform"]


def test_a_control_without_its_method_stands_alone(build_results):
    found = families(build_results(rows=("joint", "dus-uniform", "mine")))
    assert found == {
        REFERENCES: {"joint": []},
        ALONE_STANDING: {"dus-uniform": []},
        "other": {"mine": []},
    }


def test_other_rates_of_joint_stand_under_joint(build_results):
    found = families(build_results(rows=("joint:half-lr", "joint")))
    assert found == {REFERENCES: {"joint": ["joint:half-lr"]}}
