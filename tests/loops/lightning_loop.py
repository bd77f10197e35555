"""The parts of the plain loop, trained by Lightning."""

import logging
from contextlib import nullcontext

import lightning.pytorch as lightning
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from contract.training import learned
from equimodal.balancing.batches import Batches
from equimodal.integrations.lightning import BalanceCallback
from loops.plain import BATCH, EPOCHS, batches_of, data, start

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
# What Lightning itself says to every training as small as these, and its own use of PyTorch.
quiet = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*is smaller than the logging interval"),
]


class Automatic(lightning.LightningModule):
    """What a user writes: the balancer's loss is the training step's."""

    def __init__(self, made, schedule=None):
        super().__init__()
        self.net = made.model
        self.balancer = made.balancer
        self.given = made.optimizers
        self.schedule = schedule

    def training_step(self, batch, _):
        return self.balancer.loss(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        if self.schedule is None:
            return list(self.given)
        return list(self.given), [self.schedule(o) for o in self.given]


class Manual(Automatic):
    """The same with manual optimisation, in ``parts`` micro-batches, over all optimizers."""

    parts, clip = 1, None

    def __init__(self, made, schedule=None):
        super().__init__(made, schedule)
        self.automatic_optimization = False

    def training_step(self, batch, number):
        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        self.manual_backward(super().training_step(batch, number) / self.parts)
        if (number + 1) % self.parts and not self.trainer.is_last_batch:
            return
        if self.clip is not None:
            self.balancer.before_step()
            torch.nn.utils.clip_grad_norm_(learned(self.net, self.balancer), self.clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()

    def on_train_epoch_end(self):
        if self.schedule is not None:
            schedules = self.lr_schedulers()
            for each in schedules if isinstance(schedules, list) else [schedules]:
                each.step()


class TwoParts(Manual):
    """Manual optimisation that updates after every second batch."""

    parts = 2


class Clipped(Manual):
    """Manual optimisation that clips, and so balances by itself before it."""

    clip = 0.05


class Scaling(MixedPrecision):
    """Float32 under a GradScaler."""

    def __init__(self):
        super().__init__("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=2.0**10))

    def forward_context(self):
        return nullcontext()


class Half(Scaling):
    """Autocast to float16 under a GradScaler."""

    forward_context = MixedPrecision.forward_context


def unpaired(balancer):
    """The batches that the balancer plans."""
    return balancer.loader(data(), batch_size=BATCH)


SILENT = {
    "accelerator": "cpu", "logger": False, "enable_progress_bar": False,
    "enable_model_summary": False, "enable_checkpointing": False,
}  # fmt: skip


def trainer(callbacks=(), **options):
    """A trainer that writes nothing and runs the balancer."""
    settings = SILENT | {"max_epochs": EPOCHS} | options
    return lightning.Trainer(callbacks=[BalanceCallback(), *callbacks], **settings)


def fit(
    name, module=Automatic, *, given=None, schedule=None, change=None, ckpt_path=None,
    trained_by=(), start_with=None, weights_only=None, **options,
):  # fmt: skip
    """Train the method ``name``; returns its parts.

    Args:
        name: a name in ``methods.names()``.
        module: the LightningModule that holds them.
        given: balancer -> train_dataloader, in place of the paired batches.
        schedule: optimizer -> learning-rate schedule.
        change: applied to the network before training.
        ckpt_path: checkpoint to continue from.
        trained_by: further callbacks.
        start_with: arguments of :func:`loops.plain.start`.
        options: passed to the Trainer.
    """
    made = start(name, **{"epochs": None, "attached": False} | (start_with or {}))
    lit = module(made, schedule)
    if change:
        lit.net = change(lit.net)
    parts = options.get("accumulate_grad_batches", module.parts if hasattr(module, "parts") else 1)
    batches = given(made.balancer) if given else batches_of(made.balancer)
    if not isinstance(batches, Batches):
        batches = made.balancer.repeat(batches, parts)
    if made.balancer.setting.method.lists_items:
        options = {"reload_dataloaders_every_n_epochs": 1} | options
    trainer(trained_by, **options).fit(lit, batches, ckpt_path=ckpt_path, weights_only=weights_only)
    return made
