import json
import math
import random
import re
from pathlib import Path

import pytest
import torch

from contract.training import start
from equimodal import functional, methods
from equimodal.methods.dus_policy import Policy, policy_loss, window_reward
from reference import dus as reference

BATCH = 16


def test_counts_equal_largest_remainders_in_exact_arithmetic():
    draw = random.Random(0)
    for _ in range(400):
        modalities = draw.choice([2, 2, 3, 4])
        batch = draw.choice([8, 13, 16, 20, 33, 64])
        multiple = draw.choice([1, max(1, batch // 8)])
        minimum = draw.choice([1, 2, -(-batch // 8), batch // 2])
        scores = [draw.random() ** draw.choice([1, 4]) for _ in range(modalities)]
        shares = reference.inverse_shares(scores)
        if max(scores) - min(scores) < 0.01:
            continue

        found = functional.sample_counts(
            torch.tensor(scores, dtype=torch.float64), modalities * batch, minimum,
            multiple=multiple,
        )  # fmt: skip

        slow = reference.counts(shares, modalities * batch, minimum, multiple)
        assert found.tolist() == slow, (scores, batch, minimum, multiple)


def epochs(training, count):
    """The batches of several epochs, each of which ends."""
    for _ in range(count):
        yield from training.balancer.batches(training.data, batch_size=BATCH)
        training.balancer.epoch_end()


@pytest.mark.parametrize("reduction", ["mean", "nominal"])
def test_an_unpaired_iteration_equals_the_slow_loops(reduction):
    kinds = ("linear", "convolutional", "gru")
    training = start("dus", kinds=kinds, settings={"warm_up": 0, "reduction": reduction})
    balancer, net = training.balancer, training.model
    previous, unequal = None, 0
    for t, (inputs, targets) in enumerate(epochs(training, 2), 1):
        rows = [len(y) for y in targets.values()]
        features = [net.encoders[m](x).tolist() for m, x in inputs.items()]
        labels = [y.tolist() for y in targets.values()]
        divisors = rows if reduction == "mean" else [BATCH] * 3
        slow = reference.loss(
            features, net.head.weight.tolist(), net.head.bias.tolist(), labels, divisors
        )

        loss = balancer.loss(net(inputs), targets)

        assert float(loss.detach()) == pytest.approx(slow, rel=1e-12)
        expected = [BATCH] * 3
        if previous and max(previous) - min(previous) >= 0.01:
            expected = reference.counts(reference.inverse_shares(previous), 3 * BATCH, 2, 2)
        assert rows == expected
        unequal += rows != [BATCH] * 3
        previous = running_mean(previous, scores_of(net, features, labels), t)
        loss.backward()
        balancer.before_step()
        training.optimizer.step()
        training.optimizer.zero_grad()
    assert unequal
    last = [r for r in balancer.decisions.drain() if r["name"] == "score"][-1]
    assert list(last["values"].values()) == pytest.approx(previous, rel=1e-12)


def scores_of(net, features, labels):
    """Mean probability of the true class by modality, from the head's blocks."""
    blocks = net.head.weight.detach().split([len(f[0]) for f in features], 1)
    share = net.head.bias.detach() / len(features)
    logits = [(torch.tensor(f, dtype=torch.float64) @ w.T + share).tolist()
              for f, w in zip(features, blocks, strict=True)]  # fmt: skip
    return [reference.score(o, y) for o, y in zip(logits, labels, strict=True)]


def running_mean(previous, scores, t):
    if previous is None:
        return scores
    return [(t - 1) / t * p + s / t for p, s in zip(previous, scores, strict=True)]


@pytest.mark.parametrize("choices", [1, 3])
def test_the_loss_of_the_policy_equals_the_slow_loops(choices):
    draw = torch.Generator().manual_seed(choices)
    chances = torch.randn(4, choices, 5, generator=draw, dtype=torch.float64).log_softmax(2)
    actions = torch.randint(0, 5, (4, choices), generator=draw)
    weights = torch.randn(4, generator=draw, dtype=torch.float64)

    found = policy_loss(chances, actions, weights, 0.01)

    slow = reference.reinforce(chances.tolist(), actions.tolist(), weights.tolist(), 0.01)
    assert float(found) == pytest.approx(slow, rel=1e-12)


def test_the_reward_equals_the_slow_loop():
    before, after = [0.2, 0.7, 0.4], [0.5, 0.6, 0.4]
    found = window_reward(torch.tensor(before), torch.tensor(after))
    assert found == pytest.approx(reference.window_reward(before, after), rel=1e-6)
    assert reference.window_reward(before, after) == pytest.approx(0.3 + 0.2 / 3)


def watch(policy, scores, *, seed=0):
    """Let a policy choose and see windows of one iteration, one score a modality in each."""
    draw = torch.Generator().manual_seed(seed)
    for score in torch.tensor(scores, dtype=torch.float64):
        policy.shares(score, draw)
        policy.observe(score)


def waiting_advantages(policy):
    return [entry[2] for entry in policy.state_dict()["memory"]["pending"]]


def slow_advantages(scores):
    """The action of window w is rewarded by the windows around it, w - 1 and w + 1."""
    around = zip(scores, scores[2:], strict=False)
    return reference.advantages([reference.window_reward(b, a) for b, a in around])


def noisy_scores(count):
    draw = random.Random(3)
    return [[draw.uniform(0.2, 0.5), draw.uniform(0.4, 0.9)] for _ in range(count)]


def test_advantages_equal_weighted_sums_over_all_rewards():
    scores = noisy_scores(42)
    policy = Policy(2, hold=1, every=100, lr=0.01, entropy=0.0)
    watch(policy, scores)
    assert waiting_advantages(policy) == pytest.approx(slow_advantages(scores), rel=1e-9)


@pytest.mark.parametrize("rise", [0.01, -0.3])
def test_the_second_advantage_has_one_size_whatever_the_reward(rise):
    # b = R_1 = 0 and v = .1 R_2^2 / (1 - .9^2), so |A| is sqrt(1.9); undivided it were sqrt(10).
    policy = Policy(2, hold=1, every=100, lr=0.01, entropy=0.0)
    watch(policy, [[0.5, 0.5]] * 3 + [[0.5 + rise] * 2])
    assert waiting_advantages(policy) == pytest.approx([0, math.copysign(1.9**0.5, rise)])


@pytest.mark.parametrize("stop", [1, 4, 6, 9, 30])
def test_advantages_go_on_from_a_checkpoint_with_the_count_of_rewards(stop):
    # Windows 3 to 5 give the first step of three rewards: stops before, between and after steps.
    scores, first, second = noisy_scores(40), *(
        Policy(2, hold=1, every=3, lr=0.01, entropy=0.0) for _ in range(2)
    )  # fmt: skip
    watch(first, scores[:stop])
    second.load_state_dict(first.state_dict())
    assert second.rewards_seen == max(0, stop - 2)
    watch(second, scores[stop:])
    assert second.updates == 12
    assert waiting_advantages(second) == pytest.approx(slow_advantages(scores)[36:], rel=1e-9)


def test_the_first_step_of_the_policy_follows_rewards_and_advantages_by_the_slow_loops():
    # From weights of zero the gradient for an option's bias is sum_w A_w (1[a_w] - 1/5), and
    # Adam's first step moves every bias by the learning rate against its sign.
    scores = [[0.2, 0.5], [0.3, 0.5], [0.25, 0.6], [0.5, 0.55], [0.5, 0.7], [0.6, 0.65], [0.7, 0.7]]
    policy = Policy(2, hold=1, every=4, lr=0.01, entropy=0.0)
    draw = torch.Generator().manual_seed(0)
    actions = []
    for score in scores:
        first = float(policy.shares(torch.tensor(score), draw)[0])
        actions.append(
            min(range(5), key=lambda a: abs((1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6)[a] - first))
        )
        policy.observe(torch.tensor(score))
    gradient = [0.0] * 5
    for action, weight in zip(actions[1:5], slow_advantages(scores)[:4], strict=True):
        for option in range(5):
            gradient[option] -= weight * ((option == action) - 1 / 5) / 4

    assert policy.updates == 1
    moved = policy.state_dict()["weights"][3].tolist()
    expected = [-0.01 * g / (abs(g) + 1e-8) for g in gradient]
    assert moved == pytest.approx(expected, abs=1e-6)
    assert any(not math.isclose(m, 0) for m in moved)


PAGES = Path(__file__).parents[2] / "docs" / "methods"


def defaults_on(page):
    """Arguments and their defaults in a card's table."""
    arguments = (PAGES / page).read_text().split("## Arguments")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", arguments, re.M)
    words = {"none": None, "false": False}
    return {n: words[v] if v in words else json.loads(v.strip("`")) for n, v in rows}


def test_the_defaults_are_those_of_the_card():
    assert defaults_on("dus.md") == methods.create("dus").config()


def test_the_defaults_of_the_learned_sampler_are_those_of_its_card():
    own, found = defaults_on("dus_learned.md"), methods.create("dus-rl").config()
    assert own.keys() == {"hold", "every", "policy_lr", "entropy"}
    shared = {n: v for n, v in defaults_on("dus.md").items() if n in found}
    assert own | shared == found
    named = re.search(r"^(`.*`): as in\s+\[DUS\]", (PAGES / "dus_learned.md").read_text(), re.M)
    assert set(re.findall(r"`(\w+)`", named[1])) == shared.keys()
