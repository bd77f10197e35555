"""The bootstrap over seeds and samples."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equimodal.numerics.resampling import Resampled, estimate, group_sums, resampled_means


def table(rows, *columns, seed=0):
    draw = torch.Generator().manual_seed(seed)
    shares = torch.tensor(columns, dtype=torch.float64)
    return (torch.rand(rows, len(columns), generator=draw, dtype=torch.float64) < shares).double()


def test_the_spread_of_one_seed_is_the_standard_error_of_its_samples():
    hits = table(400, 0.5, 0.9)
    draws = resampled_means([hits], draws=2000, seed=0)
    expected = hits.std(0, correction=0) / 20
    assert draws.std(0).tolist() == pytest.approx(expected.tolist(), rel=0.1)
    assert draws.mean(0).tolist() == pytest.approx(hits.mean(0).tolist(), abs=0.005)


def test_seeds_that_differ_widen_the_interval_beyond_that_of_their_samples():
    alike = [torch.full((100, 1), 0.5, dtype=torch.float64)] * 4
    apart = [torch.full((100, 1), v, dtype=torch.float64) for v in (0.2, 0.4, 0.6, 0.8)]
    assert resampled_means(alike, draws=300, seed=0).std() == 0
    assert float(resampled_means(apart, draws=3000, seed=0).std()) == pytest.approx(
        torch.tensor([0.2, 0.4, 0.6, 0.8]).std(correction=0).item() / 2, rel=0.1
    )


def test_differences_are_paired_by_sample():
    hits = table(500, 0.5)[:, 0]
    sample = Resampled([{"one": hits, "other": hits}])
    assert sample.estimate("one", "other") == {"value": 0, "low": 0, "high": 0}
    assert "one" in sample and "third" not in sample


def test_seeds_may_have_different_numbers_of_samples():
    sample = Resampled([{"x": torch.ones(3)}, {"x": torch.zeros(700)}])
    assert sample.mean("x") == 0.5
    assert sample.column("x").unique().tolist() == [0, 0.5, 1]


def test_the_same_seed_draws_the_same_and_splitting_the_draws_changes_nothing_of_their_law(
    monkeypatch,
):
    hits = [table(50, 0.3), table(60, 0.4, seed=1)]
    assert torch.equal(
        resampled_means(hits, draws=40, seed=3), resampled_means(hits, draws=40, seed=3)
    )
    monkeypatch.setattr("equimodal.numerics.resampling._CELLS", 100)
    few = resampled_means(hits, draws=2000, seed=3)
    assert float(few.mean()) == pytest.approx(float(sum(h.mean() for h in hits) / 2), abs=0.01)


def test_an_interval_leaves_a_fortieth_out_on_each_side():
    found = estimate(0.5, torch.arange(0, 1001, dtype=torch.float64))
    assert found == pytest.approx({"value": 0.5, "low": 25, "high": 975})


@settings(max_examples=20, deadline=None)
@given(count=st.integers(20, 200), copies=st.integers(2, 5), seed=st.integers(0, 999))
def test_copies_of_a_sample_are_no_evidence_when_they_are_drawn_as_a_group(count, copies, seed):
    draw = torch.Generator().manual_seed(seed)
    single = torch.randn(count, 2, generator=draw, dtype=torch.float64)
    order = torch.randperm(copies * count, generator=draw)
    sources = torch.arange(count).repeat(copies)[order]
    copied = single[sources]

    alone = resampled_means([single], draws=2000, seed=seed).std(0)
    grouped = resampled_means([copied], groups=[sources], draws=2000, seed=seed).std(0)
    rows = resampled_means([copied], draws=2000, seed=seed).std(0)

    assert torch.allclose(grouped, alone, rtol=1e-9)
    # Of four copies the rows say half of it.
    assert (rows / alone).tolist() == pytest.approx([copies**-0.5] * 2, rel=0.12)


def test_the_mean_of_drawn_groups_is_that_of_their_samples_whatever_their_sizes():
    table = torch.tensor([[1.0], [2.0], [30.0], [400.0]], dtype=torch.float64)
    groups = torch.tensor([7, 7, 7, 2])
    # Group 2 holds 400, group 7 a sum of 33 over three: drawn 2 2, 2 7, 7 2 or 7 7.
    found = resampled_means([table], groups=[groups], draws=400, seed=0)
    assert found.unique().tolist() == [11.0, 433 / 4, 400.0]
    both = float((found == 433 / 4).double().mean())
    assert both == pytest.approx(0.5, abs=0.1)


def test_groups_are_those_of_each_seed():
    hits = table(40, 0.5)
    known = torch.arange(10).repeat(4)
    found = resampled_means([hits, hits], groups=[known, None], draws=500, seed=1)
    assert not torch.equal(found, resampled_means([hits, hits], draws=500, seed=1))
    sample = Resampled([{"x": hits[:, 0]}], groups=[known], draws=500, seed=1)
    expected = resampled_means([hits], groups=[known], draws=500, seed=1)
    assert torch.equal(sample.column("x"), expected[:, 0])


def test_a_single_group_is_resampled_by_its_samples():
    hits = table(40, 0.5)
    sums, sizes = group_sums(hits, torch.zeros(40, dtype=torch.int64))
    assert torch.equal(sums, hits) and torch.equal(sizes, torch.ones(40, dtype=torch.float64))
