"""Machine code made by torch.compile's own backend, once; other tests compile without it."""

import shutil

import pytest
import torch

from contract import models
from equimodal import Balancer, LinearSplit, methods
from loops.plain import gap, weights

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="needs a C++ compiler"
)
KINDS = ("linear", "linear")


def trained(change, name="amss"):
    """Weights after four updates of a method."""
    net, data = models.model(KINDS).float(), models.dataset(KINDS, 64)
    called = change(net)
    balancer = Balancer(
        net, methods.create(name), {m: f"encoders.{m}" for m in "ab"}, LinearSplit("head")
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for rows in torch.arange(64).split(16):
        inputs, target = data.take(rows)
        balancer.loss(called({m: x.float() for m, x in inputs.items()}), target).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
    return weights(net)


@needs_compiler
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")
def test_a_network_of_machine_code_is_trained_as_the_plain_one(monkeypatch):
    # In this process: workers that compile would each import PyTorch again.
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)

    assert gap(trained(torch.compile), trained(lambda net: net)) < 1e-5


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_models_of_one_class_do_each_what_their_own_method_does():
    """Code compiled for the first was run for the second, with the first one's features."""
    for name in ("mixup", "amss", "mixup"):
        compiled = trained(lambda net: torch.compile(net, backend="eager"), name)
        assert gap(compiled, trained(lambda net: net, name)) == 0


def test_a_balancer_may_come_after_the_first_compiled_call():
    """Code from before it has none of its hooks, and is made anew."""

    def called_before(net):
        compiled = torch.compile(net, backend="eager")
        compiled({m: x.float() for m, x in models.dataset(KINDS, 16).take(slice(16))[0].items()})
        return compiled

    assert gap(trained(called_before), trained(lambda net: net)) == 0
