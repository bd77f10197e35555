"""Half precision on every device that is here, and what only a GPU can show.

CUDA is tested where PyTorch sees a device; elsewhere the same tests run on the CPU.
"""

import math

import pytest
import torch

from contract.fusions import PARTED
from contract.heads import own_head
from contract.models import dataset, model
from contract.training import gathered, hold_all, quick, taught_by, whole
from equimodal import Balancer, methods
from equimodal.data import MultimodalDataset
from products import by_stage, every

KINDS = ("linear", "convolutional")
CUDA = torch.cuda.is_available()
DEVICES = ["cpu", *(["cuda"] if CUDA else [])]
needs_cuda = pytest.mark.skipif(not CUDA, reason="no CUDA device here")


def single(data, device):
    """A data set in single precision on a device."""
    inputs = {m: x.float() for m, x in data.inputs.items()}
    return MultimodalDataset(inputs, data.labels).to(torch.device(device))


class Loop:
    """The loop of mixed precision as PyTorch documents it, with the balancer's calls."""

    def __init__(self, name, device, dtype=None):
        self.device, self.dtype = device, dtype
        self.net = model(KINDS).float().to(device)
        self.data = single(dataset(KINDS, 96), device)
        held_out = single(dataset(KINDS, 30, seed=1), device)
        readout = own_head(name, self.net, "head")
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        self.scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)
        self.balancer = Balancer(
            self.net, methods.create(name, **quick(name)),
            {m: f"encoders.{m}" for m in self.data.inputs}, readout,
            loaders={"train": [whole(self.data)], "val": [whole(held_out)]},
            optimizers=[self.optimizer], epochs=4,
            **taught_by(name, model(KINDS).float(), {m: f"encoders.{m}" for m in self.data.inputs}),
        )  # fmt: skip
        hold_all(self.optimizer, self.balancer)
        self.losses = []

    def step(self, inputs, targets):
        enabled = self.dtype is not None
        with torch.autocast(self.device, self.dtype or torch.bfloat16, enabled=enabled):
            loss = self.balancer.loss(self.net(inputs), targets)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        self.balancer.before_step()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        return loss.detach()

    def train(self, epochs=4):
        for _ in range(epochs):
            losses = [self.step(*b) for b in self.balancer.batches(self.data, batch_size=16)]
            self.losses += [float(loss) for loss in losses]
            self.balancer.epoch_end()
        return self

    @property
    def weights(self):
        return {n: gathered(p.detach()).cpu() for n, p in self.net.named_parameters()}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", by_stage())
def test_a_method_trains_in_half_precision(name, dtype, device):
    loop = Loop(name, device, dtype).train()
    assert all(map(math.isfinite, loop.losses))
    assert name in PARTED or sum(loop.losses[-6:]) < 0.9 * sum(loop.losses[:6])
    records = loop.balancer.decisions.drain()
    assert all(math.isfinite(v) for r in records for v in r["values"].values())


@pytest.mark.parametrize("name", ["amss", "dus", "relearn"])
def test_half_precision_decides_as_single_precision_does(name):
    decided = {"amss": "fraction", "dus": "score", "relearn": "train_purity"}[name]
    found = []
    for dtype in (None, torch.bfloat16):
        records = Loop(name, "cpu", dtype).train().balancer.decisions.drain()
        found.append([list(r["values"].values()) for r in records if r["name"] == decided])
    assert torch.tensor(found[0]).sub(torch.tensor(found[1])).abs().mean() < 0.1


@needs_cuda
@pytest.mark.parametrize("name", every())
def test_a_gpu_trains_as_the_cpu_does(name):
    gpu, cpu = Loop(name, "cuda").train(1), Loop(name, "cpu").train(1)
    for n, weight in cpu.weights.items():
        torch.testing.assert_close(gpu.weights[n], weight, rtol=1e-3, atol=1e-3)


@needs_cuda
@pytest.mark.parametrize("name", [n for n in methods.names() if not methods.load(n).unpaired])
def test_a_step_does_not_wait_for_the_gpu(name):
    loop = Loop(name, "cuda")
    batches = list(loop.balancer.batches(loop.data, batch_size=16))
    for batch in batches[:3]:  # the first batch checks the readout, once
        loop.step(*batch)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches[3:]:
            inputs, targets = batch
            loss = loop.balancer.loss(loop.net(inputs), targets)
            loss.backward()
            loop.balancer.before_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
