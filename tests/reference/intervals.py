"""The interval of the page, in loops, as its formula reads."""

from math import sqrt
from statistics import fmean, variance

from scipy.stats import t


def slow_half(values, units):
    """Half the width; None without two units. Lists over seeds of lists over samples."""
    n, every = len(values), sorted({u for own in units for u in own})
    count = len(every)
    if count < 2:
        return None
    means = [fmean(own) for own in values]
    sums = []
    for own, names, mean in zip(values, units, means, strict=True):
        found = {}
        for value, name in zip(own, names, strict=True):
            found[name] = found.get(name, 0.0) + value - mean
        sums.append(found)
    products = []
    for s in range(n):
        for other in range(n):
            if s != other or n == 1:
                total = 0.0
                for name in every:
                    if name in sums[s] and name in sums[other]:
                        size = len(values[s]) * len(values[other])
                        total += sums[s][name] * sums[other][name] / size
                products.append(total)
    shared = max(0.0, count / (count - 1) * fmean(products))
    squared = t.ppf(0.975, count - 1) ** 2 * shared
    if n > 1:
        squared += t.ppf(0.975, n - 1) ** 2 * variance(means) / n
    return sqrt(squared)
