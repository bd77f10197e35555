"""What every row of a comparison may spend, where the user does not say it."""

from __future__ import annotations

from equimodal.data.defaults import TRAINING_DEFAULTS, TrainingDefaults

_OTHER: TrainingDefaults = {"epochs": 30, "batch_size": 64, "lr": 0.03}


def budget_of(data: str) -> TrainingDefaults:
    """The default budget of a data set: passes, samples of a step, learning rate at the start."""
    return TRAINING_DEFAULTS.get(data, _OTHER)
