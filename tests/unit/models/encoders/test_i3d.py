import pytest
import torch
from torch import nn

from equimodal.data.dataset import Modality
from equimodal.errors import BalanceError
from equimodal.models import I3D
from equimodal.models.encoders.i3d import MIXED, same
from equimodal.models.encoders.named import named_encoder


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return I3D(3)


def test_it_is_the_published_network_without_its_classifier(network):
    # 12,697,264 parameters with 400 classes, 1,024 * 400 + 400 of them in the classifier.
    assert sum(p.numel() for p in network.parameters()) == 12_697_264 - 410_000
    assert len([m for m in network.modules() if isinstance(m, nn.Conv3d)]) == 3 + 6 * len(MIXED)


@torch.no_grad()
def test_sides_are_halved_rounded_up_as_in_the_original(network):
    x, shapes = torch.zeros(1, 3, 9, 40, 56), {}
    for name, layer in network.layers.named_children():
        x = layer(x)
        shapes[name] = tuple(x.shape[1:])
    assert shapes["conv_1a"] == (64, 5, 20, 28)
    assert shapes["pool_2a"] == (64, 5, 10, 14)
    assert shapes["mixed_3c"] == (480, 5, 5, 7)
    assert shapes["mixed_4f"] == (832, 3, 3, 4)
    assert shapes["mixed_5c"] == (1024, 2, 2, 2)


def test_what_is_added_makes_windows_end_at_the_edge():
    x = torch.ones(1, 1, 5, 6, 7)
    assert same(x, (3, 3, 3), (2, 2, 2)).shape[2:] == (7, 7, 9)
    assert same(x, (1, 3, 3), (1, 2, 2))[0, 0, 0, :, 0].tolist() == [0, 0, 0, 0, 0, 0, 0]
    assert same(x, (1, 3, 3), (1, 2, 2))[0, 0, 0, :, 1].tolist() == [1, 1, 1, 1, 1, 1, 0]


def test_every_parameter_learns(network):
    features = network(torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    features.square().sum().backward()
    assert features.shape == (2, 1024)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_it_reads_videos_alone():
    video = Modality("video", (2, 1, 8, 8))
    assert isinstance(named_encoder("i3d", video), I3D)
    with pytest.raises(BalanceError, match="'i3d' reads video, found a modality of kind 'image'"):
        named_encoder("i3d", Modality("image", (3, 8, 8)))
