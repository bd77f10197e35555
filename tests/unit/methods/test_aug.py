"""AUG: values by hand, and what holds for every input."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import AUG, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.functional import boosting_loss, lagging
from equimodal.numerics.scores import true_class_probability
from unit.methods.turns import Sharing, batches, encoders_of, taught

FIRST = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
SECOND = torch.tensor([[0.0, 1, 0], [0, 2, 0]])
LABELS = torch.tensor([0, 1])


def near(found, expected):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=2e-6, rtol=0
    )


def bound(method, *, sizes=None, rate=0.05, **options):
    """A model, its balancer and its optimizer."""
    net = Sharing(sizes or {"a": 3, "b": 5}, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    balancer = Balancer(
        net, method, encoders_of(net), optimizers=[optimizer], example=batches(net)[0], **options
    )
    optimizer.add_param_group({"params": list(balancer.parameters()), "lr": rate})
    return net, balancer, optimizer


def heads_of(balancer):
    return balancer.setting.networks.own


def by_hand(heads, m, features, places):
    """The sum of some classifiers of a modality."""
    return sum(heads.last(heads.first[m][j](features).relu()) for j in places)


@pytest.mark.parametrize(
    ("parts", "lam", "expected"),
    [
        ([FIRST], 0.5, 0.551445),
        ([FIRST, SECOND], 0.5, 1.667444),
        ([FIRST, SECOND], 0.0, 1.925398),
        ([FIRST, SECOND, torch.zeros(2, 3)], 0.5, 1.689758),
    ],
)
def test_the_loss_has_the_values_worked_out_by_hand(parts, lam, expected):
    near(boosting_loss(torch.stack(parts), LABELS, lam), expected)


def test_the_loss_falls_with_lam_and_no_gradient_passes_the_weights():
    parts = torch.stack([FIRST, SECOND]).requires_grad_()
    losses = [float(boosting_loss(parts.detach(), LABELS, lam)) for lam in (0, 0.3, 0.6, 1)]
    assert losses == sorted(losses, reverse=True) and len(set(losses)) == 4
    (found,) = torch.autograd.grad(boosting_loss(parts, LABELS, 1.0), parts)
    (alone,) = torch.autograd.grad(
        cross_entropy(parts.sum(0), LABELS) + cross_entropy(parts[0], LABELS), parts
    )
    near(found[0], alone[0])
    assert not torch.equal(found[1], alone[1])


def test_scores_and_lags_have_the_values_worked_out_by_hand():
    scores = torch.stack([
        true_class_probability(z, LABELS).sum() for z in (FIRST + SECOND, FIRST)
    ])  # fmt: skip
    near(scores, [1.331762, 1.152234])
    near(scores[0] / scores[1], 1.155809)
    for test in ("difference", "ratio"):
        assert lagging(scores / 2, 0.01, test=test).tolist() == [False, True]
        assert lagging(torch.tensor([0.4, 0.4]), 0.01, test=test).tolist() == [False, False]
        found = lagging(torch.tensor([0.8, 0.8, 0.5, torch.nan]), 0.01, test=test)
        assert found.tolist() == [False, False, True, False]
    near_one = torch.tensor([0.5, 0.493])
    assert lagging(near_one, 0.01, test="ratio")[1] and not lagging(near_one, 0.01)[1]
    assert not lagging(torch.tensor([0.6, 0.5]), 0.01, sigma=1.25).any()


def test_the_modality_that_lags_gets_classifiers_and_no_other():
    method = AUG(every=2, tau=0.0, most=3)
    net, balancer, optimizer = bound(method, sizes={"a": 3, "b": 5, "c": 2}, rate=0.0)
    heads = heads_of(balancer)
    for epoch in range(10):
        with torch.no_grad():
            known = {
                m: sum(float(true_class_probability(own, y).sum()) for x, y in batches(net)
                       for own in heads.each({m: net.encoders[m](x[m])}).values())
                for m in "abc"
            }  # fmt: skip
        before, surest = dict(heads.counts), max(known, key=known.get)
        taught(net, balancer, optimizer=optimizer)
        expected = {m: min(n + (m != surest), 3) if epoch % 2 else n for m, n in before.items()}
        assert heads.counts == expected
        assert heads.held.tolist() == list(heads.counts.values())
    assert method.acted and max(heads.counts.values()) == 3


def test_scores_are_means_over_the_epoch_of_the_decision_alone():
    net, balancer, optimizer = bound(AUG(every=2, tau=0.0), rate=0.0)
    method, heads = balancer.setting.method, heads_of(balancer)
    for inputs, labels in batches(net):
        balancer.loss(net(inputs), labels).backward()
        balancer.before_step()
    with torch.no_grad():
        known = [
            torch.cat([true_class_probability(heads.each({m: net.encoders[m](x[m])})[m], y)
                       for x, y in batches(net)])
            for m in "ab"
        ]  # fmt: skip
    sums = method.state["scores"]
    torch.testing.assert_close(sums[:, 0] / sums[:, 1], torch.stack([k.mean() for k in known]))
    optimizer.zero_grad()
    balancer.epoch_end()
    assert method.state["scores"] is None and heads.counts == {"a": 1, "b": 1}
    weaker = "ab"[int(known[0].mean() > known[1].mean())]
    taught(net, balancer, optimizer=optimizer)
    assert heads.counts == {"a": 1, "b": 1} | {weaker: 2}
    (record,) = [r for r in balancer.decisions.drain() if r["name"] == "classifiers"]
    assert record["values"] == heads.counts


def test_added_classifiers_change_the_sum_by_their_term_and_are_trained():
    net, balancer, optimizer = bound(AUG(every=100))
    heads = heads_of(balancer)
    held = {id(p) for g in optimizer.param_groups for p in g["params"]}
    assert {id(p) for p in heads.parameters()} <= held
    features = torch.randn(6, 4).double()
    before = heads.each({"a": features})["a"]
    heads.grow("a")
    added = heads.each({"a": features})["a"] - before
    torch.testing.assert_close(added, by_hand(heads, "a", features, [1]))
    weights = {n: p.detach().clone() for n, p in heads.named_parameters()}
    taught(net, balancer, optimizer=optimizer)
    moved = {n for n, p in heads.named_parameters() if not torch.equal(p, weights[n])}
    trained = [f"first.{k}.{x}" for k in ("a.0", "a.1", "b.0") for x in ("weight", "bias")]
    assert moved == {*trained, "last.weight", "last.bias"}


def test_released_classifiers_stay_as_they_were_drawn():
    net, balancer, optimizer = bound(AUG(classifiers=3, most=3, train_added=False))
    heads = heads_of(balancer)
    before = [heads.first["a"][j].weight.detach().clone() for j in range(3)]
    taught(net, balancer, optimizer=optimizer)
    assert [torch.equal(heads.first["a"][j].weight, before[j]) for j in range(3)] == [
        False, True, True,
    ]  # fmt: skip
    assert all(not layer.bias.any() for layer in heads.first["a"][1:])


def test_in_turns_each_modality_has_an_update_of_its_own():
    net, balancer, optimizer = bound(AUG(every=100, alternate=True))
    seen = []
    for inputs, labels in balancer.repeat(batches(net, count=1)):
        loss = balancer.loss(net(inputs), labels)
        m = "ab"[len(seen)]
        own = heads_of(balancer).each({m: net.encoders[m](inputs[m])})[m]
        torch.testing.assert_close(loss, cross_entropy(own, labels))
        loss.backward()
        balancer.before_step()
        seen.append([n for n in "ab" if net.encoders[n][0].weight.grad is not None])
        optimizer.step()
        optimizer.zero_grad()
    assert seen == [["a"], ["b"]]
    assert balancer.setting.method.state["scores"][:, 1].tolist() == [6, 6]


def test_with_one_classifier_each_it_is_unimodal_losses_through_one_last_layer():
    net, balancer, _ = bound(AUG(every=100))
    heads = heads_of(balancer)
    inputs, labels = batches(net)[0]
    own = {m: by_hand(heads, m, net.encoders[m](inputs[m]), [0]) for m in "ab"}
    torch.testing.assert_close(
        balancer.loss(net(inputs), labels), sum(cross_entropy(z, labels) for z in own.values())
    )
    with torch.no_grad():
        torch.testing.assert_close(balancer.predict(net(inputs)), sum(own.values()) / 2)


def test_a_checkpoint_holds_how_many_classifiers_there_are():
    _, balancer, _ = bound(AUG(every=100))
    heads_of(balancer).grow("b")
    _, again, _ = bound(AUG(every=100))
    again.load_state_dict(balancer.state_dict())
    assert heads_of(again).counts == {"a": 1, "b": 2}


def test_none_is_decided_where_there_are_as_many_as_may_be():
    method = AUG(classifiers=2, most=2)
    assert not method.has_stage("on_epoch_end") and "epochs" not in method.needs and method.acted
    net, balancer, optimizer = bound(method)
    taught(net, balancer, epochs=2, optimizer=optimizer)
    assert heads_of(balancer).counts == {"a": 2, "b": 2} and method.state["scores"] is None


def test_a_modality_that_is_missing_in_a_batch_has_no_term_and_no_score():
    net, balancer, _ = bound(AUG(every=100))
    inputs, labels = batches(net)[0]
    present = torch.tensor([[False, True]]).expand(6, 2)
    found = balancer.loss(net(inputs), labels, present)
    own = by_hand(heads_of(balancer), "b", net.encoders["b"](inputs["b"]), [0])
    torch.testing.assert_close(found, cross_entropy(own, labels))
    assert balancer.setting.method.state["scores"][:, 1].tolist() == [0, 6]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: Balancer(net, AUG(), encoders_of(net), LinearSplit("head"),
                              example=batches(net)[0]), "leave readout out"),
        (lambda net: Balancer(net, AUG(), encoders_of(net), task=MultiLabel(),
                              example=batches(net)[0]), "AUG does not work for"),
        (lambda net: AUG(2), "AUG lam must be"),
        (lambda net: AUG(every=0), "AUG every must be"),
        (lambda net: AUG(sigma=0.5), "AUG sigma must be"),
        (lambda net: AUG(test="x"), "AUG test must be one of"),
        (lambda net: AUG(classifiers=4, most=3), "AUG classifiers must be at most 3"),
        (lambda net: AUG(classifiers=3, most=3, tau=0.1), "AUG tau has no effect where none can"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make(Sharing({"a": 3, "b": 5}, 4))


def test_without_planned_epochs_it_asks_for_them():
    net, balancer, _ = bound(AUG())
    inputs, labels = batches(net)[0]
    with pytest.raises(BalanceError, match=r"pass epochs=\.\.\. to Balancer"):
        balancer.loss(net(inputs), labels)
