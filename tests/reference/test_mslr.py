"""Factors of MSLR against loops over single numbers, and a training against plain descent."""

import random

import pytest
import torch

from contract.training import run, start
from equimodal.methods.mslr import MSLR
from reference import field as reference
from unit.methods.test_mslr import factors as found_by


@pytest.mark.parametrize("window", [1, 2, 5])
def test_factors_equal_the_slow_loops(window):
    draw = random.Random(window)
    for _ in range(20):
        scores = [[draw.choice([0.0, draw.random()]) for _ in "abc"] for _ in range(9)]
        base = [0.5 + draw.random() for _ in "abc"]
        found = found_by(MSLR(base=base, history=window), *scores)
        for k in range(3):
            slow = reference.rates(base[k], [row[k] for row in scores], window)
            assert [f[k] for f in found] == pytest.approx(slow)


def test_a_training_equals_plain_descent_at_the_factors_of_each_epoch():
    settings = {"history": 2, "base": (0.7, 1.4)}
    training = run(start("mslr", settings=settings, optimizer=descent), 4)
    rows = training.balancer.decisions.drain()
    given = [[0.7, 1.4], *(list(r["values"].values()) for r in rows if r["name"] == "factor")]

    slow = start("joint")
    for factors in given[:4]:
        for inputs, labels in slow.balancer.batches(slow.data, batch_size=16):
            torch.nn.functional.cross_entropy(slow.model(inputs).logits, labels).backward()
            with torch.no_grad():
                for n, p in slow.model.named_parameters():
                    factor = factors["ab".index(n.split(".")[1])] if "encoders" in n else 1.0
                    p -= 0.1 * factor * p.grad
                    p.grad = None
        slow.balancer.epoch_index += 1
    assert len({tuple(f) for f in given}) > 1
    for n, w in slow.weights.items():
        torch.testing.assert_close(training.weights[n], w, rtol=1e-6, atol=1e-9)


def descent(parameters):
    return torch.optim.SGD(parameters, lr=0.1)
