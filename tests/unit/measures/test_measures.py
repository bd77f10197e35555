"""Calibration, discrepancy, over-fitting, removal and coalitions, by hand and by slow loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equimodal.diagnosis.inside import contributions, inside_of, per_class
from equimodal.measures.calibration import calibration_error
from equimodal.measures.coalitions import coalition_logits, coalition_scores, sample_values, summed
from equimodal.measures.discrepancy import mean_scores
from equimodal.measures.generalisation import overfitting_to_generalisation
from equimodal.measures.removal import CHANGES, changed, drops
from equimodal.numerics.scores import discrepancy_ratios
from equimodal.numerics.shapley import shapley_values
from equimodal.parts.gradients import conflict, gradient_norm, gradient_shares


def logits(rows, classes, seed=0, scale=1.0):
    draw = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, classes, generator=draw, dtype=torch.float64)


def slow_calibration_error(z, labels, bins):
    total, rows = 0.0, len(labels)
    probabilities = z.softmax(1)
    for b in range(bins):
        inside = [
            i for i in range(rows) if b / bins < float(probabilities[i].max()) <= (b + 1) / bins
        ]
        if inside:
            right = sum(int(probabilities[i].argmax() == labels[i]) for i in inside)
            sure = sum(float(probabilities[i].max()) for i in inside)
            total += abs(right - sure) / rows
    return total


@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 20), st.integers(0, 99))
def test_calibration_error_is_that_of_a_slow_loop(rows, classes, bins, seed):
    z, labels = logits(rows, classes, seed, scale=3), torch.arange(rows) % classes
    found = calibration_error(z, labels, bins=bins)
    assert found == pytest.approx(slow_calibration_error(z, labels, bins), abs=1e-9)
    assert 0 <= found <= 1


def test_certainty_that_is_always_right_is_calibrated_and_always_wrong_is_not():
    z, labels = torch.tensor([[100.0, 0.0]] * 4), torch.zeros(4, dtype=torch.long)
    assert (calibration_error(z, labels), calibration_error(z, 1 - labels)) == (0, 1)


def test_a_confidence_on_the_edge_of_two_bins_belongs_to_the_lower_one():
    z = torch.tensor([[0.0, 0.0], [math.log(9), 0.0]], dtype=torch.float64)  # 0.5 and 0.9
    wrong_then_right = torch.tensor([1 - int(z[0].argmax()), 0])
    assert calibration_error(z, wrong_then_right, bins=2) == pytest.approx((0.5 + 0.1) / 2)


def test_discrepancy_ratios_of_two_are_inverse_and_of_equals_one():
    assert discrepancy_ratios(torch.tensor([0.6, 0.3])).tolist() == pytest.approx([2, 0.5])
    assert discrepancy_ratios(torch.tensor([0.4, 0.4, 0.4])).tolist() == pytest.approx([1, 1, 1])
    # The mean over pairs: (4.5 + 2.25) / 2.
    assert discrepancy_ratios(torch.tensor([0.9, 0.2, 0.4])).tolist()[0] == pytest.approx(3.375)


def test_mean_scores_are_mean_probabilities_of_the_true_class():
    z = {"a": torch.tensor([[0.0, math.log(3)]]), "b": torch.tensor([[0.0, 0.0]])}
    assert mean_scores(z, torch.tensor([1])).tolist() == pytest.approx([0.75, 0.5])


def test_overfitting_to_generalisation_by_hand():
    # Training falls by 2, validation by 1: overfitting grows by 1, generalisation by 1.
    assert overfitting_to_generalisation((3.0, 3.0), (1.0, 2.0)) == 1
    assert overfitting_to_generalisation((3.0, 3.0), (2.0, 2.0)) == 0
    assert overfitting_to_generalisation((3.0, 3.0), (1.0, 3.5)) == math.inf


def test_norms_shares_and_cosines_by_hand():
    gradients = [torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])]
    assert (float(gradient_norm(gradients)), float(gradient_norm([]))) == (5, 0)
    assert gradient_shares(torch.tensor([3.0, 1.0])).tolist() == [0.75, 0.25]
    assert float(conflict([torch.tensor([1.0, 0.0])], [torch.tensor([-2.0, 0.0])])) == -1
    assert float(conflict([torch.tensor([1.0, 0.0])], [torch.tensor([0.0, 2.0])])) == 0
    assert gradient_shares(torch.zeros(2)).isnan().all()


def parts(rows=50, classes=3, count=3, seed=0):
    labels = torch.arange(rows) % classes
    told = torch.nn.functional.one_hot(labels, classes).double()
    return {
        m: logits(rows, classes, seed + i) + 2 * i * told for i, m in enumerate("abc"[:count])
    }, labels


def test_a_coalition_sees_the_others_at_their_mean():
    given_parts, _ = parts()
    found = coalition_logits(summed, given_parts, 0b101)
    expected = given_parts["a"] + given_parts["b"].mean(0) + given_parts["c"]
    assert torch.allclose(found, expected, atol=1e-12)


def test_the_values_of_each_sample_sum_to_what_all_add_to_a_blind_guess():
    given_parts, labels = parts()
    worth = coalition_scores(summed, given_parts, labels)
    sampled = sample_values(summed, given_parts, labels)
    for found in (sampled, shapley_values(worth)):
        assert found.shape == (3, 2, 50)
        assert torch.allclose(found.sum(0), worth[-1] - worth[0], atol=1e-9)


def test_seven_modalities_are_sampled_and_still_sum_to_the_total():
    labels = torch.arange(20) % 3
    given_parts = {m: logits(20, 3, i) for i, m in enumerate("abcdefg")}
    found = contributions(summed, given_parts, labels)
    total = sum(found[f"shapley/accuracy/{m}"] for m in given_parts)
    right = (summed(given_parts).argmax(1) == labels).double()
    blind = (coalition_logits(summed, given_parts, 0).argmax(1) == labels).double()
    assert torch.allclose(total, right - blind, atol=1e-9)
    assert not any(name.startswith("interaction") for name in found)
    spans = inside_of(summed, given_parts, given_parts, labels).measured["sampling"]["accuracy"]
    for m, span in spans.items():
        assert span["low"] <= float(found[f"shapley/accuracy/{m}"].mean()) <= span["high"]
        assert span["low"] < span["high"]


def test_a_modality_of_equal_rows_is_missed_by_nobody():
    given_parts, labels = parts()
    given_parts["a"] = given_parts["a"][:1].expand(50, -1)
    found = drops(summed, given_parts, labels)
    assert {change: found[change]["a"] for change in CHANGES} == dict.fromkeys(CHANGES, 0.0)
    assert all(found[change]["c"] > 0.1 for change in CHANGES)


def test_shuffling_keeps_the_rows_and_noise_keeps_their_mean():
    rows = logits(200, 4)
    shuffled = changed(rows, "shuffled", seed=1)
    noised = changed(rows, "noised", seed=1)
    assert torch.equal(shuffled.sort(0).values, rows.sort(0).values)
    assert not torch.equal(shuffled, rows)
    assert torch.allclose(noised.mean(0), rows.mean(0), atol=1e-12)
    assert torch.allclose(noised.var(0), 2 * rows.var(0), rtol=0.4)


def test_the_measures_of_a_split_have_a_value_for_each_modality():
    given_parts, labels = parts()
    found = inside_of(summed, given_parts, given_parts, labels).measured
    assert set(found) == {"drop", "calibration_error", "discrepancy_ratio"}
    assert list(found["discrepancy_ratio"]) == ["a", "b", "c"]
    assert found["discrepancy_ratio"]["c"] > 1 > found["discrepancy_ratio"]["a"]


def test_a_class_without_a_sample_has_no_value():
    values, labels = torch.tensor([1.0, 0.0, 0.5]), torch.tensor([0, 0, 2])
    assert per_class(values, labels, 3) == [0.5, None, 0.5]
