"""Ranks over blocks. Quantiles and the first example are from Demsar's paper (2006)."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

import pytest

from equimodal.report.charts.rank_chart import rank_chart, rank_sentence, row_ranking
from equimodal.report.read.ranks import (
    ENOUGH_BLOCKS,
    critical_difference,
    friedman_probability,
    ranking,
)

NEMENYI = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 10: 3.164}


@pytest.mark.parametrize(("rows", "quantile"), NEMENYI.items())
def test_the_critical_difference_has_the_quantiles_of_the_table(rows, quantile):
    wanted = quantile * sqrt(rows * (rows + 1) / (6 * 14))
    assert critical_difference(rows, 14) == pytest.approx(wanted, abs=1e-3)


def test_the_probability_is_that_of_the_f_distribution():
    # chi = 2, F = 1 with 2 and 6 degrees of freedom, whose tail is (1 + 2 / 6) ** -3.
    assert friedman_probability([1.5, 2.0, 2.5], 4) == pytest.approx(27 / 64)


def test_the_published_example_differs_at_five_percent_and_not_at_one():
    assert 0.01 < friedman_probability([3.143, 2.000, 2.893, 1.964], 14) < 0.05


def test_rows_in_the_same_order_in_every_block_leave_no_doubt():
    assert friedman_probability([1.0, 2.0, 3.0], 5) == 0.0


def test_rows_that_are_equal_everywhere_are_not_told_apart():
    scores = {row: dict.fromkeys(range(5), 0.5) for row in "abc"}
    found = ranking(scores)
    assert found.ranks == {"a": 2.0, "b": 2.0, "c": 2.0}
    assert found.probability == 1.0


def test_higher_scores_have_lower_ranks_and_equal_ones_share_theirs():
    scores = {"a": {0: 0.1, 1: 0.2}, "b": {0: 0.9, 1: 0.2}, "c": {0: 0.5, 1: 0.7}}
    assert ranking(scores).ranks == {"c": 1.5, "b": 1.75, "a": 2.75}


def test_only_blocks_that_every_row_has_are_ranked():
    found = ranking({"a": {0: 0.1, 1: 0.9, 2: 0.9}, "b": {0: 0.5, 3: 0.1}})
    assert (found.ranks, found.blocks) == ({"b": 1.0, "a": 2.0}, 1)


@pytest.mark.parametrize("scores", [{}, {"a": {0: 0.5}}, {"a": {0: 0.5}, "b": {1: 0.5}}])
def test_without_two_rows_in_one_block_there_is_no_ranking(scores):
    assert ranking(scores) is None


def test_few_blocks_are_not_tested():
    scores = {"a": dict.fromkeys(range(4), 0.9), "b": dict.fromkeys(range(4), 0.1)}
    found = ranking(scores)
    assert (found.probability, found.difference) == (None, None)


def test_the_page_says_what_the_blocks_are_and_that_three_are_too_few(results):
    told = rank_sentence(row_ranking(results), "accuracy")
    assert "each of 3 blocks" in told
    assert "one seed on this one data set" in told
    assert f"Use --seeds {ENOUGH_BLOCKS} or more" in told
    marks = rank_chart(results, row_ranking(results)).panels[0].marks
    assert all(mark.low is None for (mark,) in marks.values())


def test_lines_of_rows_that_are_told_apart_do_not_overlap(build_results):
    results = build_results(seeds=range(5))
    found = row_ranking(results)
    drawn = rank_chart(results, found)
    assert "Friedman" in rank_sentence(found, "accuracy")
    assert drawn.rows == list(found.ranks)
    lines = {row: drawn.panels[0].marks[row][0] for row in drawn.rows}
    for one, other in combinations(drawn.rows, 2):
        apart = found.ranks[other] - found.ranks[one] >= found.difference
        assert apart == (lines[one].high <= lines[other].low)
    assert not {"untrained", "alone:sound"} & set(found.ranks)
