"""ReconBoost: values by hand, and what holds for every input."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import BalanceError, Balancer, LinearSplit, MultiLabel, ReconBoost, SharedHead
from equimodal.functional import residual_weights
from unit.methods.turns import Sharing, batches, encoders_of, taught

A = torch.tensor([[1.0, 0, 0], [0, 2, 0]])
V = torch.tensor([[0.0, 0, 1], [0, 1, 0]])
T = torch.tensor([[2.0, 0, 0], [0, 0, 0]])
Y = torch.tensor([0, 1])


def near(found, expected):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=1e-6, rtol=1e-6
    )


class Telling(torch.nn.Module):
    """An encoder that gives fixed features, which are the logits of an identity head."""

    def __init__(self, values):
        super().__init__()
        self.values = torch.nn.Parameter(values.clone())

    def forward(self, rows):
        return self.values[: len(rows)]


def bound(method, logits, **options):
    """A balancer whose modalities have these logits, and what runs one pass of it."""
    net = Sharing(dict.fromkeys(logits, 1), 3)
    net.encoders = torch.nn.ModuleDict({m: Telling(z) for m, z in logits.items()})
    net.float()
    with torch.no_grad():
        net.head.weight.copy_(torch.eye(3))
        net.head.bias.zero_()
    inputs = {m: torch.zeros(2, 1) for m in logits}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    balancer = Balancer(
        net, method, encoders_of(net), SharedHead("head"), optimizers=[optimizer],
        example=(inputs, Y), **options,
    )  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})

    def at(epoch, present=None):
        net.zero_grad()
        balancer.epoch_index = epoch
        loss = balancer.loss(net(inputs), Y, present)
        loss.backward()
        return loss.detach(), {m: net.encoders[m].values.grad for m in logits}

    return balancer, at


def test_a_stage_of_two_modalities_has_the_values_worked_out_by_hand():
    near(residual_weights(V, Y, 5, 1), [4.788058, 4.423883])
    _, at = bound(ReconBoost(pretrained=True), {"a": A, "v": V})
    loss, grads = at(0)
    near(loss, 0.616678)
    near(grads["a"], [[-0.338263, 0.169131, 0.169131], [0.078529, -0.157058, 0.078529]])
    assert grads["v"] is None


def test_a_stage_of_three_modalities_has_the_values_worked_out_by_hand():
    near(residual_weights(V + T, Y, 5, 1), [4.334759, 4.423883])
    _, at = bound(ReconBoost(pretrained=True), {"a": A, "v": V, "t": T})
    near(at(0)[0], 0.575016)


def test_the_first_stage_meets_nobody():
    near(residual_weights(None, Y, 5, 1), [4.0, 4.0])
    _, at = bound(ReconBoost(), {"a": A, "v": V})
    near(at(0)[0], 0.527326)


def test_equal_modalities_and_equal_weights_have_the_values_worked_out_by_hand():
    near(residual_weights(A, Y, 5, 1), [4.423883, 4.213014])
    weights = residual_weights(A, Y, 1, 1)
    near(weights, [0.423883, 0.213014])
    near((weights * cross_entropy(A, Y, reduction="none")).mean() / 3, 0.047462)


def test_all_together_have_the_values_worked_out_by_hand():
    balancer, at = bound(ReconBoost(boost_epochs=1, rectify_epochs=1), {"a": A, "v": V})
    near(at(3)[0], 0.478459)
    with torch.no_grad():
        next(balancer.parameters()).fill_(0.5)
    loss, grads = at(3)
    near(loss, 0.663501)
    assert all(g is not None for g in grads.values())
    assert next(balancer.parameters()).grad is not None


def test_the_consolidation_has_the_values_worked_out_by_hand():
    plain = bound(ReconBoost(pretrained=True), {"a": A, "v": V})[1](0)
    drawn = bound(ReconBoost(pretrained=True, consolidation=1.0), {"a": A, "v": V})[1](0)
    near(drawn[0] - plain[0], 0.055324)
    near(drawn[1]["a"] - plain[1]["a"],
         [[0.044467, -0.009369, -0.035097], [-0.008837, 0.017675, -0.008837]])  # fmt: skip
    assert drawn[1]["v"] is None


def test_stages_follow_each_other_and_a_phase_trains_whom_it_names():
    method = ReconBoost(boost_epochs=2, rectify_epochs=1)
    _, at = bound(method, {"a": A, "v": V, "t": T})
    found = []
    for epoch in range(9):
        grads = at(epoch)[1]
        found.append("".join(m for m in grads if grads[m] is not None))
    assert found == ["a", "a", "a", "v", "v", "av", "t", "t", "avt"]
    assert method.note == ""


@pytest.mark.parametrize(("epoch", "note"), [(0, "only 1 of 2"), (3, "")])
def test_a_training_that_ends_early_says_who_had_no_stage(epoch, note):
    method = ReconBoost(boost_epochs=1, rectify_epochs=1)
    bound(method, {"a": A, "v": V})[1](epoch)
    assert method.note.startswith(note) and bool(method.note) == bool(note)


@pytest.mark.parametrize("seed", range(5))
def test_a_weight_falls_with_what_the_others_know_and_stays_in_its_bounds(seed):
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(20, 4, generator=draw)
    labels = torch.randint(0, 4, (20,), generator=draw)
    weights = residual_weights(logits, labels, 5, 2)
    assert (weights >= 3).all() and (weights <= 5).all()
    surer = logits.scatter_add(1, labels[:, None], torch.ones(20, 1))
    assert (residual_weights(surer, labels, 5, 2) < weights).all()
    assert torch.equal(residual_weights(logits, labels, 5, 0), torch.full((20,), 5.0))


def test_at_every_new_phase_the_optimizers_begin_anew():
    net = Sharing({"a": 3, "b": 5}, 4)
    method = ReconBoost(boost_epochs=2, rectify_epochs=1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    inputs, labels = batches(net)[0]
    balancer = Balancer(net, method, encoders_of(net), SharedHead("head"), optimizers=[optimizer],
                        example=(inputs, labels))  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    held = []
    for _ in range(4):
        balancer.loss(net(inputs), labels).backward()
        held.append(len(optimizer.state))
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        balancer.epoch_end()
    assert held == [0, 4, 0, 0]


def test_its_control_is_cross_entropy_of_one_weight():
    _, at = bound(ReconBoost(w2=0.0, pretrained=True), {"a": A, "v": V})
    near(at(0)[0], 5 / 3 * cross_entropy(A, Y))


def test_rows_without_a_modality_do_not_count_for_it():
    present = torch.tensor([[True, True], [False, True]])
    _, at = bound(ReconBoost(boost_epochs=1, rectify_epochs=1, pretrained=True), {"a": A, "v": V})
    near(at(0, present)[0], 4.788058 * 0.551445 / 3)
    near(at(1, present)[0], (cross_entropy(A[:1] + V[:1], Y[:1])
                             + cross_entropy(V[1:], Y[1:])) / 2)  # fmt: skip
    _, at = bound(ReconBoost(boost_epochs=1, rectify_epochs=1), {"a": A, "v": V})
    near(at(1, present)[0], cross_entropy(A[:1], Y[:1]))


def test_it_predicts_by_the_scaled_sum():
    balancer, _ = bound(ReconBoost(), {"a": A, "v": V})
    with torch.no_grad():
        next(balancer.parameters()).fill_(0.5)
        found = balancer.predict(balancer.setting.modalities.model({m: torch.zeros(2, 1)
                                                                    for m in "av"}))  # fmt: skip
    near(found, 0.5 * (A + V))


def test_it_learns():
    net = Sharing({"a": 3, "b": 5}, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    method = ReconBoost(boost_epochs=2, rectify_epochs=2)
    balancer = Balancer(net, method, encoders_of(net), SharedHead("head"), optimizers=[optimizer],
                        example=batches(net)[0])  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    losses = taught(net, balancer, epochs=8, optimizer=optimizer)
    assert sum(losses[-8:]) < sum(losses[8:16])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: Balancer(net, ReconBoost(), encoders_of(net), LinearSplit("head")),
         "ReconBoost trains one head that all modalities share"),
        (lambda net: Balancer(net, ReconBoost(), encoders_of(net), SharedHead("head"),
                              task=MultiLabel()), "ReconBoost does not work for"),
        (lambda net: ReconBoost(1.0, 1.0), "w2 must be below w1"),
        (lambda net: ReconBoost(w2=-1), "ReconBoost w2 must be"),
        (lambda net: ReconBoost(boost_epochs=0), "ReconBoost boost_epochs must be"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make(Sharing({"a": 3, "b": 5}, 4))
