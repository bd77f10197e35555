"""Inception-I3D without its classifier: Carreira and Zisserman, https://arxiv.org/abs/1705.07750.

Inception-v1 with every square kernel inflated to a cube. Convolutions have no bias; each is
followed by batch normalisation and ReLU, and padded so that a stride s gives ceil(size / s), as in
the original. From scratch: the published weights do not come with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from equimodal.models.encoders.encoder import Encoder

Triple = tuple[int, int, int]
# Channels of the four branches: 1x1; 1x1 then 3x3; 1x1 then 3x3; behind the pooling 1x1.
MIXED = {
    "mixed_3b": (64, (96, 128), (16, 32), 32),
    "mixed_3c": (128, (128, 192), (32, 96), 64),
    "mixed_4b": (192, (96, 208), (16, 48), 64),
    "mixed_4c": (160, (112, 224), (24, 64), 64),
    "mixed_4d": (128, (128, 256), (24, 64), 64),
    "mixed_4e": (112, (144, 288), (32, 64), 64),
    "mixed_4f": (256, (160, 320), (32, 128), 128),
    "mixed_5b": (256, (160, 320), (32, 128), 128),
    "mixed_5c": (384, (192, 384), (48, 128), 128),
}
_POOLED = {"mixed_4b": ((3, 3, 3), (2, 2, 2)), "mixed_5b": ((2, 2, 2), (2, 2, 2))}


class Unit3D(nn.Module):
    """A convolution, batch normalisation and ReLU. (N, C, T, H, W) -> (N, D, T', H', W')

    Args:
        channels_in: C.
        channels: D.
        size: side of the kernel in time, height and width.
        stride: in all three.
    """

    def __init__(self, channels_in: int, channels: int, size: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.size, self.stride = (size,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(channels_in, channels, size, stride, bias=False)
        self.bn = nn.BatchNorm3d(channels, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, D, T', H', W')"""
        out: Tensor = self.bn(self.conv3d(same(x, self.size, self.stride)))
        return out.relu()


class Pool3D(nn.Module):
    """The greatest of each window. (N, C, T, H, W) -> (N, C, T', H', W')

    Args:
        size: of the window in time, height and width.
        stride: the same.
    """

    def __init__(self, size: Triple, stride: Triple) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.pool = nn.MaxPool3d(size, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, C, T', H', W'); what pads is 0, which no ReLU is below."""
        out: Tensor = self.pool(same(x, self.size, self.stride))
        return out


class Mixed(nn.Module):
    """Four branches side by side, their channels concatenated. (N, C, T, H, W) -> (N, D, T, H, W)

    Args:
        channels_in: C.
        branches: channels of each, as in `MIXED`.
    """

    def __init__(
        self, channels_in: int, branches: tuple[int, tuple[int, int], tuple[int, int], int]
    ) -> None:
        super().__init__()
        one, large, small, pooled = branches
        self.width = one + large[1] + small[1] + pooled
        self.branch_0 = Unit3D(channels_in, one)
        self.branch_1 = nn.Sequential(Unit3D(channels_in, large[0]), Unit3D(*large, size=3))
        self.branch_2 = nn.Sequential(Unit3D(channels_in, small[0]), Unit3D(*small, size=3))
        self.branch_3 = nn.Sequential(Pool3D((3, 3, 3), (1, 1, 1)), Unit3D(channels_in, pooled))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, D, T, H, W)"""
        branches = (self.branch_0, self.branch_1, self.branch_2, self.branch_3)
        return torch.cat([branch(x) for branch in branches], dim=1)


class I3D(Encoder):
    """Features of a clip, averaged over time and space: (N, T, C, H, W) -> (N, 1024)

    Args:
        channels: C of a frame.
    """

    width = 1024

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {
            "conv_1a": Unit3D(channels, 64, size=7, stride=2),
            "pool_2a": Pool3D((1, 3, 3), (1, 2, 2)),
            "conv_2b": Unit3D(64, 64),
            "conv_2c": Unit3D(64, 192, size=3),
            "pool_3a": Pool3D((1, 3, 3), (1, 2, 2)),
        }
        width = 192
        for name, branches in MIXED.items():
            if name in _POOLED:
                layers[f"pool_{name[-2]}a"] = Pool3D(*_POOLED[name])
            mixed = Mixed(width, branches)
            layers[name], width = mixed, mixed.width
        self.layers = nn.Sequential()
        for name, layer in layers.items():
            self.layers.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C, H, W) -> (N, 1024)"""
        features: Tensor = self.layers(x.transpose(1, 2)).mean((2, 3, 4))
        return features


def same(x: Tensor, size: Triple, stride: Triple) -> Tensor:
    """The array with zeros around, one more behind where need be, so that windows of ``size`` give
    ceil(side / stride). (N, C, T, H, W) -> (N, C, T + a, H + b, W + c)"""
    around: list[int] = []
    for side, window, step in zip(
        reversed(x.shape[2:]), reversed(size), reversed(stride), strict=True
    ):
        total = max((-(-side // step) - 1) * step + window - side, 0)
        around += [total // 2, total - total // 2]
    return pad(x, around)
