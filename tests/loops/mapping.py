"""A model with Hugging Face's form of output, and what Trainer and Accelerate do with one."""

from functools import cache

import torch
from torch import nn

from loops.plain import EPOCHS, batches_of, start, weights


class WithMapping(nn.Module):
    """A model whose output is a mapping, as that of Hugging Face models is."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, inputs):
        return {"logits": self.net(inputs).logits}


@cache
def in_trainers_order(name, *, dtype=None, clip=None):
    """Weights of a plain loop with the Trainer's order of things.

    The model alone runs under autocast and gives logits in float32, and gradients are clipped
    before ``before_step()``.
    """
    made = start(name, steps="nominal")
    made.balancer.watch.clips_first = clip is not None
    for _ in range(EPOCHS):
        for inputs, target, *_ in made.balancer.repeat(batches_of(made.balancer)):
            with torch.autocast("cpu", dtype, enabled=dtype is not None):
                logits = made.model(inputs).logits
            made.balancer.loss(logits.float(), target).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(made.model.parameters(), clip)
            made.balancer.before_step()
            made.optimizer.step()
            made.optimizer.zero_grad()
        made.balancer.epoch_end()
    return weights(made.model)
