"""SMV, remix and BSS train as slow loops over single items do."""

import math

import pytest
import torch

from contract.training import run, start
from reference import items as slow

BATCH, ROWS = 8, 24


def descent(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


def trained(name, epochs, **settings):
    given = {"optimizer": descent, "samples": ROWS, "epochs": 4}
    return run(start(name, settings=settings, **given), epochs, batch_size=BATCH)


def by_hand(plan, objective, epochs):
    """A training whose blocks ``plan`` makes of the model and the data at each epoch's start."""
    training = start("joint", optimizer=descent, samples=ROWS, epochs=4)
    for epoch in range(epochs):
        blocks = plan(training.model, training.data, epoch)
        for items in slow.batches(blocks, BATCH, seed=0, epoch=epoch):
            slow.descend(training, items, objective)
    return training


def assert_near(one, other):
    for n, w in one.weights.items():
        torch.testing.assert_close(other.weights[n], w, rtol=0, atol=1e-10)


def test_smv_equals_the_loop():
    fast = trained("smv", 3, warm_up=0.0)
    assert_near(by_hand(lambda m, d, e: slow.smv_items(m, d), slow.fused, 3), fast)
    assert fast.balancer.step_index > 3 * ROWS / BATCH


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_remix_equals_the_loop(gamma):
    fast = trained("remix", 3, warm_up=0.0, gamma=gamma)
    hand = by_hand(lambda m, d, e: slow.remix_items(m, d), slow.fused_and_own(gamma), 3)
    assert_near(hand, fast)


@pytest.mark.parametrize("weight", [1.0, 9.0])
def test_bss_equals_the_loop(weight):
    order = []

    def plan(model, data, epoch):
        if not order:
            order.extend(slow.bss_order(model, data, weight))
        share = min(1, math.sqrt((1 - 0.3**2) * (epoch + 1) / 4 + 0.3**2))
        return [[(i, slow.MODALITIES) for i in order[: math.floor(ROWS * share)]]]

    hand = by_hand(plan, slow.fused_and_own(weight), 3)
    fast = trained("bss", 3, start_share=0.3, growth=1.0, unimodal_weight=weight)
    assert_near(hand, fast)
    assert sum(1 for _ in order) == ROWS
