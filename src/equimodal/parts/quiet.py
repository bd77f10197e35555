"""Running a model without a trace: its modes and the global random streams stay as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def quiet(model: nn.Module, *, grad: bool = False) -> Iterator[None]:
    """Inside, evaluation mode and no draw that is seen outside; gradients only if asked for."""
    with evaluating(model), kept_streams(model), torch.set_grad_enabled(grad):
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, ``model`` is in evaluation mode; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
        for module, mode in modes:
            module.training = mode


@contextmanager
def kept_streams(model: nn.Module) -> Iterator[None]:
    """Afterwards the global random streams of the model's devices are as they were."""
    devices = {p.device for p in model.parameters() if p.is_cuda}
    with torch.random.fork_rng(list(devices)):
        yield
