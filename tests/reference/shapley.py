"""Shapley values and interactions straight from the definition: every order, every coalition."""

from itertools import permutations


def shapley(worth, count):
    """Mean over all orders of what each adds to those before it. {frozenset: float} -> [float]"""
    orders = list(permutations(range(count)))
    totals = [0.0] * count
    for order in orders:
        present = frozenset()
        for m in order:
            totals[m] += worth[present | {m}] - worth[present]
            present |= {m}
    return [total / len(orders) for total in totals]


def interaction(worth, count, a, b):
    """Mean over all orders, the pair standing as one, of its effect beyond both single ones."""
    others = [m for m in range(count) if m not in (a, b)]
    orders = list(permutations([*others, "pair"]))
    total = 0.0
    for order in orders:
        before = frozenset(order[: order.index("pair")])
        both, one, other = worth[before | {a, b}], worth[before | {a}], worth[before | {b}]
        total += both - one - other + worth[before]
    return total / len(orders)
