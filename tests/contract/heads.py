"""The head of a model: most methods train any, some bring a fusion of their own."""

import torch

from equimodal import CosineHead, CosineSplit, LinearSplit, methods

WIDTH = 6  # of the encoders in models and in fusions


def own_head(name, net, head, width=WIDTH):
    """The readout of a model's linear head, in whose place a method's own is put."""
    if methods.entry(name).fusion != "cosine":
        return LinearSplit(head)
    linear = net.get_submodule(head)
    net.set_submodule(head, cosine_head(linear, width))
    return CosineSplit(head)


def cosine_head(linear, width):
    """A cosine head in the place of a linear one, the same for the same seed."""
    widths = [width] * (linear.in_features // width)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CosineHead(widths, linear.out_features).to(linear.weight)
