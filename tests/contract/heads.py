"""The head of a model: most methods train any, some bring a fusion of their own."""

import torch

from equimodal import (
    BranchHead,
    BranchSplit,
    CosineHead,
    CosineSplit,
    LinearSplit,
    SharedHead,
    methods,
)

WIDTH = 6  # of the encoders in models and in fusions


class Shared(torch.nn.Module):
    """A head over a concatenation that reads each modality by one layer, and sums."""

    def __init__(self, width, classes):
        super().__init__()
        self.layer, self.width = torch.nn.Linear(width, classes), width

    def forward(self, x):
        # In one product: autocast may cast the weight once a use, or once for all.
        return self.layer(x.unflatten(-1, (-1, self.width))).sum(-2)


def own_head(name, net, head, width=WIDTH):
    """The readout of a model's linear head, in whose place a method's own is put."""
    if methods.load(name).brings_heads:
        return None
    fusion = methods.entry(name).fusion
    if fusion == "shared":
        linear = net.get_submodule(head)
        net.set_submodule(head, shared_head(linear, width))
        return SharedHead(f"{head}.layer")
    if fusion == "mmtm":
        linear = net.get_submodule(head)
        net.set_submodule(head, branch_head(linear, width))
        return BranchSplit(head)
    if fusion != "cosine":
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


def branch_head(linear, width):
    """Branches that exchange in the place of a linear head, the same for the same seed."""
    widths = [width] * (linear.in_features // width)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BranchHead(widths, linear.out_features).to(linear.weight)


def shared_head(linear, width):
    """A head that all modalities share, the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Shared(width, linear.out_features).to(linear.weight)
