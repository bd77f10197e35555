"""A small model of two inputs, for tests of what surrounds it."""

import torch
from torch import nn


class Net(nn.Module):
    """Two encoders, ``a`` and ``b``, and a linear head over their concatenation."""

    def __init__(self, classes=2):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.head = nn.Linear(3, 4), nn.Linear(5, 4), nn.Linear(8, classes)

    def forward(self, a, b):
        return self.head(torch.cat([self.a(a), self.b(b)], -1))
