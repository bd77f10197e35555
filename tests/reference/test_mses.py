"""When MSES stops, against loops over single numbers."""

import random

from reference import field as reference
from unit.methods.test_mses import told


def test_stops_and_best_epochs_equal_the_slow_loops():
    draw = random.Random(0)
    stops = 0
    for _ in range(60):
        losses = [round(draw.uniform(0.2, 1.2), 1) for _ in range(12)]
        patience, smoothing = draw.choice([1, 2, 4]), draw.choice([0.4, 0.8, 1.0])
        slow = reference.stopping(losses, patience, smoothing)
        method, net, records = told(patience, losses, smoothing=smoothing)
        if slow is None:
            assert not method.state["stopped"]["a"]
            continue
        stops += 1
        assert (len(records), method.state["best_epoch"]["a"]) == slow
        assert (net.a.weight == slow[1]).all()
    assert 10 < stops < 60
