"""OGM-GE in plain Python numbers and loops, from the formulas alone."""

import math

from reference.amss import log_softmax


def scores(logits, labels):
    """s^m: sum over the batch of the probability of the true class. {m: rows} -> {m: s}"""
    return {
        m: sum(math.exp(log_softmax(row)[y]) for row, y in zip(rows, labels, strict=True))
        for m, rows in logits.items()
    }


def ratios(sums):
    """rho^m: mean over the others of s^m / s^k. {m: s} -> {m: rho}"""
    found = {}
    for m, mine in sums.items():
        others = [mine / max(s, 1e-12) for k, s in sums.items() if k != m]
        found[m] = sum(others) / len(others)
    return found


def coefficients(found, alpha):
    """k^m. {m: rho} -> {m: k}"""
    return {m: 1 - math.tanh(alpha * rho) if rho > 1 else 1.0 for m, rho in found.items()}


def spread(values):
    """Standard deviation of numbers, with n - 1."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
