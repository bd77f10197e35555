"""The learned sampler of DUS: the policy by itself, and in a training."""

import math

import pytest
import torch

from contract.training import run, start, trained
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


def test_a_rise_of_the_slow_modality_counts_three_halves_and_of_the_fast_minus_a_half():
    before = torch.tensor([0.25, 0.5], dtype=torch.float64)
    assert window_reward(before, before + torch.tensor([0.1, 0.0])) == pytest.approx(0.15)
    assert window_reward(before, before + torch.tensor([0.0, 0.1])) == pytest.approx(-0.05)


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


def test_the_state_is_the_scores_their_differences_and_the_shares_in_force():
    chosen = policy()
    first = chosen.shares(torch.tensor([0.2, 0.5]), draw(2))
    assert first[0] != 0.5
    assert seen(chosen) == pytest.approx([0.2, 0.5, -0.3, 0.5, 0.5])
    chosen.observe(torch.tensor([0.2, 0.5]))
    chosen.shares(torch.tensor([0.6, 0.5]), draw(1))
    assert seen(chosen) == pytest.approx([0.6, 0.5, 0.1, *first.tolist()])
    three = policy(3)
    three.shares(torch.tensor([0.2, 0.5, 0.9]), draw(0))
    assert seen(three) == pytest.approx([0.2, 0.5, 0.9, -0.3, -0.7, -0.4, *[1 / 3] * 3])


def seen(chosen):
    return chosen.state_dict()["memory"]["current"][0]


def test_options_are_shares_of_the_first_of_two_and_multipliers_of_more():
    options, multipliers = (1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6), (0.25, 0.5, 1.0, 1.5, 2.0)
    for seed in range(10):
        two, three = policy(), policy(3)
        share = two.shares(torch.zeros(2), draw(seed)).tolist()
        (action,) = two.state_dict()["memory"]["current"][1]
        assert share == pytest.approx([options[action], 1 - options[action]])
        shares = three.shares(torch.zeros(3), draw(seed)).tolist()
        wanted = [multipliers[a] for a in three.state_dict()["memory"]["current"][1]]
        assert shares == pytest.approx([w / sum(wanted) for w in wanted])


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


@pytest.mark.parametrize(("iterations", "steps"), [(300, 7), (3000, 74)])
def test_iterations_after_the_warm_up_hold_the_steps_of_the_card(iterations, steps):
    chosen = policy(hold=10)
    for _ in range(30):
        chosen.observe(torch.tensor([0.1, 0.1]))
    train(chosen, [0.01, 0.01], iterations)
    assert chosen.updates == steps


def test_the_first_step_moves_the_options_by_the_learning_rate():
    chosen = policy(lr=0.05)
    train(chosen, [0.02, 0.004], 6)
    assert chosen.updates == 1
    assert float(biases(chosen.state_dict()).abs().max()) == pytest.approx(0.05, rel=1e-3)


def biases(state):
    """Of the options: the last layer's."""
    return state["weights"][3]


def test_a_large_entropy_bonus_keeps_the_options_alike():
    spreads = []
    for entropy in (0.0, 10.0):
        chosen = policy(entropy=entropy)
        train(chosen, [0.02, 0.004], 300)
        inputs = torch.tensor([[0.9, 0.5, 0.4, 0.5, 0.5]])
        chances = chosen.log_probabilities(inputs).detach().exp()
        spreads.append(float(chances.max() - chances.min()))
    assert spreads[1] < 0.1 < 0.3 < spreads[0]


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


def test_a_window_that_was_saved_on_one_device_goes_on_on_another():
    first, second = policy(hold=5), policy(hold=5)
    train(first, [0.02, 0.004], 7)
    second.load_state_dict(first.state_dict())
    for _ in range(2):
        second.observe(torch.zeros(2, device="meta"))
    assert second.state_dict()["memory"]["held"] == 4


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


def counts_of(training):
    records = training.balancer.decisions.drain()
    return [tuple(r["values"].values()) for r in records if r["name"] == "count"]


def policy_of(training):
    return training.balancer.state_dict()["state"]["policy"]


def test_rows_are_those_of_the_options_in_eighths_and_equal_in_the_first_epoch():
    # 1/6 of 32 is 5.3 and 1/3 is 10.7: in twos, 6 and 10.
    counts = counts_of(trained("dus-rl", settings={"hold": 2}, epochs=6))
    assert counts[:6] == [(16, 16)] * 6
    assert set(counts) == {(6, 26), (10, 22), (16, 16), (22, 10), (26, 6)}
    assert all(a == b for a, b in zip(counts[6::2], counts[7::2], strict=True))


def test_three_modalities_share_three_batches():
    kinds = ("linear", "convolutional", "gru")
    training = trained("dus-rl", kinds=kinds, settings={"hold": 1, "warm_up": 0}, epochs=2)
    counts = counts_of(training)
    assert {sum(n) for n in counts} == {3 * 16}
    assert len(set(counts)) > 3


def test_the_policy_sees_the_scores_of_a_window_and_not_the_cumulative_ones():
    training = run(start("dus-rl", settings={"hold": 3}, samples=96), 1)
    records = training.balancer.decisions.drain()
    running = [torch.tensor([*r["values"].values()]) for r in records if r["name"] == "score"]
    # t s_hat_t is the sum of the first t scores.
    expected = (6 * running[5] - 3 * running[2]) / 3
    torch.testing.assert_close(policy_of(training)["memory"]["previous"].float(), expected)


def test_learning_rate_and_entropy_of_the_method_are_those_of_its_policy():
    def after(steps, **settings):
        given = {"hold": 1, "every": 2, "warm_up": 0, **settings}
        training = trained("dus-rl", settings=given, samples=16 * (2 + 2 * steps), epochs=1)
        assert policy_of(training)["updates"] == steps
        return biases(policy_of(training))

    assert float(after(1, policy_lr=0.05).abs().max()) == pytest.approx(0.05, rel=1e-3)
    # Equal chances have the largest entropy, so the bonus pulls from the second step on.
    torch.testing.assert_close(after(1, entropy=1.0), after(1, entropy=0.0))
    assert not torch.allclose(after(2, entropy=1.0), after(2, entropy=0.0))


def test_fewer_than_fifty_steps_are_said_to_be_too_few():
    # One step a reward, and no reward for the first two iterations.
    given = {"hold": 1, "every": 1, "warm_up": 0}
    short = trained("dus-rl", settings=given, samples=2 * 51, batch_size=2, epochs=1)
    assert short.balancer.setting.method.note == "49 policy steps: too few to learn"
    enough = trained("dus-rl", settings=given, samples=2 * 52, batch_size=2, epochs=1)
    assert enough.balancer.setting.method.note == ""


def test_a_method_continues_with_the_policy_of_its_checkpoint():
    first = trained("dus-rl", settings={"hold": 1, "every": 2}, epochs=3)
    second = start("dus-rl", settings={"hold": 1, "every": 2}, seed=5)
    second.balancer.load_state_dict(first.balancer.state_dict())
    weights, again = policy_of(first)["weights"], policy_of(second)["weights"]
    assert all(map(torch.equal, weights, again))
    assert any(w.abs().sum() > 0 for w in weights[1:])
    # 12 iterations after the warm-up give 11 rewards.
    note = "5 policy steps: too few to learn"
    assert first.balancer.setting.method.note == second.balancer.setting.method.note == note
