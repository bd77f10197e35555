import pytest
import torch
from torch import nn

from equimodal.parts.normalisation import is_normalisation


class Weighted(nn.Module):
    """A layer that has a weight and is no class of torch."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*shape))


class NamedRMSNorm(Weighted):
    """As the language models of other libraries have it."""


class Derived(NamedRMSNorm):
    """Called otherwise, and the same."""


class SampleNorm2d(Weighted):
    """With a number of dimensions in its name."""


class NormalDistribution(Weighted):
    """The word at another place."""


class AdaptiveNorm(nn.Module):
    """Without a scale of its own: its layers have the weights."""

    def __init__(self):
        super().__init__()
        self.scale, self.norm = nn.Linear(2, 3), nn.LayerNorm(3, elementwise_affine=False)


YES = {
    "BatchNorm1d": nn.BatchNorm1d(3), "BatchNorm2d": nn.BatchNorm2d(3),
    "BatchNorm3d": nn.BatchNorm3d(3), "SyncBatchNorm": nn.SyncBatchNorm(3),
    "InstanceNorm1d": nn.InstanceNorm1d(3, affine=True),
    "InstanceNorm2d": nn.InstanceNorm2d(3, affine=True),
    "InstanceNorm3d": nn.InstanceNorm3d(3, affine=True),
    "LayerNorm": nn.LayerNorm(3), "LayerNorm of a map": nn.LayerNorm((2, 3, 3)),
    "GroupNorm": nn.GroupNorm(1, 3), "RMSNorm": nn.RMSNorm(3),
    "RMSNorm of a map": nn.RMSNorm((2, 3)), "by name": NamedRMSNorm(3), "derived": Derived(3),
    "by name, of images": SampleNorm2d(1, 3, 1, 1),
}  # fmt: skip
NO = {
    "a matrix": NamedRMSNorm(3, 3), "another word": NormalDistribution(3),
    "linear": nn.Linear(3, 3), "embedding": nn.Embedding(2, 3),
    "its layers have the weights": AdaptiveNorm(), "PReLU": nn.PReLU(3),
    "without parameters": nn.LocalResponseNorm(2),
}  # fmt: skip


@pytest.mark.parametrize("name", YES)
def test_normalisation_layers_are_known(name):
    assert is_normalisation(YES[name])


@pytest.mark.parametrize("name", NO)
def test_other_layers_are_none(name):
    assert not is_normalisation(NO[name])


def test_no_normalisation_of_torch_is_missing_here():
    # A new one, of a later torch, has to be thought about.
    there = {n for n in vars(nn) if "Norm" in n and not n.startswith("Lazy")}
    without_parameters = {"LocalResponseNorm", "CrossMapLRN2d"}
    assert there - without_parameters == {n for n in YES if hasattr(nn, n)}


def test_a_weight_under_weight_normalisation_is_none():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    assert not any(is_normalisation(module) for module in layer.modules())
