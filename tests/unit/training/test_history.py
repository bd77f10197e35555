from dataclasses import replace
from math import e, log

import pytest
import torch

from equimodal.training.history import History, Trained, converged_epoch, weights
from equimodal.training.prediction import Prediction
from equimodal.training.setup import build
from unit.training.tiny import config

pytestmark = pytest.mark.usefixtures("tiny")


def prediction(hits):
    logits = torch.eye(3)[[0] * hits + [1] * (4 - hits)]
    return Prediction(logits, torch.zeros(4, dtype=torch.int64), {}, {"a": logits})


def mark(setup, value):
    with torch.no_grad():
        for parameter in setup.network.parameters():
            parameter.fill_(value)


def after(hits_by_epoch):
    setup = build(config())
    history = History(best=weights(setup))
    for epoch, hits in enumerate(hits_by_epoch):
        mark(setup, float(epoch))
        trained = Trained(loss=1.0, steps=3, rows=24, planning=0.0)
        history.add_epoch(setup, trained, lr=0.1, fused=1.0, validation=prediction(hits))
    return history, {float(value.max()) for value in history.best.values()}


def test_the_weights_with_the_best_validation_accuracy_are_kept():
    history, values = after([1, 3, 2])
    assert (history.best_epoch, values) == (1, {1.0})


def test_of_equal_epochs_the_later_is_kept():
    history, values = after([3, 1, 3, 2])
    assert (history.best_epoch, values) == (2, {2.0})


def test_an_epoch_has_the_loss_on_validation_unless_it_is_not_finite():
    history, _ = after([1])
    # One logit of 1 among three: it is the label's in one sample of four.
    right, wrong = 1 - log(e + 2), -log(e + 2)
    wanted = -(right + 3 * wrong) / 4
    assert history.curves[0]["validation_loss"] == pytest.approx(wanted, rel=1e-6)
    lost = replace(prediction(1), logits=torch.full((4, 3), torch.nan))
    trained = Trained(loss=1.0, steps=3, rows=24, planning=0.0)
    history.add_epoch(build(config()), trained, lr=0.1, fused=None, validation=lost)
    assert history.curves[1]["validation_loss"] is None


def test_a_step_is_the_median_plus_its_share_of_the_epochs_ends():
    history = History(best={})
    assert history.mean_step_seconds is None and history.speed() == {}
    history.add_times([1.0, 2.0, 9.0], 3.0, waited=6.0, samples=24)
    history.add_times([4.0, 4.0, 4.0, 4.0], 12.0, waited=4.0, samples=24)
    # Medians 2 and 4; ends of 1 and 3 a step.
    assert history.mean_step_seconds == 3.0 + 2.0
    # Of 12 and 16 seconds 6 and 4 were spent waiting.
    assert history.speed() == {"samples_per_second": 1.75, "waiting_share": 0.375}


@pytest.mark.parametrize(
    ("losses", "epoch"),
    [
        ([2.0, 0.3, 0.09, 0.2, 0.05], 2),
        ([0.02], 0),
        ([0.5, 0.1], None),
        ([0.5, 0.1, 0.0999], 2),
    ],
)
def test_a_run_has_converged_at_the_first_epoch_below_a_tenth(losses, epoch):
    assert converged_epoch(losses) == epoch


def test_when_a_run_converged_is_unknown_where_an_epoch_has_no_fused_loss():
    def history(*losses):
        return History(best={}, curves=[{"fused_loss": loss} for loss in losses])

    assert history(0.5, 0.05).convergence() == {"converged_epoch": 1}
    assert history(0.5, 0.4).convergence() == {"converged_epoch": None}
    assert history().convergence() == history(None, None).convergence() == {}
    # Continued from a checkpoint of before it was measured.
    assert History(best={}, curves=[{}, {"fused_loss": 0.05}]).convergence() == {}
