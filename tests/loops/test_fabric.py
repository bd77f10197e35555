"""Fabric gives every method the parameters of the plain loop, bit for bit."""

from contextlib import nullcontext
from functools import partial

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from equimodal import BalanceError, methods
from loops import plain as of
from loops.plain import (
    BATCH,
    EPOCHS,
    SAMPLES,
    STEPS,
    UNEVEN,
    gap,
    network,
    plain,
    start,
    weights,
)
from products import by_stage


class Half(MixedPrecision):
    """Autocast to float16 under a GradScaler."""

    def __init__(self):
        super().__init__("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=2.0**10))


class Scaling(Half):
    """Float32 under a GradScaler."""

    def forward_context(self):
        return nullcontext()

    def convert_input(self, data):
        return data


class Loop:
    """A user's loop on Fabric, over the parts of the plain one.

    Args:
        name: a name in ``methods.names()``.
        parts: micro-batches of an update.
        clip: largest norm of the gradients, after ``before_step()``.
        unpaired: iterate over ``balancer.loader(...)``.
        schedule: optimizer -> learning-rate schedule.
        change: applied to the network before Fabric wraps it.
        precision: of Fabric.
        plugins: of Fabric, made when needed.
        loggers: of Fabric.
        samples: rows of an epoch.
        start_with: arguments of :func:`loops.plain.start`.
    """

    def __init__(
        self, name, *, parts=1, clip=None, unpaired=False, schedule=None, change=None,
        precision=None, plugins=None, loggers=None,
        samples=SAMPLES, **start_with,
    ):  # fmt: skip
        made = start(name, attached=False, samples=samples, **start_with)
        self.fabric = Fabric(
            accelerator="cpu", devices=1, precision=precision, plugins=plugins and plugins(),
            loggers=loggers,
        )  # fmt: skip
        net = change(made.model) if change else made.model
        self.model, *self.optimizers = self.fabric.setup(net, *made.optimizers)
        self.balancer, self.parts, self.clip = made.balancer, parts, clip
        self.balancer.attach(*self.optimizers)
        batches = self.balancer.loader(of.data(), batch_size=BATCH)
        paired = of.batches_of(self.balancer, samples=samples)
        self.loader = batches if unpaired else self.balancer.repeat(paired, parts)
        self.schedules = [schedule(o) for o in made.optimizers] if schedule else []

    def run(self, epochs=EPOCHS):
        for _ in range(epochs):
            self.some_batches(len(self.loader))
            self.end_epoch()
        return weights(self.model.module)

    def some_batches(self, count):
        for number, (inputs, target, *_) in enumerate(self.loader, start=1):
            loss = self.balancer.loss(self.model(inputs), target) / self.parts
            self.fabric.backward(loss)
            if number % self.parts == 0 or number == len(self.loader):
                self.update()
            if number == count:
                return

    def update(self):
        self.balancer.before_step()
        if self.clip:
            (optimizer,) = self.optimizers
            self.fabric.clip_gradients(self.model, optimizer, max_norm=self.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()

    def end_epoch(self):
        self.balancer.epoch_end()
        for each in self.schedules:
            each.step()

    @property
    def state(self):
        """What ``fabric.save`` and ``fabric.load`` take."""
        names = ("model", "balancer", "loader")
        return {n: getattr(self, n) for n in names} | {"optimizer": self.optimizers[0]}


# What a user sets, and what the plain loop does.
CASES = {
    "float32": ({}, {}),
    "accumulation of 2, and a rest": (
        {"parts": 2, "samples": UNEVEN}, {"parts": 2, "samples": UNEVEN},
    ),
    "a loss scaler": ({"plugins": Scaling}, {"scaled": True}),
    "unpaired batches": ({"unpaired": True}, {"unpaired": True}),
}  # fmt: skip
# The same for what can be set besides.
SETTINGS = {
    "clipping": ({"clip": 0.05}, {"clip": 0.05}),
    "clipping under a loss scaler": (
        {"clip": 0.05, "plugins": Scaling}, {"clip": 0.05, "scaled": True},
    ),
    "float16": ({"plugins": Half}, {"scaled": True, "dtype": torch.float16}),
    "bfloat16": ({"precision": "bf16-mixed"}, {"dtype": torch.bfloat16}),
    "a schedule": ({"schedule": of.halved}, {"schedule": of.halved}),
    "an optimizer a part": ({"optimizer": of.sgd_each}, {"optimizer": of.sgd_each}),
    "masks on the update": (
        {"optimizer": of.adam, "on": "update"}, {"optimizer": of.adam, "on": "update"},
    ),
    "compile": ({"change": partial(torch.compile, backend="aot_eager")}, {}),
}  # fmt: skip


# What a method that writes gradients of its own says of a setting.
PRECISION = "which Fabric refuses under the precision"
REFUSED = {
    "clipping under a loss scaler": PRECISION, "float16": PRECISION, "bfloat16": PRECISION,
    "masks on the update": r"leave out on=",
}  # fmt: skip


def reads_gradients(name):
    """Whether a method takes gradients of single losses by itself."""
    method = methods.create(name)
    return method.rewrites and not method.has_stage("turn")


@pytest.mark.parametrize("name", by_stage())
@pytest.mark.parametrize("case", CASES)
def test_fabric_gives_the_weights_of_the_plain_loop(name, case):
    here, there = CASES[case]
    if reads_gradients(name) and "scaler" in case:
        with pytest.raises(BalanceError, match="which Fabric refuses under the precision"):
            Loop(name, **here).run()
        return

    assert gap(Loop(name, **here).run(), plain(name, **there)) == 0


# PyTorch's own warning, of the graph that ends where a method draws and changes features.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("name", by_stage())
@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_of_fabric_does_what_it_does_in_the_plain_loop(name, case):
    here, there = SETTINGS[case]
    torch._dynamo.reset()
    refused = [*REFUSED] if reads_gradients(name) else ["masks on the update"]
    if methods.create(name).rewrites and case in refused:
        with pytest.raises(BalanceError, match=REFUSED[case]):
            Loop(name, **here).run()
        return

    assert gap(Loop(name, **here).run(), plain(name, **there)) == 0


@pytest.mark.parametrize("name", by_stage())
def test_a_training_that_fabric_saved_after_2_of_4_epochs_goes_on_bit_for_bit(name, tmp_path):
    first, again = Loop(name, unpaired=True), Loop(name, unpaired=True, **other())
    first.run(2)
    first.fabric.save(tmp_path / "state.ckpt", first.state)

    again.fabric.load(tmp_path / "state.ckpt", again.state, weights_only=True)

    assert gap(again.run(2), plain(name, unpaired=True)) == 0


@pytest.mark.parametrize("name", by_stage())
def test_a_training_that_fabric_saved_within_an_epoch_goes_on_bit_for_bit(name, tmp_path):
    first, again = Loop(name, unpaired=True), Loop(name, unpaired=True, **other())
    first.run(1)
    first.some_batches(1)
    first.fabric.save(tmp_path / "state.ckpt", first.state)

    again.fabric.load(tmp_path / "state.ckpt", again.state, weights_only=True)
    again.some_batches(len(again.loader))  # to the end of the epoch
    again.end_epoch()

    assert gap(again.run(2), plain(name, unpaired=True)) == 0


def other():
    """A model and a seed of its own for the training that continues: the file rules."""
    return {"model": network(seed=7), "seed": 5}


class Lines:
    """A logger of Fabric that keeps what it is given."""

    def __init__(self):
        self.given = []

    def log_metrics(self, metrics, step):
        self.given.append((step, metrics))


def test_decisions_go_to_fabrics_loggers():
    lines = Lines()
    loop = Loop(
        "amss", loggers=[lines], log=lambda values, step: loop.fabric.log_dict(values, step)
    )
    loop.run(1)

    # The fractions of the next epoch are decided at the end of this one.
    assert [step for step, _ in lines.given] == [*range(STEPS), STEPS]
