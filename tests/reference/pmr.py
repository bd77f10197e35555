"""PMR for one batch, over plain numbers."""

import math


def distance(one, other):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(one, other, strict=True)))


def prototypes(features, labels, classes):
    """Mean row of each class; None where it has no row."""
    found = []
    for k in range(classes):
        rows = [f for f, y in zip(features, labels, strict=True) if y == k]
        found.append(
            [sum(column) / len(rows) for column in zip(*rows, strict=True)] if rows else None
        )
    return found


def probabilities(row, centres):
    """softmax(-distance) over the classes that have a prototype."""
    terms = [0.0 if c is None else math.exp(-distance(row, c)) for c in centres]
    return [t / sum(terms) for t in terms]


def terms(features, labels, centres):
    """Mean true probability, cross-entropy and entropy of the rows whose class has a prototype."""
    kept = [(f, y) for f, y in zip(features, labels, strict=True) if centres[y] is not None]
    chances = [probabilities(f, centres) for f, _ in kept]
    score = sum(p[y] for p, (_, y) in zip(chances, kept, strict=True)) / len(kept)
    pce = sum(-math.log(p[y]) for p, (_, y) in zip(chances, kept, strict=True)) / len(kept)
    spread = sum(-q * math.log(q) for p in chances for q in p if q > 0) / len(kept)
    return score, pce, spread


def loss(base, features, labels, centres, alpha, mu):
    """``features`` and ``centres`` of every modality."""
    found = [terms(f, labels, c) for f, c in zip(features, centres, strict=True)]
    scores = [s for s, _, _ in found]
    for s, pce, spread in found:
        base += alpha * min(max(max(scores) / s - 1, 0), 1) * pce
        base -= mu * min(max(s / min(scores) - 1, 0), 1) * spread
    return base
