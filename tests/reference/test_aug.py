"""AUG equals a loop over rows and classifiers that are put in as they are needed."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import AUG, Balancer
from unit.methods.turns import Sharing, batches, encoders_of, taught

SIZES = {"a": 3, "b": 5, "c": 2}
RATE, LAM = 0.05, 0.7


def one(heads, m, j, features):
    """Logits of a classifier for one row."""
    layer = heads.first[m][j]
    hidden = (layer.weight @ features + layer.bias).clamp(min=0)
    return heads.last.weight @ hidden + heads.last.bias


def terms(heads, counts, m, features, label):
    """Loss of a row and the probability of its class."""
    each = [one(heads, m, j, features) for j in range(counts[m])]
    loss = cross_entropy(sum(each), label)
    known = float(sum(each).softmax(0)[label].detach())
    if len(each) > 1:
        others = sum(each[:-1])
        sure = float(others.softmax(0)[label].detach())
        loss = loss + cross_entropy(others, label)
        loss = loss + (1 - LAM * sure) * cross_entropy(each[-1], label)
    return loss, known


def reference(net, heads, *, epochs, every, alternate):
    """Parameters and numbers of classifiers after so many epochs."""
    counts = dict.fromkeys(SIZES, 1)
    weights = [*net.encoders.parameters(), *heads.parameters()]
    groups = [[m] for m in SIZES] if alternate else [[*SIZES]]
    for epoch in range(1, epochs + 1):
        known = {m: [] for m in SIZES}
        for inputs, labels in batches(net):
            for group in groups:
                for p in weights:
                    p.grad = None
                total = 0.0
                for m in group:
                    for row, label in zip(inputs[m], labels, strict=True):
                        loss, sure = terms(heads, counts, m, net.encoders[m](row), label)
                        total = total + loss / len(labels)
                        known[m].append(sure)
                total.backward()
                with torch.no_grad():
                    for p in weights:
                        if p.grad is not None:
                            p -= RATE * p.grad
        score = {m: sum(k) / len(k) for m, k in known.items()}
        for m in SIZES:
            if epoch % every == 0 and max(score.values()) - score[m] > 0:
                counts[m] += 1
    return weights, counts


@pytest.mark.parametrize("alternate", [False, True])
def test_it_equals_the_loop_over_rows(alternate):
    net = Sharing(SIZES, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    balancer = Balancer(net, AUG(LAM, every=2, tau=0.0, alternate=alternate), encoders_of(net),
                        optimizers=[optimizer], example=batches(net)[0])  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters()), "lr": RATE})
    heads = balancer.setting.networks.own
    mine, theirs = Sharing(SIZES, 4), copy.deepcopy(heads)
    taught(net, balancer, epochs=6, optimizer=optimizer)
    expected, counts = reference(mine, theirs, epochs=6, every=2, alternate=alternate)
    assert heads.counts == counts and max(counts.values()) > 2
    found = [*net.encoders.parameters(), *heads.parameters()]
    for ours, its in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, its, rtol=0, atol=1e-9)
