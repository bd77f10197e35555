"""What every encoder of ours is: samples of one modality in, features out."""

from torch import nn


class Encoder(nn.Module):
    """Turns samples of one modality into features: (N, ...) -> (N, ``width``)."""

    width: int
