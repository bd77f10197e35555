"""Methods of the field in plain Python numbers and loops, from the formulas alone."""

import math

from reference.amss import log_softmax


def mean(values):
    """Of numbers."""
    values = list(values)
    return sum(values) / len(values)


def own_logits(features, weight, bias):
    """Parts of a linear head: the bias is shared out. {m: rows}, rows, numbers -> {m: rows}"""
    found, start = {}, 0
    for m, rows in features.items():
        width = len(rows[0])
        block = [row[start : start + width] for row in weight]
        found[m] = [
            [sum(w * x for w, x in zip(ws, row, strict=True)) + b / len(features)
             for ws, b in zip(block, bias, strict=True)]
            for row in rows
        ]  # fmt: skip
        start += width
    return found


def log_likelihoods(logits, labels):
    """Mean log-likelihood of every modality. {m: rows} -> {m: float}"""
    return {
        m: mean(log_softmax(row)[y] for row, y in zip(rows, labels, strict=True))
        for m, rows in logits.items()
    }


def entropy(row):
    """Of the softmax of numbers, in nats."""
    return -sum(math.exp(p) * p for p in log_softmax(row))


def asymmetry(logits, temperature, floor):
    """Weights of ARL. {m: rows} -> {m: float}"""
    size = {m: sum(mean(abs(r[c]) for r in rows) for c in range(len(rows[0])))
            for m, rows in logits.items()}  # fmt: skip
    share = {m: s / sum(size.values()) for m, s in size.items()}
    noise = {m: mean(entropy(row) for row in rows) for m, rows in logits.items()}
    bounded = {m: max(h / sum(noise.values()), floor) for m, h in noise.items()}
    sure = {m: (1 / h) / sum(1 / k for k in bounded.values()) for m, h in bounded.items()}
    power = {
        m: math.exp(temperature * sure[m] * mean(d for k, d in share.items() if k != m))
        for m in logits
    }
    return {m: p / sum(power.values()) for m, p in power.items()}


def pulls(scores, beta):
    """Strengths of InfoReg. {m: float} -> {m: float}"""
    found = {}
    for m, mine in scores.items():
        behind = [mine - s for s in scores.values() if s < mine]
        found[m] = math.exp(beta * math.tanh(mean(behind))) if behind else 0.0
    return found


def rates(base, scores, window):
    """Factors of MSLR after every epoch. float, numbers -> numbers"""
    found = []
    for t, score in enumerate(scores):
        before = scores[t - window : t] if t >= window else []
        found.append(base * score / mean(before) if before and sum(before) else base)
    return found


def stopping(losses, patience, smoothing=0.4):
    """Epochs, from 1, at which MSES stops and to which it goes back, or None. -> (int, int)"""
    best, at = math.inf, 0
    for t, loss in enumerate(losses, start=1):
        smooth = loss if t == 1 else (1 - smoothing) * losses[t - 2] + smoothing * loss
        if smooth < best:
            best, at = smooth, t
        elif t - at > patience:
            return t, at
    return None
