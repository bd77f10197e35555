import math

import pytest
import torch
from torch import nn

from equimodal.models import ResNet18, ResNet50


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 33, 40), (3, 64, 64), (2, 1, 1)])
def test_features_are_512_wide_for_any_channels_and_size(
    channels: int, height: int, width: int
) -> None:
    features = ResNet18(channels).eval()(torch.zeros(2, channels, height, width))
    assert features.shape == (2, 512)


def test_it_has_the_parameters_of_the_published_network_without_its_classifier() -> None:
    # 11,689,512 parameters in the paper's 18-layer network, 513,000 of them in the classifier.
    assert sum(p.numel() for p in ResNet18(3).parameters()) == 11_689_512 - 513_000
    assert len([m for m in ResNet18(1).modules() if isinstance(m, nn.Conv2d)]) == 20


def test_resnet50_is_the_published_network_without_its_classifier():
    # 25,557,032 parameters in the paper's 50-layer network, 2,049,000 of them in the classifier.
    network = ResNet50(3)
    assert sum(p.numel() for p in network.parameters()) == 25_557_032 - 2_049_000
    assert len([m for m in network.modules() if isinstance(m, nn.Conv2d)]) == 53
    assert network.eval()(torch.zeros(1, 3, 33, 33)).shape == (1, 2048)


def test_convolutions_start_from_hes_normal_over_their_fan_out() -> None:
    torch.manual_seed(0)
    weight = ResNet18(3).layer4[1].conv2.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (512 * 9)), rel=0.01)
    assert weight.mean().item() == pytest.approx(0, abs=1e-4)


def test_every_parameter_receives_a_gradient() -> None:
    torch.manual_seed(0)
    network = ResNet18(1)
    network(torch.randn(2, 1, 40, 40)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
