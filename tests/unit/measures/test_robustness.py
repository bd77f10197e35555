import pytest
import torch

from equimodal.measures.robustness import LEVELS, effective_weights, relative_weights


def test_relative_robustness_is_the_mean_height_of_the_curve():
    weights = relative_weights(LEVELS)
    assert weights.tolist() == pytest.approx([0.125, 0.25, 0.25, 0.25, 0.125])
    falls = 0.9 - 0.4 * torch.tensor(LEVELS, dtype=torch.float64)
    assert float(weights @ falls) == pytest.approx(0.7)  # of a straight line that at its middle


def test_levels_need_not_be_even_nor_end_at_all_of_it():
    weights = relative_weights((0.0, 0.1, 0.5))
    # Trapezoids of width 0.1 and 0.4 over a length of 0.5.
    assert weights.tolist() == pytest.approx([0.1, 0.5, 0.4])
    assert float(weights @ torch.full((3,), 0.6).double()) == pytest.approx(0.6)


def test_effective_robustness_is_what_is_left_above_joint_shifted_to_the_same_clean_score():
    levels = torch.tensor(LEVELS, dtype=torch.float64)
    row, joint = 0.9 - 0.2 * levels, 0.7 - 0.5 * levels
    shifted = joint + (row[0] - joint[0])
    expected = torch.trapezoid(row - shifted, levels)
    found = float(effective_weights(LEVELS) @ (row - joint))
    assert found == pytest.approx(float(expected)) == pytest.approx(0.15)


def test_a_better_clean_score_alone_is_no_effective_robustness():
    joint = torch.tensor([0.8, 0.7, 0.5, 0.3, 0.2]).double()
    assert float(effective_weights(LEVELS) @ ((joint + 0.1) - joint)) == pytest.approx(0.0)
