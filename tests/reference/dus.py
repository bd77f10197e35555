"""DUS in plain Python numbers and loops, from the formulas alone."""

import math
from fractions import Fraction

from reference.amss import log_softmax


def score(logits, labels):
    """Mean probability of the true class."""
    return sum(math.exp(log_softmax(r)[y]) for r, y in zip(logits, labels, strict=True)) / len(
        labels
    )


def inverse_shares(scores):
    """q^j = (S - s^j) / ((M - 1) S), in exact arithmetic."""
    exact = [Fraction(s) for s in scores]
    total = sum(exact)
    if total == 0:
        return [Fraction(1, len(exact))] * len(exact)
    return [(total - s) / ((len(exact) - 1) * total) for s in exact]


def counts(shares, budget, minimum, multiple=1):
    """Rows by largest remainders: first the minimum to all, the rest in ``multiple``s by need."""
    people = range(len(shares))
    least = -(-minimum // multiple) * multiple
    if least * len(shares) > budget:
        least, multiple = minimum, 1
    need = [max(Fraction(0), shares[j] * budget - least) for j in people]
    parcels = (budget - least * len(shares)) // multiple
    due = [need[j] / sum(need) * parcels if sum(need) else Fraction(0) for j in people]
    rows = [least + int(due[j]) * multiple for j in people]
    left = parcels - sum(int(d) for d in due)
    for j in sorted(people, key=lambda j: int(due[j]) - due[j])[:left]:
        rows[j] += multiple
    rows[max(people, key=lambda j: shares[j])] += budget - sum(rows)
    return rows


def loss(features, weight, bias, labels, divisors):
    """L = sum_j 1/Z_j sum_i CE(W_j z_i + b / M, y_i), by modality, sample and class."""
    total, start = 0.0, 0
    for j, rows in enumerate(features):
        for row, y in zip(rows, labels[j], strict=True):
            logits = [
                sum(w * z for w, z in zip(weight[c][start:], row, strict=False))
                + bias[c] / len(features)
                for c in range(len(bias))
            ]
            total -= log_softmax(logits)[y] / divisors[j]
        start += len(rows[0])
    return total


def window_reward(before, after):
    """Fall of the largest gap between modalities plus the mean rise of the scores."""
    fall = (max(before) - min(before)) - (max(after) - min(after))
    return fall + sum(b - a for a, b in zip(before, after, strict=True)) / len(before)


def advantages(rewards, decay=0.9):
    """(R_w - b_w) / sqrt(v_w), both written out as weighted sums over all rewards so far.

    b_w is R_1 where there is no earlier reward; later R_1 keeps the weight that the others leave.
    v_w is the mean of (R_i - b_i)^2, i = 1 to w, with weights decay^(w-i), brought to sum 1.
    """
    distances, found = [], []
    for w in range(1, len(rewards) + 1):
        earlier = range(2, w)
        weights = {i: (1 - decay) * decay ** (w - 1 - i) for i in earlier}
        weights[1] = 1 - sum(weights.values())
        baseline = sum(weight * rewards[i - 1] for i, weight in weights.items())
        distances.append(rewards[w - 1] - baseline)
        shares = [decay ** (w - i) for i in range(1, w + 1)]
        squares = sum(s * d**2 for s, d in zip(shares, distances, strict=True)) / sum(shares)
        found.append(distances[-1] / max(squares, 1e-12) ** 0.5)
    return found


def reinforce(log_probabilities, actions, weights, entropy):
    """-mean_w A_w log pi(a_w) - entropy * mean_w H(pi_w), log-probabilities added over choices."""
    total = 0.0
    for choices, chosen, weight in zip(log_probabilities, actions, weights, strict=True):
        for options, action in zip(choices, chosen, strict=True):
            total -= weight * options[action]
            total += entropy * sum(math.exp(x) * x for x in options)
    return total / len(weights)
