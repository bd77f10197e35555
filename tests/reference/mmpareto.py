"""MMPareto in plain Python numbers and loops, from the formulas alone."""

import math


def dot(one, other):
    """Of two lists of numbers."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def weight(joint, own):
    """a. Two lists of numbers -> float"""
    if dot(joint, own) > 0:
        return 0.5
    squares, both, other = dot(joint, joint), dot(joint, own), dot(own, own)
    if both >= squares:
        return 0.999
    if both >= other:
        return 0.001
    return (other - both) / (squares + other - 2 * both)


def gradients(joint, own, gamma):
    """What is written for each parameter. Lists of lists of numbers -> the same"""
    a = weight([g for p in joint for g in p], [u for p in own for u in p])
    found = []
    for g, u in zip(joint, own, strict=True):
        h = [2 * a * x + 2 * (1 - a) * y for x, y in zip(g, u, strict=True)]
        length = math.sqrt(dot(h, h))
        total = [x + y for x, y in zip(g, u, strict=True)]
        ratio = max(math.sqrt(dot(total, total)) / length, 1) if length else 0
        found.append([gamma * ratio * x for x in h])
    return found
