import logging
import math
import warnings

import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from contract.training import run, start
from equimodal import BalanceError, Balancer, LinearSplit, Method, methods
from equimodal.data import MultimodalDataset
from unit.two_encoders import Net

ENCODERS = {"a": "a", "b": "b"}
LABELS = torch.tensor([0, 1, 0, 1, 1, 0])


def batch():
    return torch.randn(6, 3), torch.randn(6, 5)


def balanced(name="amss", **options):
    net = Net()
    return net, Balancer(net, methods.create(name), ENCODERS, LinearSplit("head"), **options)


class Watcher(Method):
    """Keeps what its stages are shown."""

    needs = frozenset({"unimodal_logits"})

    def __init__(self):
        super().__init__()
        self.seen, self.ends = [], []

    def on_gradients(self, step):
        self.seen.append(step)
        step.record("seen", [1.0, math.inf])

    def on_epoch_end(self, epoch):
        self.ends.append(epoch)


def watched(**options):
    net, method = Net(), Watcher()
    return net, method, Balancer(net, method, ENCODERS, LinearSplit("head"), **options)


def test_the_gradient_stage_sees_all_micro_batches_as_one_and_nothing_attached():
    net, method, balancer = watched()
    given = [batch() for _ in range(3)]
    for a, b in given:
        balancer.loss(net(a, b), LABELS).backward()
    balancer.before_step()

    (step,) = method.seen
    a, b = (torch.cat(x) for x in zip(*given, strict=True))
    torch.testing.assert_close(step.logits, net(a, b).detach())
    torch.testing.assert_close(step.features["a"], net.a(a).detach())
    torch.testing.assert_close(sum(step.unimodal_logits.values()), step.logits)
    assert torch.equal(step.target, LABELS.repeat(3))
    held = [step.logits, *step.features.values(), *step.unimodal_logits.values()]
    assert not any(x.requires_grad for x in held)


def test_draws_are_seeded_by_seed_update_and_stream_and_leave_the_global_stream_alone():
    draws = {}
    for seed in (0, 1):
        net, method, balancer = watched(seed=seed)
        for _ in range(2):
            balancer.loss(net(*batch()), LABELS).backward()
            balancer.before_step()
        before = torch.get_rng_state()
        for step in method.seen:
            for stream in (0, 1):
                key = seed, step.index, stream
                draws[key] = float(torch.rand((), generator=step.generator(stream)))
                assert draws[key] == float(torch.rand((), generator=step.generator(stream)))
        assert torch.equal(torch.get_rng_state(), before)
    assert len(set(draws.values())) == 8


def test_records_are_plain_data_given_once_after_the_epoch_and_none_where_not_finite():
    net, _, balancer = watched()
    balancer.loss(net(*batch()), LABELS).backward()
    balancer.before_step()
    assert balancer.decisions.drain() == []
    balancer.epoch_end()
    expected = {"step": 0, "epoch": 0, "name": "seen", "values": {"a": 1.0, "b": None}}
    assert balancer.decisions.drain() == [expected]
    assert balancer.decisions.drain() == []


def test_the_split_is_read_in_evaluation_mode_without_gradient_and_without_draws():
    data = [(torch.randn(3), torch.randn(5), label) for label in (0, 1, 0, 1, 1)]
    shuffled = DataLoader(data, batch_size=2, shuffle=True)
    net, method, balancer = watched(
        loaders={"train": shuffled}, forward=lambda model, given: (model(*given[:2]), given[2])
    )
    balancer.epoch_end()
    before = torch.get_rng_state()
    features, labels = method.ends[0].features("train")
    assert torch.equal(torch.get_rng_state(), before)
    assert net.training
    assert not features["b"].requires_grad
    found = sorted(zip(features["b"].tolist(), labels["b"].tolist(), strict=True))
    expected = sorted((net.b(x[1]).tolist(), x[2]) for x in data)
    assert [y for _, y in found] == [y for _, y in expected]
    torch.testing.assert_close(*(torch.tensor([z for z, _ in x]) for x in (found, expected)))


def test_validation_under_no_grad_is_the_plain_loss_and_is_not_recorded():
    net, method, balancer = watched(objective="fused+unimodal")
    a, b = batch()
    with torch.no_grad():
        loss = balancer.loss(net(a, b), LABELS)
    torch.testing.assert_close(loss, functional.cross_entropy(net(a, b), LABELS).detach())
    with pytest.raises(BalanceError, match=r"without a loss\(\)"):
        balancer.before_step()
    assert method.seen == []


@pytest.mark.parametrize("objective", ["fused", "fused+unimodal"])
@pytest.mark.parametrize("name", ["joint", "amss", "amss+"])
def test_the_objective_under_a_method_is_an_argument(name, objective):
    net, balancer = balanced(name, objective=objective)
    a, b = batch()
    loss = balancer.loss(net(a, b), LABELS)
    expected = functional.cross_entropy(net(a, b), LABELS)
    if objective != "fused":
        half = net.head.bias / 2
        parts = [net.a(a) @ net.head.weight[:, :4].T, net.b(b) @ net.head.weight[:, 4:].T]
        expected = expected + sum(functional.cross_entropy(z + half, LABELS) for z in parts)
    torch.testing.assert_close(loss, expected)


def test_an_epoch_without_before_step_raises_for_masks_and_warns_for_others():
    net, balancer = balanced("amss")
    balancer.loss(net(*batch()), LABELS).backward()
    with pytest.raises(
        BalanceError, match=r"AMSS changes gradients, but before_step\(\) was never"
    ):
        balancer.epoch_end()
    net, balancer = balanced("joint")
    balancer.loss(net(*batch()), LABELS).backward()
    with pytest.warns(UserWarning, match=r"before_step\(\) was never called") as caught:
        balancer.epoch_end()
    assert caught[0].filename == __file__


def test_a_thousand_losses_without_before_step_warn_once():
    net, balancer = balanced("joint")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(1001):
            balancer.loss(net(*batch()), LABELS)
    (told,) = caught
    assert "loss() was called 1,000 times without before_step()" in str(told.message)
    assert told.filename == __file__


def test_updates_without_an_end_of_epoch_warn_once(monkeypatch):
    monkeypatch.setattr("equimodal.balancing.loop_watch._MANY_UPDATES", 3)
    net, balancer = balanced("joint")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(5):
            balancer.loss(net(*batch()), LABELS).backward()
            balancer.before_step()
    (told,) = caught
    assert "times without epoch_end()" in str(told.message)
    assert told.filename == __file__


def test_losses_that_are_not_finite_are_told_at_the_end_of_the_epoch():
    net, balancer = balanced("joint")
    for scale in (1.0, math.nan, math.inf):
        balancer.loss(net(*batch()) * scale, LABELS)
        balancer.before_step()
    with pytest.warns(UserWarning, match="NaN or infinite in 2 of 3 forward passes of epoch 0"):
        balancer.epoch_end()
    balancer.epoch_end()


def test_an_unpaired_method_says_once_which_batches_it_gets(caplog):
    with caplog.at_level(logging.INFO, logger="equimodal"):
        run(start("dus"), 1)
        training = start("dus")
        inputs, labels = training.data.take(torch.arange(8))
        for _ in range(2):
            training.balancer.loss(training.model(inputs), labels)
    assert [r.levelname for r in caplog.records] == ["INFO", "WARNING"]
    assert "its own, unpaired batch" in caplog.messages[0]
    assert "balancer.batches(dataset, batch_size=...)" in caplog.messages[1]


def test_batches_are_paired_and_shuffled_by_seed_and_epoch():
    rows = torch.arange(10.0)
    data = MultimodalDataset({"a": rows[:, None], "b": -rows[:, None]}, torch.arange(10))

    def order(seed, epochs):
        _, balancer = balanced("joint", seed=seed)
        for _ in range(epochs):
            balancer.epoch_end()
        batches = list(balancer.batches(data, batch_size=4))
        assert all(torch.equal(x["a"], -x["b"]) for x, _ in batches)
        assert all(torch.equal(x["a"][:, 0].long(), y) for x, y in batches)
        return tuple(torch.cat([y for _, y in batches]).tolist())

    assert len({order(seed, epochs) for seed in (0, 1) for epochs in (0, 1)}) == 4
    assert order(0, 1) == order(0, 1)
    assert sorted(order(0, 0)) == list(range(10))


def test_it_prints_what_it_covers():
    _, balancer = balanced("amss")
    text = repr(balancer)
    # a: 3 * 4 + 4 parameters, of them 12 in 4 rows; the model has 16 + 24 + 18.
    assert (
        "a: 16 parameters (28% of the model), 4 units in 1 layers (75% of its parameters)" in text
    )
    assert "AMSS(tau=0.2" in text and "objective='fused'" in text


def test_memory_of_the_graph_is_not_kept_until_the_update():
    net, balancer = balanced("amss")
    loss = balancer.loss(net(*batch()), LABELS)
    assert loss.requires_grad
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def logged(**options):
    """What a logger hears of three updates and the end of their epoch, and when."""
    heard = []
    net, _, balancer = watched(log=lambda values, step: heard.append((values, step)), **options)
    for _ in range(3):
        balancer.loss(net(*batch()), LABELS).backward()
        balancer.before_step()
        heard.append("update")
    balancer.epoch_end()
    return heard, balancer


def test_a_logger_hears_every_finite_decision_at_the_epochs_end():
    heard, balancer = logged()
    assert heard == ["update"] * 3 + [({"balance/seen/a": 1.0}, step) for step in range(3)]
    assert len(balancer.decisions.drain()) == 3


def test_a_logger_hears_decisions_earlier_where_asked():
    heard, _ = logged(log_every=2)
    one = {"balance/seen/a": 1.0}
    assert heard == ["update", (one, 0), (one, 1), "update", "update", (one, 2)]


def test_log_every_must_be_a_number_of_updates():
    with pytest.raises(BalanceError, match="log_every must be a whole number >= 1; found 0"):
        watched(log_every=0)


def test_a_loader_gives_the_same_epochs_as_batches_and_has_their_length():
    data = start("dus").data
    one, two = start("dus").balancer, start("dus").balancer
    loader = two.loader(data, batch_size=16)
    assert len(loader) == 6
    for _ in range(2):
        for mine, theirs in zip(loader, one.batches(data, batch_size=16), strict=True):
            for part in (0, 1):
                assert all(torch.equal(mine[part][m], theirs[part][m]) for m in "ab")


def test_pending_says_whether_a_loss_waits_for_its_update():
    net, balancer = balanced()
    assert not balancer.watch.pending
    balancer.loss(net(*batch()), LABELS).backward()
    assert balancer.watch.pending
    balancer.before_step()
    assert not balancer.watch.pending


def test_decisions_may_be_handed_out_before_an_epochs_end():
    heard = []
    net, _, balancer = watched(log=lambda values, step: heard.append(step))
    balancer.loss(net(*batch()), LABELS).backward()
    balancer.before_step()

    balancer.decisions.flush()
    balancer.decisions.flush()

    assert heard == [0] and len(balancer.decisions.drain()) == 1


@pytest.mark.parametrize("name", ["joint", "dus", "dus-uniform"])
def test_a_loader_goes_on_within_an_epoch_where_its_state_was_taken(name):
    data = start(name).data
    one, two = start(name).balancer, start(name, seed=3).balancer
    loader, other = (b.loader(data, batch_size=16) for b in (one, two))
    batches = iter(loader)
    for _ in range(2):
        next(batches)
    two.load_state_dict(one.state_dict())
    other.load_state_dict(loader.state_dict())

    rest, mine = list(batches), list(other)

    assert len(mine) == 4
    for left, right in zip(rest, mine, strict=True):
        assert all(torch.equal(left[0][m], right[0][m]) for m in "ab")
    assert loader.state_dict() == other.state_dict() == {"batch": 0}
    assert len(list(other)) == 6


def test_a_loss_without_its_update_is_forgotten_when_a_state_is_loaded():
    net, method, balancer = watched()
    balancer.loss(net(*batch()), LABELS)
    balancer.load_state_dict(balancer.state_dict())
    assert not balancer.watch.pending

    balancer.loss(net(*batch()), LABELS).backward()
    balancer.before_step()

    assert len(method.seen[0].target) == 6


@pytest.mark.parametrize("balanced_inside", [True, False])
def test_a_closure_balances_inside_the_optimizers_step_or_is_refused(balanced_inside):
    net, balancer = balanced()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    balancer.attach(optimizer)
    earlier = balancer.loss(net(*batch()), LABELS)  # a micro-batch that waits for the update
    earlier.backward()

    def closure():
        loss = balancer.loss(net(*batch()), LABELS)
        loss.backward()
        if balanced_inside:
            balancer.before_step()
        return loss

    if balanced_inside:
        optimizer.step(closure)
        optimizer.step(closure=closure)
        assert balancer.step_index == 2
    else:
        with pytest.raises(BalanceError, match=r"optimizer.step\(\) ran before before_step\(\)"):
            optimizer.step(closure)


def test_a_balancer_has_the_names_that_a_training_loop_needs_and_no_more():
    _, balancer = balanced()
    assert {name for name in dir(balancer) if not name.startswith("_")} == {
        "loss", "before_step", "epoch_end", "batches", "loader", "repeat", "passes", "predict",
        "attach", "detach", "check", "parameters", "state_dict", "load_state_dict", "step_index",
        "epoch_index", "setting", "watch", "decisions", "diagnosis",
    }  # fmt: skip
