"""DI-MML: values by hand, and what holds for every input."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import DIMML, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.functional import certainty_mixture, dimension_accuracies, drawn_to
from unit.methods.turns import Sharing, batches, encoders_of, taught

Y = torch.tensor([0, 0, 1, 1])
A = torch.tensor([[0.0, 0], [0, 1], [4, 0], [4, 1]])
V = torch.tensor([[1.0, 0], [2, 0], [1, 3], [2, 3]])


def near(found, expected):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=1e-6, rtol=1e-6
    )


def bound(method, *, epochs=8, sizes=None, **options):
    """A model, its balancer and its optimizer."""
    net = Sharing(sizes or {"a": 3, "b": 5}, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    balancer = Balancer(
        net, method, encoders_of(net), optimizers=[optimizer], epochs=epochs,
        loaders={"train": batches(net)}, **options,
    )  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    return net, balancer, optimizer


def test_the_dimensions_have_the_accuracies_worked_out_by_hand():
    near(dimension_accuracies(A, Y, 2), [1, 0.5])
    near(dimension_accuracies(V, Y, 2), [0.5, 1])
    near(dimension_accuracies(A, Y, 3), [1, 0.5])


def test_the_contrast_has_the_values_worked_out_by_hand():
    near(drawn_to(V[:, :1], A[:, :1], 1.0), 3.702390)
    near(drawn_to(A[:, 1:], V[:, 1:], 1.0), 1.814014)
    near(drawn_to(V[:, :1], A[:, :1], 50.0), 1.388293)
    near(drawn_to(V[:, :0], A[:, :0], 1.0), 1.386294)


def test_the_mixture_has_the_values_worked_out_by_hand():
    given = torch.tensor([[[2.0, 0, 0], [0, 0, 0]], [[0, 1, 0], [3, 0, 0]], [[1, 1, 0], [1, 0, 0]]])
    near(certainty_mixture(given, 1.0), [[1.075917, 0.600688, 0], [1.631049, 0, 0]])
    weights = torch.tensor([[0.354904, 0.330814, 0.314282], [0.303397, 0.367631, 0.328972]])
    near(certainty_mixture(given, 3.0), torch.einsum("nr,rnc->nc", weights, given))
    near(certainty_mixture(given, 1e9), given.mean(0))


def test_the_loss_is_of_own_heads_shared_classifier_and_contrast():
    net, balancer, _ = bound(DIMML(0.5, contrast=2.0, temperature=3.0, contrast_from=0.0))
    inputs, labels = batches(net)[0]
    loss = balancer.loss(net(inputs), labels)
    heads, effective = balancer.setting.networks.own, balancer.setting.method.state["effective"]
    features = {m: net.encoders[m](inputs[m]) for m in "ab"}
    expected = sum(cross_entropy(heads.heads[m](f), labels) for m, f in features.items())
    expected += 0.5 * sum(cross_entropy(heads.shared(f), labels) for f in features.values())
    for m, k, rows in (("a", "b", (0, 1)), ("b", "a", (1, 0))):
        taught_by = effective[rows[0]] & ~effective[rows[1]]
        if taught_by.any():
            f, g = features[k][:, taught_by], features[m][:, taught_by]
            expected += 2.0 * drawn_to(f, g, 3.0)
    torch.testing.assert_close(loss, expected)
    every = {m: torch.cat([net.encoders[m](x[m]) for x, _ in batches(net)]).detach() for m in "ab"}
    labels = torch.cat([y for _, y in batches(net)])
    for m, mine in zip("ab", effective, strict=True):
        found = dimension_accuracies(every[m], labels, 3)
        assert torch.equal(mine, found > found.mean())


def test_three_modalities_count_every_pair_once_and_divide():
    method = DIMML(0.0, temperature=2.0, contrast_from=0.0)
    net, balancer, _ = bound(method, sizes={"a": 3, "b": 5, "c": 2})
    inputs, labels = batches(net)[0]
    method.state["effective"] = torch.tensor(
        [[True, False, False, True], [False, True, False, True], [True, True, False, False]]
    )
    loss = balancer.loss(net(inputs), labels)
    f = {m: net.encoders[m](inputs[m]) for m in "abc"}
    heads = balancer.setting.networks.own.heads
    expected = sum(cross_entropy(heads[m](x), labels) for m, x in f.items())
    pairs = [("a", "b", [0]), ("a", "c", [3]), ("b", "a", [1]), ("b", "c", [3]), ("c", "a", [1]),
             ("c", "b", [0])]  # fmt: skip
    expected += sum(drawn_to(f[k][:, d], f[m][:, d], 2.0) for m, k, d in pairs) / 2
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("effective", [[[True, False], [True, False]], [[False] * 2] * 2])
def test_where_none_knows_more_there_is_no_contrast(effective):
    method = DIMML(0.0, contrast_from=0.0)
    net, balancer, _ = bound(method)
    method.state["effective"] = torch.tensor([[*row, *row] for row in effective])
    inputs, labels = batches(net)[0]
    loss = balancer.loss(net(inputs), labels)
    heads = balancer.setting.networks.own.heads
    expected = sum(cross_entropy(heads[m](net.encoders[m](inputs[m])), labels) for m in "ab")
    torch.testing.assert_close(loss, expected)


def test_the_teacher_stands_still_and_only_taught_dimensions_of_the_pupil_move():
    pupil, teacher = V.clone().requires_grad_(), A.clone().requires_grad_()
    drawn_to(pupil[:, :1], teacher[:, :1], 1.0).backward()
    assert teacher.grad is None
    assert (pupil.grad[:, 0] != 0).any() and (pupil.grad[:, 1] == 0).all()


def test_encoders_and_own_heads_stand_still_once_the_fused_head_is_trained():
    net, balancer, optimizer = bound(DIMML(contrast_from=0.25, fusion_from=0.5), epochs=4)
    taught(net, balancer, epochs=2, optimizer=optimizer)
    heads = balancer.setting.networks.own
    before = {n: p.clone() for n, p in [*net.named_parameters(), *heads.named_parameters()]}
    assert not bool(heads.joined)
    with torch.no_grad():
        inputs, _ = batches(net)[0]
        own = [heads.heads[m](net.encoders[m](inputs[m])) for m in "ab"]
        torch.testing.assert_close(
            balancer.predict(net(inputs)), certainty_mixture(torch.stack(own), 1.0)
        )
    losses = taught(net, balancer, epochs=2, optimizer=optimizer)
    moved = {n for n, p in [*net.named_parameters(), *heads.named_parameters()]
             if not torch.equal(p, before[n])}  # fmt: skip
    assert moved == {"head.weight", "head.bias"} and sum(losses[4:]) < sum(losses[:4])
    assert {id(p) for p in optimizer.state} == {id(p) for p in net.head.parameters()}
    with torch.no_grad():
        every = torch.stack([*own, net(inputs)])
        torch.testing.assert_close(balancer.predict(net(inputs)), certainty_mixture(every, 1.0))


def test_its_control_draws_nobody():
    one, other = (
        bound(DIMML(contrast=0.0), epochs=2),
        bound(DIMML(contrast=1.0, contrast_from=0.99), epochs=2),
    )
    for net, balancer, optimizer in (one, other):
        taught(net, balancer, epochs=1, optimizer=optimizer)
        assert balancer.setting.method.state["effective"] is None
    for p, q in zip(one[0].parameters(), other[0].parameters(), strict=True):
        assert torch.equal(p, q)


def test_rows_that_lack_one_modality_are_no_pairs():
    method = DIMML(0.0, temperature=2.0, contrast_from=0.0)
    net, balancer, _ = bound(method)
    method.state["effective"] = torch.tensor([[True, False] * 2, [False, True] * 2])
    inputs, labels = batches(net)[0]
    present = torch.ones(len(labels), 2, dtype=torch.bool)
    present[0, 0] = present[1, 1] = False
    loss = balancer.loss(net(inputs), labels, present)
    f = {m: net.encoders[m](inputs[m]) for m in "ab"}
    heads = balancer.setting.networks.own.heads
    expected = sum(cross_entropy(heads[m](f[m][present[:, k]]), labels[present[:, k]])
                   for k, m in enumerate("ab"))  # fmt: skip
    expected += drawn_to(f["b"][2:, ::2], f["a"][2:, ::2], 2.0)
    expected += drawn_to(f["a"][2:, 1::2], f["b"][2:, 1::2], 2.0)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: Balancer(net, DIMML(), encoders_of(net), LinearSplit("head"), epochs=2,
                              loaders={"train": batches(net)}), "leave readout out"),
        (lambda net: Balancer(net, DIMML(), encoders_of(net), epochs=2,
                              loaders={"train": batches(net)}, task=MultiLabel()),
         "DIMML does not work for"),
        (lambda net: Balancer(net, DIMML(), encoders_of(net), epochs=2), "reads the train set"),
        (lambda net: DIMML(contrast=0.0, temperature=2.0), "temperature has no effect"),
        (lambda net: DIMML(mixing=0), "DIMML mixing must be"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make(Sharing({"a": 3, "b": 5}, 4))
