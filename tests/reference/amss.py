"""AMSS and AMSS+ in plain Python numbers and loops, from the formulas alone."""

import math


def log_softmax(row):
    largest = max(row)
    total = math.log(sum(math.exp(x - largest) for x in row))
    return [x - largest - total for x in row]


def cross_entropy(logits, labels):
    """Mean over the samples, in nats."""
    return -sum(log_softmax(row)[y] for row, y in zip(logits, labels, strict=True)) / len(labels)


def feature_entropy(features):
    """Mean over the samples of H(softmax(z)), in nats."""
    total = 0.0
    for row in features:
        total -= sum(math.exp(x) * x for x in log_softmax(row))
    return total / len(features)


def frequencies(labels, classes):
    return [sum(y == c for y in labels) / len(labels) for c in range(classes)]


def entropy(chances):
    return -sum(q * math.log(q) for q in chances if q > 0)


def significance(logits, features, labels, seen_labels):
    """rho^k = (H(Y) - CE) / max(H(z), 1e-3), H(Y) of all labels seen so far."""
    known = entropy(frequencies(seen_labels, len(logits[0][0])))
    return [
        (known - cross_entropy(o, labels)) / max(feature_entropy(z), 1e-3)
        for o, z in zip(logits, features, strict=True)
    ]


def shares(rho, tau, clamp=(0.1, 0.9)):
    """r^k = 1 - softmax(rho / tau)_k, clamped."""
    softmax = [math.exp(x) for x in log_softmax([x / tau for x in rho])]
    return [min(max(1 - s, clamp[0]), clamp[1]) for s in softmax]


def confused_entropy(labels):
    """CrossEntropyLoss()(q, q): the histogram, counted up to the highest label, as logits too."""
    q = frequencies(labels, max(labels) + 1)
    return -sum(a * b for a, b in zip(q, log_softmax(q), strict=True))


def released(script, logits, features, labels, tau, clamp=(0.1, 0.9), strong=False):
    """Significance and fractions of the three released scripts, guards and constants included."""
    bits = entropy(frequencies(labels, len(logits[0][0]))) / math.log(2)
    rho, guards = [], []
    for o, z in zip(logits, features, strict=True):
        ce, h = cross_entropy(o, labels), feature_entropy(z)
        if script == "av":
            numerator = confused_entropy(labels) - ce + 0.5
            guards.append(numerator)
            rho.append(numerator / h)
        elif script == "it":
            guards.append(bits - ce + 0.5)
            rho.append(bits - ce)
        else:
            guards.append(bits - ce + 2)
            rho.append((bits - ce + 3) / (len(labels) * h / math.log(2) / 40))
    if min(guards) <= 0:
        return rho, [0.5] * len(rho)
    return rho, shares([-x for x in rho] if strong else rho, tau, clamp)


def importances(parameters, units):
    """Sum of squared gradients by unit; ``parameters`` are (rows, unit of a row) each."""
    found = [0.0] * units
    for rows, unit_of in parameters:
        for number, row in enumerate(rows):
            for g in row:
                found[unit_of(number)] += g * g
    return found


def probabilities(importance, smoothing):
    n, total = len(importance), sum(importance)
    if total == 0:
        return [1 / n] * n
    return [(1 - smoothing) * f / total + smoothing / n for f in importance]


def mask(p, fraction, exponentials, weighting="none", bias=0.0, cap=None):
    """Factor of every unit: the ceil(n r) that arrive first, weighted."""
    n = len(p)
    least = 2 if weighting == "unbiased" else 1
    count = min(n, max(least, math.ceil(n * fraction - 1e-6)))
    times = [exponentials[j] / p[j] for j in range(n)]
    order = sorted(range(n), key=lambda j: times[j])
    kappa = times[order[count]] if count < n else math.inf
    factors = [0.0] * n
    for j in order[:count]:
        factors[j] = {
            "none": lambda j=j: 1.0,
            "unbiased": lambda j=j: 1 / (1 - math.exp(-p[j] * kappa)),
            "official": lambda j=j: 1 / (p[j] + 1 / n + bias),
            "scaled": lambda j=j: 1 / (n * p[j] + 1),
        }[weighting]()
        if weighting == "unbiased" and cap is not None:
            factors[j] = min(factors[j], cap)
    return factors


def masked(parameters, factors):
    """Gradients of :func:`importances`' form with every row multiplied by its unit's factor."""
    return [
        [[g * factors[unit_of(number)] for g in row] for number, row in enumerate(rows)]
        for rows, unit_of in parameters
    ]
