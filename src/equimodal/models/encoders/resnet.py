"""ResNets without their classifiers (He et al., arXiv 1512.03385), for any number of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from equimodal.models.encoders.encoder import Encoder

Activation = Callable[[], nn.Module]
STAGES = (64, 128, 256, 512)


def relu() -> nn.Module:
    """The paper's activation."""
    return nn.ReLU(inplace=True)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (N, C, H, W) -> (N, D, H / stride, W / stride)."""

    expansion = 1

    def __init__(
        self, channels_in: int, channels: int, stride: int, activation: Activation = relu
    ) -> None:
        super().__init__()
        self.conv1 = _convolution(channels_in, channels, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _convolution(channels, channels, 3, 1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = activation()
        self.downsample = _shortcut(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output: (N, C, H, W) -> (N, D, H / stride, W / stride)."""
        residual = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(residual + self.downsample(x))
        return out


class Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, beside a shortcut; the last one has 4 ``channels``.

    The stride is the 3x3 convolution's. (N, C, H, W) -> (N, 4 D, H / stride, W / stride)
    """

    expansion = 4

    def __init__(
        self, channels_in: int, channels: int, stride: int, activation: Activation = relu
    ) -> None:
        super().__init__()
        wide = self.expansion * channels
        self.conv1 = _convolution(channels_in, channels, 1, 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _convolution(channels, channels, 3, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = _convolution(channels, wide, 1, 1)
        self.bn3 = nn.BatchNorm2d(wide)
        self.relu = activation()
        self.downsample = _shortcut(channels_in, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output: (N, C, H, W) -> (N, 4 D, H / stride, W / stride)."""
        inner = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        out: Tensor = self.relu(self.bn3(self.conv3(inner)) + self.downsample(x))
        return out


class ResNet(Encoder):
    """Globally averaged features of a ResNet: (N, channels, H, W) -> (N, width).

    Convolutions start from He's normal initialisation over their fan-out.

    Args:
        channels: input channels, 3 for colour images, 1 for a spectrogram.
        block: `BasicBlock` or `Bottleneck`.
        depths: blocks of each of the four stages.
        activation: makes what stands in the place of every ReLU.
    """

    def __init__(
        self,
        channels: int,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        activation: Activation = relu,
    ) -> None:
        super().__init__()
        self.width = STAGES[-1] * block.expansion
        self.conv1 = _convolution(channels, STAGES[0], 7, 2)
        self.bn1 = nn.BatchNorm2d(STAGES[0])
        self.relu = activation()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        before = STAGES[0]
        stages = []
        for number, (filters, depth) in enumerate(zip(STAGES, depths, strict=True)):
            wide = filters * block.expansion
            first = block(before, filters, 2 if number else 1, activation)
            rest = [block(wide, filters, 1, activation) for _ in range(depth - 1)]
            stages.append(nn.Sequential(first, *rest))
            before = wide
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: Tensor) -> Tensor:
        """Globally averaged features: (N, channels, H, W) -> (N, width)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))
        return features


class ResNet18(ResNet):
    """Features of a ResNet-18: (N, channels, H, W) -> (N, 512). See `ResNet`."""

    def __init__(self, channels: int = 3, activation: Activation = relu) -> None:
        super().__init__(channels, BasicBlock, (2, 2, 2, 2), activation)


class ResNet50(ResNet):
    """Features of a ResNet-50: (N, channels, H, W) -> (N, 2048). See `ResNet`."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__(channels, Bottleneck, (3, 4, 6, 3))


def _shortcut(channels_in: int, channels: int, stride: int) -> nn.Module:
    """The input as it is, or projected to another number of channels or size."""
    if stride == 1 and channels_in == channels:
        return nn.Identity()
    return nn.Sequential(_convolution(channels_in, channels, 1, stride), nn.BatchNorm2d(channels))


def _convolution(channels_in: int, channels: int, size: int, stride: int) -> nn.Conv2d:
    """A convolution without bias, padded to keep the side at stride 1."""
    layer = nn.Conv2d(channels_in, channels, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
