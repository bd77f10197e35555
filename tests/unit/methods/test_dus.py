"""The heuristic sampler of DUS; the policy is in test_dus_policy.py."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from contract.training import PAIR, run, start, trained
from equimodal import BalanceError, Balancer, LinearSplit, methods
from equimodal.functional import cumulative_score, sample_counts
from equimodal.methods.dus import DUS
from equimodal.methods.dus_counts import divide, sampling_shares

THREE = ("linear", "convolutional", "gru")
SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=5)


def scores(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_cumulative_score_is_the_mean_of_all_scores():
    every = np.random.default_rng(0).random((50, 3))
    running = torch.zeros(3, dtype=torch.float64)
    for t, score in enumerate(torch.from_numpy(every), start=1):
        running = cumulative_score(running, score, t)
        assert running.tolist() == pytest.approx(every[:t].mean(0).tolist())


@given(
    values=SCORES, batch=st.integers(1, 70), least=st.integers(1, 70), parcel=st.integers(1, 20),
    gamma=st.floats(0.1, 8),
)  # fmt: skip
def test_the_budget_is_always_spent_and_the_minimum_respected(values, batch, least, parcel, gamma):
    assume(least <= batch)
    budget = batch * len(values)
    counts = sample_counts(
        scores(*values), budget, least, multiple=parcel, gamma=gamma, dead_zone=0.0
    )
    assert int(counts.sum()) == budget
    assert int(counts.min()) >= least
    assert counts.dtype == torch.int64


@given(values=SCORES, budget=st.integers(5, 200))
def test_the_higher_the_score_the_fewer_the_rows(values, budget):
    counts = sample_counts(scores(*values), budget, 1, dead_zone=0.0).tolist()
    for a, n in zip(values, counts, strict=True):
        for b, k in zip(values, counts, strict=True):
            if a > b + 1e-6:
                assert n <= k
    spread = (max(values) - min(values)) / max(sum(values), 1e-9) / (len(values) - 1)
    if spread * budget > 2:
        assert counts[values.index(max(values))] < counts[values.index(min(values))]


def test_the_rule_is_that_of_the_description():
    # n^a = N_B s^v / (s^a + s^v): 64 rows at scores .6 and .2 are 16 and 48.
    assert sample_counts(scores(0.6, 0.2), 64, 1).tolist() == [16, 48]
    assert sample_counts(scores(0.6, 0.2, 0.2), 60, 1).tolist() == [12, 24, 24]
    # gamma = 2: shares as .2^2 to .6^2.
    assert sample_counts(scores(0.6, 0.2), 100, 1, gamma=2).tolist() == [10, 90]
    assert sample_counts(scores(0.99, 0.01), 64, 8).tolist() == [8, 56]


@pytest.mark.parametrize("gamma", [2000.0, 1e300])
def test_the_weakest_gets_all_but_the_minima_however_sharp_the_rule(gamma):
    for kind in (torch.float32, torch.float64):
        two, three = scores(0.9, 0.3).to(kind), scores(0.9, 0.8, 0.3).to(kind)
        assert sample_counts(two, 128, 8, gamma=gamma).tolist() == [8, 120]
        assert sample_counts(three, 192, 8, gamma=gamma).tolist() == [8, 8, 176]


@pytest.mark.parametrize("multiple", [0, -8, 0.5])
def test_a_multiple_below_one_row_is_refused(multiple):
    with pytest.raises(BalanceError, match=r"multiple must be a whole number >= 1; found"):
        sample_counts(scores(0.9, 0.3), 128, 8, multiple=multiple)


def test_scores_in_the_dead_zone_share_alike():
    assert sample_counts(scores(0.505, 0.5), 1000, 1).tolist() == [500, 500]
    assert sample_counts(scores(0.52, 0.5), 1000, 1).tolist() == [490, 510]
    assert sample_counts(scores(0.505, 0.5), 1000, 1, dead_zone=0).tolist() == [498, 502]


@pytest.mark.parametrize("modalities", [2, 3, 5])
def test_scores_of_zero_and_scores_that_are_no_numbers_share_alike(modalities):
    for value in (0.0, math.nan):
        given = torch.full((modalities,), value)
        assert sample_counts(given, 16 * modalities, 2).tolist() == [16] * modalities
        shares = sampling_shares(given)
        torch.testing.assert_close(shares, torch.full((modalities,), 1 / modalities))


def test_counts_come_in_multiples_and_the_rest_goes_to_the_neediest():
    assert sample_counts(scores(0.6, 0.4), 128, 8, multiple=8).tolist() == [48, 80]
    assert sample_counts(scores(0.6, 0.4), 130, 8, multiple=8).tolist() == [48, 82]


def test_a_budget_below_the_minima_is_refused():
    with pytest.raises(BalanceError, match="budget of 10 rows cannot give 2 modalities 6 each"):
        divide(scores(0.5, 0.5), 10, 6)


def counts_of(training, epochs=3):
    run(training, epochs)
    records = training.balancer.decisions.drain()
    return [list(r["values"].values()) for r in records if r["name"] == "count"]


def test_the_first_epoch_is_a_warm_up_of_equal_counts_and_later_ones_spend_the_same_budget():
    counts = counts_of(start("dus"))
    assert counts[:6] == [[16, 16]] * 6
    assert [16, 16] not in counts[-6:]
    assert all(sum(n) == 32 and min(n) >= 2 and n[0] % 2 == 0 for n in counts)


def test_the_uniform_control_draws_equal_counts_from_unpaired_streams():
    training = start("dus-uniform")
    assert counts_of(training) == [[16, 16]] * 18
    _, targets = next(training.balancer.batches(training.data, batch_size=96))
    assert not torch.equal(targets["a"], targets["b"])
    assert training.balancer.setting.method.acted


def planned(*scores, name="dus", batch=64, kinds=PAIR, **settings):
    """Rows of the next iteration at the given cumulative scores."""
    training = start(name, kinds=kinds, settings={"warm_up": 0, **settings})
    training.balancer.setting.method.state["s_hat"] = torch.tensor(scores)
    _, targets = next(training.balancer.batches(training.data, batch_size=batch))
    return [len(y) for y in targets.values()]


def test_rows_of_an_iteration_by_default_are_those_of_the_card():
    # In eighths of 64, at least one: shares .25 and .75 of 128; then .01 and .99.
    assert planned(0.6, 0.2) == [32, 96]
    assert planned(0.99, 0.01) == [8, 120]
    # .9 of S = 1.2 leaves 1/8, 7/16, 7/16 of 192: 24, 84, 84; the last eighth to the first of two.
    assert planned(0.9, 0.15, 0.15, kinds=THREE) == [24, 88, 80]
    assert planned(0.508, 0.5) == planned(0.0, 0.0) == [64, 64]
    assert planned(0.52, 0.5, multiple=0) == [63, 65]  # 62.7 and 65.3


@pytest.mark.parametrize("batch", [8, 13, 16, 20, 30, 64])
def test_the_budget_is_spent_at_every_batch_size(batch):
    for kinds, scores in ((PAIR, (0.9, 0.2)), (THREE, (0.9, 0.2, 0.5))):
        rows = planned(*scores, batch=batch, kinds=kinds)
        assert sum(rows) == len(kinds) * batch
        assert min(rows) >= batch / 8
        assert rows[0] == min(rows) < rows[1] == max(rows)


def test_shrink_gives_rows_by_the_ratio_to_the_weakest():
    assert planned(0.6, 0.3, rule="shrink") == [32, 64]
    assert planned(0.6, 0.3, 0.4, kinds=THREE, rule="shrink") == [32, 64, 48]
    assert planned(0.99, 0.01, rule="shrink") == [8, 64]
    # 64 * .5 / .52 = 61.5, in eighths 64.
    assert planned(0.52, 0.5, rule="shrink", multiple=0) == [62, 64]
    assert planned(0.52, 0.5, rule="shrink") == [64, 64]
    # 15.5 of 31 rows are lost, 15 in threes.
    assert planned(0.6, 0.3, batch=31, rule="shrink") == [16, 31]


@pytest.mark.parametrize(("gamma", "rows"), [(0.5, 34), (1.0, 15), (2.0, 2)])
def test_tanh_shrinks_by_gamma_times_the_ratio_above_one(gamma, rows):
    # The ratio is 2, so 64 (1 - tanh(gamma)) rows: 34.4, 15.3, 2.3.
    found = planned(0.6, 0.3, rule="tanh", gamma=gamma, minimum=0.01, multiple=0)
    assert found == [rows, 64]


@pytest.mark.parametrize("rule", ["inverse", "shrink", "tanh"])
def test_a_dead_zone_holds_for_every_rule(rule):
    assert planned(0.508, 0.5, rule=rule, multiple=0) == [64, 64]
    assert planned(0.6, 0.52, rule=rule, dead_zone=0.1) == [64, 64]
    assert planned(0.6, 0.52, rule=rule, dead_zone=0.05) != [64, 64]


@pytest.mark.parametrize("rule", ["shrink", "tanh"])
def test_rules_that_shrink_never_take_rows_from_the_weakest(rule):
    assert planned(0.0, 0.5, rule=rule) == [64, 8]
    assert planned(1e-20, 0.5, rule=rule) == [64, 8]
    assert planned(math.nan, 0.5, rule=rule) == [64, 64]
    # Eighths of 29 and 31 are threes, which divide neither.
    assert planned(0.6, 0.3, batch=29, rule=rule)[1] == 29
    assert planned(0.6, 0.3, batch=31, rule=rule)[1] == 31


@pytest.mark.parametrize("rule", ["shrink", "tanh"])
def test_rules_that_shrink_leave_the_weakest_all_its_rows(rule):
    counts = counts_of(start("dus", settings={"rule": rule}))
    assert all(max(n) == 16 and min(n) >= 2 for n in counts)
    assert min(min(n) for n in counts) < 16


def test_batch_normalisation_raises_the_minimum_to_8_rows():
    training = start("dus", settings={"minimum": 0.01, "warm_up": 0, "gamma": 50.0})
    least = min(min(n) for n in counts_of(training))
    with_norm = start("dus")
    assert least < 8
    net = with_norm.model
    net.encoders["a"] = nn.Sequential(net.encoders["a"], nn.BatchNorm1d(6).double())
    with_norm.balancer.detach()
    balancer = Balancer(
        net, DUS(minimum=0.01, warm_up=0, gamma=50.0), {m: f"encoders.{m}" for m in "ab"},
        LinearSplit("head"),
    )  # fmt: skip
    with_norm.balancer = balancer
    with_norm.wrapped = net
    assert min(min(n) for n in counts_of(with_norm)) == 8


def test_an_epoch_takes_the_steps_of_paired_training_and_streams_run_on_over_its_end():
    training = start("dus", samples=50)
    batches = list(training.balancer.batches(training.data, batch_size=16))
    assert len(batches) == 4
    assert training.balancer.state_dict()["streams"] == {"a": [1, 14], "b": [1, 14]}


@pytest.mark.parametrize("plug_in", [False, True])
def test_two_ranks_take_the_steps_of_their_shards_whatever_the_number_of_samples(
    plug_in, monkeypatch
):
    monkeypatch.setattr("equimodal.parts.distributed.world_size", lambda: 2)
    training = start("dus", settings={"plug_in": plug_in}, samples=65)
    assert len(list(training.balancer.batches(training.data, batch_size=8))) == 4


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_an_exponential_mean_and_a_mean_of_each_epoch(decay):
    plain, ema, fresh = (
        trained("dus-uniform", epochs=2, settings=s).balancer.decisions.drain()
        for s in ({}, {"ema": decay}, {"reset_each_epoch": True})
    )

    def score_of_a(records):
        return [r["values"]["a"] for r in records if r["name"] == "score"]

    # Equal counts: the three trainings are one, and only the means differ.
    running = np.array(score_of_a(plain))
    raw = np.diff(running * np.arange(1, 13), prepend=0)
    slow, expected = raw[0], []
    for score in raw:
        slow = decay * slow + (1 - decay) * score
        expected.append(slow)
    assert score_of_a(ema) == pytest.approx(expected)
    assert score_of_a(fresh)[6:] == pytest.approx(np.cumsum(raw[6:]) / np.arange(1, 7))


def test_the_score_over_ranks_is_that_of_all_their_rows(monkeypatch):
    # The other rank has 8 rows a modality, whose true classes have the probabilities 1/4 and 3/4.
    other = torch.tensor([[2.0, 8.0], [6.0, 8.0]])
    alone, together = start("dus"), start("dus")
    run_one(alone)
    monkeypatch.setattr("equimodal.methods.dus.sum_over_ranks", lambda sums: sums + other)
    run_one(together)
    expected = (16 * alone.balancer.setting.method.state["s_hat"] + other[:, 0]) / 24
    torch.testing.assert_close(together.balancer.setting.method.state["s_hat"], expected)


def run_one(training):
    """The loss of one unpaired batch of 16 rows a modality."""
    inputs, targets = next(training.balancer.batches(training.data, batch_size=16))
    training.balancer.loss(training.model(inputs), targets)


def test_it_did_not_act_while_all_counts_were_equal():
    assert not trained("dus", epochs=1).balancer.setting.method.acted
    assert not trained("dus", settings={"dead_zone": 1.0}, epochs=2).balancer.setting.method.acted


@pytest.mark.parametrize(
    "wrong",
    [
        {"gamma": 0}, {"minimum": 0}, {"minimum": 1.1}, {"multiple": -1}, {"multiple": 2},
        {"dead_zone": -0.1}, {"warm_up": -1}, {"warm_up": 0.5}, {"ema": 0}, {"ema": 1},
        {"reduction": "sum"}, {"rule": "random"},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(BalanceError, match=f"DUS {next(iter(wrong))} must be .*found"):
        methods.create("dus", **wrong)
