"""The task that a run is trained on, from the target of its data."""

from __future__ import annotations

from equimodal.balancing.task import Classification, MultiLabel, Regression, Task
from equimodal.data.target import MULTI_LABEL, REGRESSION, Target


def task_of(target: Target) -> Task:
    """What a balancer and the training of one modality alone take."""
    if target.task == MULTI_LABEL:
        return MultiLabel()
    if target.task == REGRESSION:
        return Regression()
    return Classification(weight=target.weight or None)
