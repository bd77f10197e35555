"""Slow trainings on lists of items, row by row, and what SMV, remix and BSS list."""

import math
from itertools import combinations, permutations

import torch
from torch.nn.functional import cross_entropy

from equimodal.numerics.random import order_generator

MODALITIES = "ab"


def logits(model, data, row, kept, *, whole_bias=True):
    """Logits of one row from the features of some modalities, weights times features one by one."""
    with torch.no_grad():
        model.eval()
        head, start = model.head, 0
        out = head.bias.clone() * (1.0 if whole_bias else len(kept) / len(MODALITIES))
        for m in MODALITIES:
            features = model.encoders[m](data.inputs[m][row : row + 1])[0]
            width = len(features)
            if m in kept:
                out = out + head.weight[:, start : start + width] @ features
            start += width
        model.train()
    return out


def softmax(values):
    top = max(values)
    exps = [math.exp(v - top) for v in values]
    return [e / sum(exps) for e in exps]


def worth(model, data, row, kept):
    """How many modalities are kept, if their prediction is right."""
    if not kept:
        return 0
    right = int(logits(model, data, row, kept).argmax()) == int(data.labels[row])
    return len(kept) * right


def contributions(model, data, row):
    """Shapley values as the mean over all orders in which modalities join."""
    found = dict.fromkeys(MODALITIES, 0.0)
    orders = list(permutations(MODALITIES))
    for order in orders:
        there = []
        for m in order:
            before = worth(model, data, row, there)
            there.append(m)
            found[m] += (worth(model, data, row, there) - before) / len(orders)
    return found


def copies(value):
    if value < -0.1:
        return 3
    return 2 if value < 0.4 - 1e-6 else 1 if value < 1 - 1e-6 else 0


def smv_items(model, data):
    """One block: every row with both, then copies by modality and row."""
    items = [(i, MODALITIES) for i in range(len(data))]
    values = [contributions(model, data, i) for i in range(len(data))]
    for m in MODALITIES:
        items += [(i, m) for i, v in enumerate(values) for _ in range(copies(v[m]))]
    return [items]


def bits(chances):
    return sum(p * math.log2(max(p, 1e-9) * len(chances)) for p in chances)


def own_chances(model, data, row, m):
    return softmax(logits(model, data, row, m, whole_bias=False).tolist())


def remix_items(model, data):
    """A block of the rows of each modality, the last one first."""
    given = {m: [] for m in reversed(MODALITIES)}
    for i in range(len(data)):
        least = min(bits(own_chances(model, data, i, m)) for m in MODALITIES)
        for m in given:
            if bits(own_chances(model, data, i, m)) == least:
                given[m].append((i, m))
                break
    return [items for items in given.values() if items]


def views(model, data, row, weight):
    """Agreement and loss of a row."""
    label = int(data.labels[row])
    own = [own_chances(model, data, row, m) for m in MODALITIES]
    cosines = [
        sum(p * q for p, q in zip(one, other, strict=True))
        / math.sqrt(sum(p * p for p in one) * sum(q * q for q in other))
        for one, other in combinations(own, 2)
    ]
    fused = softmax(logits(model, data, row, MODALITIES).tolist())
    loss = -math.log(fused[label]) - weight * sum(math.log(p[label]) for p in own)
    return sum(cosines) / len(cosines), loss


def spread(values):
    low, high = min(values), max(values)
    return [(v - low) / (high - low) for v in values]


def bss_order(model, data, weight=1.0):
    """Rows from the easiest to the hardest."""
    found = [views(model, data, i, weight) for i in range(len(data))]
    agree, loss = (spread([v[k] for v in found]) for k in (0, 1))
    difficulty = [1 - a + x for a, x in zip(agree, loss, strict=True)]
    return sorted(range(len(data)), key=lambda i: difficulty[i])


def batches(blocks, size, *, seed, epoch):
    """Items of one block after the other, each in the order of its own draw."""
    for place, items in enumerate(blocks):
        draw = order_generator(seed, f"items/{place}/0", epoch)
        order = torch.randperm(len(items), generator=draw).tolist()
        for k in range(0, len(order), size):
            yield [items[i] for i in order[k : k + size]]


def descend(training, items, objective):
    """One step of plain descent at rate 0.1 on the mean loss of the items, each alone."""
    model, data = training.model, training.data
    total = 0.0
    for row, kept in items:
        features = [
            model.encoders[m](data.inputs[m][row : row + 1]) * (m in kept) for m in MODALITIES
        ]
        z = model.head(torch.cat(features, 1))
        widths = [f.shape[1] for f in features]
        blocks = torch.split(model.head.weight, widths, dim=1)
        own = {
            m: f @ w.T + model.head.bias / len(MODALITIES)
            for m, f, w in zip(MODALITIES, features, blocks, strict=True)
        }
        label = data.labels[row : row + 1]
        total = total + objective(z, {m: u for m, u in own.items() if m in kept}, label)
    (total / len(items)).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
            p.grad = None


def fused(z, own, label):
    return cross_entropy(z, label)


def fused_and_own(weight):
    """The fused loss and every kept modality's own."""
    return lambda z, own, y: (
        cross_entropy(z, y) + weight * sum(cross_entropy(u, y) for u in own.values())
    )
