"""The tables of numbers and several labels, in little."""

import importlib.util
from pathlib import Path

import pytest
import torch

from equimodal import Regression

_SPEC = importlib.util.spec_from_file_location(
    "other_targets", Path(__file__).parents[2] / "benchmarks" / "other_targets.py"
)
tables = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tables)


def test_every_method_is_held_against_joint_and_its_first_control():
    lines = tables.table(tables.labelled(), ["joint", "relearn", "relearn-fixed"], range(2), 1)
    cells = {line.split("`")[1]: line.split("|")[2:5] for line in lines[2:]}
    assert [c.strip() for c in cells["joint"][1:]] == ["-", "-"]
    assert "[" in cells["relearn"][1] and "[" in cells["relearn"][2]
    assert "[" in cells["relearn-fixed"][1] and cells["relearn-fixed"][2].strip() == "-"


def test_goodness_is_a_share_of_what_there_is_to_tell():
    labels = tables.labelled()
    assert float(labels.goodness(2.0 * labels.test.target - 1).mean()) == 1
    numbers = torch.tensor([[1.0], [2.0], [3.0]])
    problem = labels._replace(task=Regression(), test=tables.Rows({}, numbers))
    assert float(problem.goodness(numbers).mean()) == 1
    assert float(problem.goodness(torch.full((3, 1), 2.0)).mean()) == pytest.approx(0, abs=1e-6)


def test_the_generated_labels_can_be_told_by_the_stronger_modalities():
    problem = tables.labelled()
    good = {m: float(g.mean()) for m, g in tables.trained(problem, "joint", 0, 3).items()}
    assert good["fused"] > good["strong"] - 0.02 > 0.65
