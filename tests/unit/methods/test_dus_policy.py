import math

import pytest
import torch

from equimodal.methods.dus_policy import Policy, policy_loss, window_reward


class Watched(Policy):
    """Keeps every reward."""

    def _advantage(self, reward):
        self.__dict__.setdefault("rewards", []).append(reward)
        return super()._advantage(reward)


def policy(modalities=2, *, hold=1, every=4, lr=0.01, entropy=0.01, kind=Policy):
    return kind(modalities, hold=hold, every=every, lr=lr, entropy=entropy)


def draw(seed):
    return torch.Generator().manual_seed(seed)


def train(chosen, speeds, iterations, *, seed=0):
    """Scores that rise with the rows given, at ``speeds``. Shares of every iteration."""
    scores, noise, given = torch.full((len(speeds),), 0.1), draw(1000 + seed), []
    for t in range(iterations):
        shares = chosen.shares(scores, draw(seed * 100_000 + t))
        given.append(shares)
        chosen.observe(scores + 0.001 * torch.randn(len(speeds), generator=noise))
        scores = scores + torch.tensor(speeds) * shares * (1 - scores)
    return torch.stack(given)


def test_reward_is_the_fall_of_the_gap_plus_the_mean_rise():
    before, after = torch.tensor([0.2, 0.5, 0.9]), torch.tensor([0.4, 0.5, 0.9])
    assert window_reward(before, after) == pytest.approx((0.7 - 0.5) + 0.2 / 3)
    assert window_reward(before, before) == 0


def test_reward_does_not_depend_on_the_order_of_the_modalities():
    before, after = torch.tensor([0.2, 0.5]), torch.tensor([0.6, 0.4])
    assert window_reward(before, after) == window_reward(before.flip(0), after.flip(0))


def test_loss_equals_a_loop_over_windows_and_choices():
    logits = torch.randn(3, 2, 5, generator=draw(0))
    log_p = torch.log_softmax(logits, 2)
    actions, advantages = torch.tensor([[0, 4], [2, 2], [1, 3]]), torch.tensor([1.0, -0.5, 2.0])
    expected = 0.0
    for w in range(3):
        for h in range(2):
            p = [math.exp(x) / sum(map(math.exp, logits[w, h].tolist()))
                 for x in logits[w, h].tolist()]  # fmt: skip
            expected -= float(advantages[w]) * math.log(p[actions[w, h]]) / 3
            expected -= 0.1 * -sum(x * math.log(x) for x in p) / 3
    assert float(policy_loss(log_p, actions, advantages, 0.1)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_begins_with_every_option_equally_likely(modalities):
    chosen = policy(modalities)
    inputs = 2 * modalities + modalities * (modalities - 1) // 2
    chances = chosen.log_probabilities(torch.randn(6, inputs, generator=draw(0))).exp()
    choices = 1 if modalities == 2 else modalities
    assert torch.allclose(chances, torch.full((6, choices, 5), 0.2))


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_shares_are_positive_and_sum_to_one(modalities):
    given = train(policy(modalities), [0.01] * modalities, 60)
    assert torch.allclose(given.sum(1), torch.ones(60))
    assert given.min() > 0
    assert given.std() > 0


def test_an_action_is_held_for_a_window():
    given = train(policy(hold=5), [0.01, 0.01], 50).view(10, 5, 2)
    assert (given == given[:, :1]).all()
    assert len({tuple(w.tolist()) for w in given[:, 0]}) > 1


def test_an_action_is_rewarded_by_the_windows_before_and_after_it():
    chosen = policy(hold=2, kind=Watched)
    means = [torch.tensor(m) for m in ([0.1, 0.3], [0.2, 0.5], [0.2, 0.6], [0.5, 0.7])]
    for window, mean in enumerate(means):
        for offset in (-0.05, 0.05):
            chosen.shares(mean, draw(window))
            chosen.observe(mean + offset)
    expected = [window_reward(means[0], means[2]), window_reward(means[1], means[3])]
    assert chosen.rewards == pytest.approx(expected, abs=1e-6)
    kept = chosen.state_dict()["memory"]["pending"]
    assert [entry[0][:2] for entry in kept] == [pytest.approx(m.tolist()) for m in means[1:3]]


def test_learns_once_every_few_windows():
    chosen = policy(hold=3, every=4)
    train(chosen, [0.01, 0.01], 3 * (2 + 4 * 5))
    assert chosen.updates == 5


@pytest.mark.parametrize("slow", [0, 1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gives_more_rows_to_the_slow_modality(slow, seed):
    speeds = [0.02, 0.02]
    speeds[slow] = 0.004
    given = train(policy(), speeds, 600, seed=seed)
    assert given[-200:, slow].mean() > 0.6


@pytest.mark.parametrize("slow", [0, 1, 2])
def test_gives_more_rows_to_the_slowest_of_three(slow):
    speeds = [0.03, 0.03, 0.03]
    speeds[slow] = 0.006
    given = train(policy(3), speeds, 800)
    assert given[-200:, slow].mean() > 0.45


def test_continues_exactly_from_a_saved_state():
    first, second = policy(hold=2), policy(hold=2)
    train(first, [0.02, 0.004], 37)
    saved = first.state_dict()
    after = train(first, [0.02, 0.004], 40, seed=1)
    second.load_state_dict(saved)
    assert torch.equal(train(second, [0.02, 0.004], 40, seed=1), after)
    assert second.updates == first.updates


def test_a_saved_state_does_not_change_when_training_goes_on():
    first, second = policy(), policy()
    train(first, [0.02, 0.004], 30)
    saved = first.state_dict()
    step = saved["optimizer"]["state"][0]["exp_avg"].clone()
    train(first, [0.02, 0.004], 30, seed=1)
    second.load_state_dict(saved)
    train(second, [0.02, 0.004], 30, seed=1)
    assert torch.equal(saved["optimizer"]["state"][0]["exp_avg"], step)


def test_scores_that_are_not_numbers_teach_nothing():
    chosen = policy()
    train(chosen, [0.02, 0.004], 20)
    before = chosen.updates
    for t in range(20):
        shares = chosen.shares(torch.tensor([math.nan, 0.5]), draw(t))
        assert torch.allclose(shares.sum(), torch.tensor(1.0))
        chosen.observe(torch.tensor([math.nan, 0.5]))
    assert chosen.updates == before
    train(chosen, [0.02, 0.004], 20)
    weights = chosen.state_dict()["weights"]
    assert all(torch.isfinite(w).all() for w in weights)
    assert chosen.updates > before
