"""Training defaults of each data set, chosen on joint and unimodal training alone.

They are the same for every row of a comparison: epochs, samples per batch, and the initial
learning rate of SGD (momentum 0.9, weight decay 1e-4) under a cosine decay to zero.
"""

from typing import TypedDict


class TrainingDefaults(TypedDict):
    """What a comparison on a data set trains with unless told otherwise."""

    epochs: int
    batch_size: int
    lr: float


TRAINING_DEFAULTS: dict[str, TrainingDefaults] = {
    "keypad": {"epochs": 20, "batch_size": 64, "lr": 0.08},
    "avdigits": {"epochs": 20, "batch_size": 64, "lr": 0.03},
    "mosi": {"epochs": 20, "batch_size": 64, "lr": 0.01},
    "handwritten": {"epochs": 30, "batch_size": 64, "lr": 0.03},
}
