"""QMF: values by hand, and what holds for every input."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import QMF, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.data import MultimodalDataset
from equimodal.functional import energy_confidence, ranking_loss, row_hardness
from equimodal.numerics.mixing import weighted_sum
from unit.methods.turns import Sharing, batches, encoders_of, followed

A = torch.tensor([[2.0, 0, 0], [0, 0, 0], [0, 3, 0]])
V = torch.tensor([[0.0, 1, 0], [3, 0, 0], [1, 0, 0]])
LABELS = torch.tensor([0, 1, 1])
ITEMS = torch.tensor([0, 2, 4])


def near(found, expected):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=2e-6, rtol=0
    )


def rows_of(net):
    """The batches as one data set."""
    found = batches(net)
    inputs = {m: torch.cat([x[m] for x, _ in found]) for m in net.encoders}
    return MultimodalDataset(inputs, torch.cat([y for _, y in found]))


def bound(method, *, sizes=None, seed=0):
    """A model, its balancer, its optimizer and what it trains on."""
    net = Sharing(sizes or {"a": 3, "b": 5}, 4, seed=seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    balancer = Balancer(
        net, method, encoders_of(net), optimizers=[optimizer], example=batches(net)[0]
    )
    optimizer.add_param_group({"params": list(balancer.parameters())})
    return net, balancer, optimizer, rows_of(net)


def after(logits, history):
    """Summed losses of five rows once the batch is taken in."""
    return history.index_add(0, ITEMS, cross_entropy(logits, LABELS, reduction="none"))


def test_confidence_fusion_and_ranking_have_the_values_worked_out_by_hand():
    sure = torch.stack([energy_confidence(A), energy_confidence(V)])
    near(sure, [[0.223954, 0.109861, 0.309492], [0.155144, 0.309492, 0.155144]])
    fused = weighted_sum(torch.stack([A, V]), sure)
    near(fused, [[0.447909, 0.155144, 0], [0.928477, 0, 0], [0.155144, 0.928477, 0]])
    near(cross_entropy(fused, LABELS), 0.999631)
    near(cross_entropy(A, LABELS), 0.477693)
    near(cross_entropy(V, LABELS), 2.065937)
    hard_a, hard_v = (row_hardness(after(z, torch.zeros(5)), ITEMS) for z in (A, V))
    near(hard_a, [0.218043, 1, 0.086403])
    near(hard_v, [0.501287, 1, 0.501287])
    near(ranking_loss(sure[0], hard_a), 0)
    near(ranking_loss(sure[1], hard_v), 0)
    near(ranking_loss(sure[0], hard_a, "strict"), 0.475978)


@pytest.mark.parametrize(
    ("sure", "expected", "strict"),
    [((0.9, 0.5, 0.1), 0.066667, 1.033333), ((3.0, 0.2, 0.1), 1.483333, None)],
)
def test_the_hardest_must_not_be_too_confident(sure, expected, strict):
    hardness = row_hardness(torch.tensor([2.0, 0, 1, 0, 0.5]), ITEMS)
    near(hardness, [1, 0.5, 0.25])
    near(ranking_loss(torch.tensor(sure), hardness), expected)
    if strict:
        near(ranking_loss(torch.tensor(sure), hardness, "strict"), strict)


def test_nothing_is_ranked_where_rows_are_equally_hard_or_confident_in_reverse():
    draw = torch.Generator().manual_seed(0)
    sure = torch.rand(6, generator=draw)
    for margin in ("tolerance", "strict"):
        near(ranking_loss(sure, torch.full((6,), 0.3), margin), 0)
    assert ranking_loss(sure, 1 - sure) == 0
    assert ranking_loss(5 * sure, sure) > 0
    near(row_hardness(torch.full((4,), 2.0), torch.tensor([1, 3])), [0, 0])


def test_every_rows_losses_add_up_whatever_the_order():
    net, balancer, optimizer, rows = bound(QMF(), sizes={"a": 3, "b": 5, "c": 2})
    heads = balancer.setting.networks.own.heads
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    followed(net, balancer, rows, epochs=2, optimizer=optimizer)
    with torch.no_grad():
        losses = [
            cross_entropy(heads[m](net.encoders[m](rows.inputs[m])), rows.labels, reduction="none")
            for m in "abc"
        ]
    torch.testing.assert_close(balancer.setting.method.state["history"], 2 * torch.stack(losses))


def test_the_loss_is_the_sum_of_all_terms_and_weights_are_held_fixed():
    for through in (False, True):
        net, balancer, _, rows = bound(QMF(through=through))
        heads = balancer.setting.networks.own.heads
        inputs, labels = next(balancer.batches(rows, batch_size=6))
        found = balancer.loss(net(inputs), labels)
        own = torch.stack([heads[m](net.encoders[m](inputs[m])) for m in "ab"])
        sure = energy_confidence(own)
        weights = sure if through else sure.detach()
        history = balancer.setting.method.state["history"]
        # Of a first batch: its rows have their losses, all others 0.
        each = torch.stack([cross_entropy(z, labels, reduction="none") for z in own]).detach()
        ranked = sum(
            ranking_loss(c, (h - 0) / h.max()) for c, h in zip(sure, each, strict=True)
        )  # fmt: skip
        assert history.count_nonzero() == each.numel()
        expected = cross_entropy((weights[..., None] * own).sum(0), labels)
        expected = expected + sum(cross_entropy(z, labels) for z in own) + ranked
        torch.testing.assert_close(found, expected)
        parameters = list(net.encoders.parameters())
        for one, two in zip(
            torch.autograd.grad(found, parameters),
            torch.autograd.grad(expected, parameters), strict=True,
        ):  # fmt: skip
            torch.testing.assert_close(one, two)


def test_without_ranking_and_weights_it_is_joint_with_unimodal_losses():
    net, balancer, _, _ = bound(QMF(0.0, weights="uniform"))
    heads = balancer.setting.networks.own.heads
    inputs, labels = batches(net)[0]
    found = balancer.loss(net(inputs), labels)
    own = [heads[m](net.encoders[m](inputs[m])) for m in "ab"]
    torch.testing.assert_close(
        found, cross_entropy(sum(own), labels) + sum(cross_entropy(z, labels) for z in own)
    )


def test_rows_that_lack_a_modality_have_no_loss_of_it_and_no_weight():
    net, balancer, _, rows = bound(QMF())
    heads = balancer.setting.networks.own.heads
    inputs, labels = next(balancer.batches(rows, batch_size=6))
    present = torch.ones(6, 2, dtype=torch.bool)
    present[2, 0] = present[4, 0] = False
    balancer.loss(net(inputs), labels, present)
    history = balancer.setting.method.state["history"]
    assert history.count_nonzero(1).tolist() == [4, 6]
    with torch.no_grad():
        found = balancer.predict(net(inputs), present)
        alone = heads["b"](net.encoders["b"](inputs["b"]))[2]
    torch.testing.assert_close(found[2], energy_confidence(alone[None]) * alone)


def test_confidence_is_recorded_and_predictions_are_the_weighted_sum():
    net, balancer, _, rows = bound(QMF())
    heads = balancer.setting.networks.own.heads
    inputs, labels = next(balancer.batches(rows, batch_size=6))
    with torch.no_grad():
        own = torch.stack([heads[m](net.encoders[m](inputs[m])) for m in "ab"])
        found = balancer.predict(net(inputs))
    torch.testing.assert_close(found, weighted_sum(own, energy_confidence(own)))
    balancer.loss(net(inputs), labels)
    (record,) = balancer.decisions.records
    torch.testing.assert_close(record.values, energy_confidence(own).mean(1))


def test_batches_of_another_loader_and_other_rows_are_refused():
    net, balancer, optimizer, rows = bound(QMF())
    inputs, labels = batches(net)[0]
    with pytest.raises(BalanceError, match=r"QMF follows the rows of every epoch.*batches\("):
        balancer.loss(net(inputs), labels)
    followed(net, balancer, rows, optimizer=optimizer)
    fewer = MultimodalDataset({m: x[:20] for m, x in rows.inputs.items()}, rows.labels[:20])
    with pytest.raises(BalanceError, match=r"each of 24 rows, and the data set of .* has 20"):
        next(balancer.batches(fewer, batch_size=6))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: Balancer(net, QMF(), encoders_of(net), LinearSplit("head"),
                              example=batches(net)[0]), "leave readout out"),
        (lambda net: Balancer(net, QMF(), encoders_of(net), task=MultiLabel(),
                              example=batches(net)[0]), "QMF does not work for"),
        (lambda net: QMF(-1), "QMF beta must be"),
        (lambda net: QMF(margin="x"), "QMF margin must be one of"),
        (lambda net: QMF(0, margin="strict"), "QMF margin has no effect with beta=0"),
        (lambda net: QMF(weights="uniform", through=True), "QMF through has no effect with"),
        (lambda net: ranking_loss(torch.ones(3), torch.ones(2)), "a hardness for each"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make(Sharing({"a": 3, "b": 5}, 4))
