"""Compiled models and activation checkpointing: the same training as without."""

import pytest
import torch
import torch._dynamo.testing
from torch.utils.checkpoint import checkpoint

from contract.training import assert_same_weights, largest_difference, run, start, trained
from equimodal import BalanceError, methods
from products import by_class, by_stage

KINDS = ("linear", "self-attention")
SMALL = ("linear", "linear")


@pytest.fixture(autouse=True)
def without_compiled_code():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def compiled(model):
    return torch.compile(model, backend="aot_eager", dynamic=True)


# PyTorch's own, of the graph that ends where a method draws and changes features.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("name", by_stage())
def test_a_compiled_model_trains_to_the_same_weights(name):
    # Graphs may sum in another order: bits are not promised.
    plain = trained(name, kinds=SMALL, epochs=2)
    made = trained(name, kinds=SMALL, epochs=2, wrap=compiled)
    assert largest_difference(plain.weights, made.weights) < 1e-9


def test_the_balancer_may_be_made_after_the_model_was_compiled():
    plain = trained("amss", kinds=SMALL, epochs=2)
    made = start("amss", kinds=SMALL, epochs=2)
    made.balancer.detach()
    made.wrapped = compiled(made.model)
    made.balancer = start_again(made)
    assert largest_difference(run(made, 2).weights, plain.weights) < 1e-9


def start_again(training):
    """A balancer like the training's own, for the wrapped model."""
    old = training.balancer
    return type(old)(
        training.wrapped, methods.create("amss"), {m: f"encoders.{m}" for m in "ab"},
        old.setting.readout, optimizers=old.setting.optimizers,
    )  # fmt: skip


def test_a_steady_loop_is_compiled_once_or_twice():
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    trained("amss", kinds=KINDS, wrap=lambda net: torch.compile(net, backend=counter))
    assert counter.frame_count <= 2


def checkpointed(net):
    """Every encoder's activations are computed again in the backward pass."""
    for encoder in net.encoders.values():
        inner = encoder.forward
        encoder.forward = lambda x, inner=inner: checkpoint(inner, x, use_reentrant=False)
    return net


@pytest.mark.parametrize("name", by_class())
def test_activation_checkpointing_changes_no_bit(name):
    plain = trained(name, kinds=KINDS, epochs=2)
    made = trained(name, kinds=KINDS, epochs=2, wrap=checkpointed)
    assert_same_weights(plain.weights, made.weights)


class Around(torch.nn.Module):
    """A module that runs an encoder, hooks and all, under activation checkpointing."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, x):
        return checkpoint(self.encoder, x, use_reentrant=False)


def around(net):
    """As where the model's own forward checkpoints its encoders."""
    held = dict(net.encoders.items())
    outer = {m: Around(encoder) for m, encoder in held.items()}
    net.encoders.items = outer.items
    return net


@pytest.mark.parametrize("name", by_class())
def test_checkpoints_around_encoders_change_no_bit(name):
    plain = trained(name, kinds=KINDS, epochs=2)
    method = plain.balancer.setting.method
    if method.has_stage("on_features") or (method.lists_items and "features" in method.needs):
        with pytest.raises(BalanceError, match=r"checkpointing runs the encoder of '[ab]' again"):
            trained(name, kinds=KINDS, epochs=2, wrap=around)
        return
    made = trained(name, kinds=KINDS, epochs=2, wrap=around)
    assert_same_weights(plain.weights, made.weights)
