"""DUS on paired batches, as a plug-in, and on unpaired batches that it did not plan."""

import pytest
import torch
from torch.nn import functional

from contract.training import PAIR, start
from equimodal import BalanceError


def test_paired_batches_give_each_modality_a_subset_of_the_rows():
    training = start("dus", settings={"warm_up": 0})
    balancer, net = training.balancer, training.model
    inputs, labels = training.data.take(torch.arange(24))
    for _ in range(6):
        loss = balancer.loss(net(inputs), labels)
        logits = unimodal_logits(net, inputs)
        loss.backward()
        balancer.before_step()
        training.optimizer.step()
        training.optimizer.zero_grad()
        balancer.epoch_end()
        counts = next(r["values"] for r in balancer.decisions.drain() if r["name"] == "count")
        rows = [int(n) for n in counts.values()]
        assert max(rows) == 24
        expected = sum(
            functional.cross_entropy(z[:n], labels[:n]) for z, n in zip(logits, rows, strict=True)
        )
        torch.testing.assert_close(loss.detach(), expected)
    assert min(rows) < 24


def rows_read(scores, samples, *, kinds=PAIR, **settings):
    """Rows of a paired batch that each modality's loss reads at the given cumulative scores."""
    training = start("dus", kinds=kinds, settings={"warm_up": 0, **settings})
    balancer, net = training.balancer, training.model
    balancer.setting.method.state["s_hat"] = torch.tensor(scores)
    inputs, labels = training.data.take(torch.arange(samples))
    loss = balancer.loss(net(inputs), labels)
    balancer.decisions.flush()
    rows = {r["name"]: r["values"] for r in balancer.decisions.drain()}["count"]
    rows = [int(n) for n in rows.values()]
    expected = sum(
        functional.cross_entropy(z[:n], labels[:n])
        for z, n in zip(unimodal_logits(net, inputs), rows, strict=True)
    )
    torch.testing.assert_close(loss.detach(), expected)
    return rows


def test_on_paired_batches_the_weak_modality_reads_all_rows_and_the_strong_its_part_of_them():
    # n^j = 48 q^j as for unpaired batches: 12 and 36, so the strong reads 24 * 12 / 36.
    assert rows_read([0.75, 0.25], 24) == [8, 24]
    assert rows_read([0.25, 0.75], 24) == [24, 8]
    # Three: 9, 33 and 30 of 72 in eighths, so 24 * 9 / 33 = 6.5 and 24 * 30 / 33 = 21.8.
    kinds = ("linear", "convolutional", "gru")
    assert rows_read([0.9, 0.15, 0.15], 24, kinds=kinds) == [7, 24, 22]


def test_on_paired_batches_the_part_of_the_strong_modality_is_rounded_up():
    # 13 and 27 of 40, so 20 * 13 / 27 = 9.6.
    assert rows_read([0.6, 0.3], 20, multiple=0) == [10, 20]


def test_a_modality_that_is_absent_from_a_whole_batch_keeps_its_mean():
    training = start("dus-uniform")
    balancer, net, raw = training.balancer, training.model, []
    # b is absent at first, and again in the third batch.
    for first, has_b in ((0, False), (12, True), (24, False), (36, True)):
        inputs, labels = training.data.take(torch.arange(first, first + 12))
        balancer.loss(net(inputs), labels, torch.tensor([[True, has_b]]).expand(12, 2))
        logits = unimodal_logits(net, inputs)
        raw.append([float(z.softmax(1)[range(12), labels].mean()) for z in logits])
    a, b = zip(*raw, strict=True)
    balancer.decisions.flush()
    found = [r["values"] for r in balancer.decisions.drain() if r["name"] == "score"]
    assert [f["a"] for f in found] == pytest.approx([sum(a[:t]) / t for t in range(1, 5)])
    assert found[1]["b"] == found[2]["b"] == pytest.approx(b[1])
    assert found[3]["b"] == pytest.approx(b[1] + (b[3] - b[1]) / 4)


def unimodal_logits(net, inputs):
    blocks = net.head.weight.detach().split(6, 1)
    share = net.head.bias.detach() / len(blocks)
    return [net.encoders[m](x).detach() @ w.T + share
            for (m, x), w in zip(inputs.items(), blocks, strict=True)]  # fmt: skip


@pytest.mark.parametrize("name", ["dus", "dus-rl"])
def test_as_a_plug_in_it_adds_the_fused_loss_of_a_paired_batch(name):
    training = start(name, settings={"plug_in": True, "warm_up": 0}, samples=40)
    balancer, net = training.balancer, training.model
    seen = []
    for inputs, targets in balancer.batches(training.data, batch_size=16):
        pairs = 16 if len(seen) < 2 else 8  # the last paired batch is smaller
        assert torch.equal(targets["a"][:pairs], targets["b"][:pairs])
        seen.append(inputs["a"][:pairs])
        logits = unimodal_logits(net, inputs)
        fused = sum(z[:pairs] for z in logits)
        expected = functional.cross_entropy(fused, targets["a"][:pairs]) + sum(
            functional.cross_entropy(z[pairs:], y[pairs:])
            for z, y in zip(logits, targets.values(), strict=True)
        )
        loss = balancer.loss(net(inputs), targets)
        torch.testing.assert_close(loss.detach(), expected)
        loss.backward()
        balancer.before_step()
    rows = {tuple(x.flatten().tolist()) for x in torch.cat(seen)}
    assert len(torch.cat(seen)) == len(rows) == 40


def test_as_a_plug_in_on_paired_batches_it_adds_their_own_fused_loss():
    training = start("dus", settings={"plug_in": True})
    inputs, labels = training.data.take(torch.arange(10))
    loss = training.balancer.loss(training.model(inputs), labels)
    logits = unimodal_logits(training.model, inputs)
    expected = sum(functional.cross_entropy(z, labels) for z in [*logits, sum(logits)])
    torch.testing.assert_close(loss.detach(), expected)


@pytest.mark.parametrize("settings", [{"plug_in": True}, {"reduction": "nominal"}])
def test_unpaired_batches_that_it_did_not_plan_are_refused_where_the_plan_is_needed(settings):
    training = start("dus", settings=settings)
    inputs, labels = training.data.take(torch.arange(10))
    with pytest.raises(BalanceError, match=r"did not plan.*balancer\.batches"):
        training.balancer.loss(training.model(inputs), dict.fromkeys("ab", labels))


def test_unpaired_batches_of_the_users_own_are_taken_as_they_are():
    training = start("dus")
    inputs, labels = training.data.take(torch.arange(10))
    own = {"a": inputs["a"][:4], "b": inputs["b"]}
    loss = training.balancer.loss(training.model(own), {"a": labels[:4], "b": labels})
    z, w = unimodal_logits(training.model, own)
    expected = functional.cross_entropy(z, labels[:4]) + functional.cross_entropy(w, labels)
    torch.testing.assert_close(loss.detach(), expected)
