"""DI-MML equals a loop of samples, dimensions and stages."""

import math

import torch
from torch.nn.functional import cross_entropy

from equimodal import DIMML, Balancer
from unit.methods.turns import Sharing, batches, encoders_of, taught

SIZES = {"a": 3, "b": 5}
RATE, MOMENTUM, TEMPERATURE, WEIGHT = 0.05, 0.9, 5.0, 0.7


def accuracies(rows, labels, classes):
    """Of each dimension alone, number by number."""
    found = []
    for d in range(len(rows[0])):
        means = {c: [r[d] for r, y in zip(rows, labels, strict=True) if y == c]
                 for c in range(classes)}  # fmt: skip
        means = {c: sum(v) / len(v) for c, v in means.items() if v}
        near = [min(means, key=lambda c: abs(r[d] - means[c])) for r in rows]
        found.append(sum(n == y for n, y in zip(near, labels, strict=True)) / len(rows))
    return found


def contrast(pupil, teacher):
    """Mean over the rows of minus the log share of the own row; (N, D) with graph, fixed."""
    total = 0
    for i in range(len(pupil)):
        each = torch.stack([(pupil[i] * teacher[j]).sum() / TEMPERATURE for j in range(len(pupil))])
        total = total + each.logsumexp(0) - each[i]
    return total / len(pupil)


def reference(net, heads, shared, *, epochs, drawn_from, fused_from):
    """Parameters after so many epochs, by hand."""
    weights = [*net.parameters(), *heads.parameters(), *shared.parameters()]
    speeds, taught_by = {}, None
    for epoch in range(epochs):
        if epoch == drawn_from:
            labels = [y for _, ys in batches(net) for y in ys.tolist()]
            known = {}
            for m in SIZES:
                rows = [r for x, _ in batches(net) for r in net.encoders[m](x[m]).tolist()]
                found = accuracies(rows, labels, 3)
                known[m] = {d for d, a in enumerate(found) if a > math.fsum(found) / len(found)}
            taught_by = {m: sorted(known[m] - known[k]) for m, k in (("a", "b"), ("b", "a"))}
        if epoch == fused_from:
            speeds = {}
        for inputs, labels in batches(net):
            for p in weights:
                p.grad = None
            features = {m: net.encoders[m](inputs[m]) for m in SIZES}
            if epoch >= fused_from:
                features = {m: f.detach() for m, f in features.items()}
                loss = cross_entropy(sum(net.head(f) for f in features.values()), labels)
            else:
                loss = sum(cross_entropy(heads[m](f), labels) for m, f in features.items())
                loss = loss + WEIGHT * sum(
                    cross_entropy(shared(f), labels) for f in features.values()
                )
                for m, k in (("a", "b"), ("b", "a")) if taught_by else ():
                    if taught_by[m]:
                        mine, theirs = features[m].detach(), features[k]
                        loss = loss + contrast(theirs[:, taught_by[m]], mine[:, taught_by[m]])
            loss.backward()
            with torch.no_grad():
                for i, p in enumerate(weights):
                    if p.grad is not None:
                        speeds[i] = MOMENTUM * speeds[i] + p.grad if i in speeds else p.grad.clone()
                        p -= RATE * speeds[i]
    return weights, taught_by


def test_it_equals_the_loop_of_stages():
    net = Sharing(SIZES, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    method = DIMML(WEIGHT, temperature=TEMPERATURE, contrast_from=0.25, fusion_from=0.75)
    balancer = Balancer(net, method, encoders_of(net), optimizers=[optimizer], epochs=8,
                        loaders={"train": batches(net)})  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    own = balancer.setting.networks.own
    other = Sharing(SIZES, 4)
    heads = torch.nn.ModuleDict({m: torch.nn.Linear(4, 3).double() for m in SIZES})
    heads.load_state_dict(own.heads.state_dict())
    shared = torch.nn.Linear(4, 3).double()
    shared.load_state_dict(own.shared.state_dict())
    taught(net, balancer, epochs=8, optimizer=optimizer)
    expected, taught_by = reference(other, heads, shared, epochs=8, drawn_from=2, fused_from=6)
    assert any(taught_by.values())
    found = [*net.parameters(), *own.heads.parameters(), *own.shared.parameters()]
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)
