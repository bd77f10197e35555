"""Everything one run trains with, built from its configuration alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from equimodal.balancing.balancer import Balancer
from equimodal.balancing.method import Method
from equimodal.balancing.recorder import EVERY
from equimodal.data import load
from equimodal.data.dataset import DataSource, MultimodalDataset
from equimodal.data.presence import PRESENT
from equimodal.models.fusion import FusionModel, build_model
from equimodal.training.alone import Alone, load_teachers
from equimodal.training.config import RunConfig, as_tuple, create_method, rule_of
from equimodal.training.optimizers import build_optimizer
from equimodal.training.ranks import one_process

EVALUATION_ROWS = 128


@dataclass
class Setup:
    """Model, optimiser, balancer and data of one run, on its device.

    ``model`` and ``optimizer`` are as Fabric wraps them, for the loop; ``network`` is the same
    model unwrapped, for checkpoints. Under several ranks each holds all of the data and trains on
    its share.
    """

    config: RunConfig
    source: DataSource
    fabric: Fabric
    model: nn.Module
    network: FusionModel
    optimizer: Any
    balancer: Balancer | Alone

    @property
    def batch_size(self) -> int:
        """Rows of a step on this rank."""
        return self.config.batch_size // self.fabric.world_size

    def steps(self, samples: MultimodalDataset) -> int:
        """Steps of the epoch that is to come, which a method may list the rows of."""
        if isinstance(self.balancer, Alone):
            return self.plain_steps
        return len(self.balancer.loader(samples, batch_size=self.batch_size))

    @property
    def plain_steps(self) -> int:
        """Steps of an epoch of all rows; what does not divide among the ranks is left out, anew
        each epoch."""
        rows = len(self.source.train) // self.fabric.world_size
        return math.ceil(rows / self.batch_size) * self.repeats

    @property
    def repeats(self) -> int:
        """Steps for which a batch is used."""
        return self.method.repeats(len(self.source.modalities))

    def unimodal_logits(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the model makes of each modality, after its forward pass, as the balancer reads it.
        {m: (N, D_m)} -> {m: (N, C)}
        """
        if isinstance(self.balancer, Alone):
            return {m: self.network.head({m: rows}) for m, rows in features.items()}
        return self.balancer.setting.unimodal_logits(features)

    @property
    def method(self) -> Method:
        """The method; of one modality alone one that does nothing."""
        return Method() if isinstance(self.balancer, Alone) else self.balancer.setting.method


class Batches:
    """A split in its order, in large batches, as often as it is asked."""

    def __init__(self, dataset: MultimodalDataset) -> None:
        self.dataset = dataset

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        for indices in torch.split(torch.arange(len(self.dataset)), EVALUATION_ROWS):
            yield self.dataset.take(indices)


def build(
    config: RunConfig,
    *,
    data_root: str | None = None,
    fabric: Fabric | None = None,
    folder: Path = Path(),
) -> Setup:
    """The run's data, model, optimiser and balancer, as they are before the first epoch.

    Args:
        config: the run.
        data_root: folder with the data set's files, where it needs them.
        fabric: the processes that train it; None for this one alone.
        folder: its own, from which its teachers are looked for.

    Raises:
        BalanceError: the data or the teachers cannot be loaded, or the method refuses its settings.
    """
    fabric = fabric or one_process(config.device)
    source = _source(config, data_root, str(fabric.device))
    network = build_model(
        source.modalities, len(source.classes), seed=config.seed, fusion=config.model_fusion,
        encoders={m: spec for m, spec in config.encoders.items() if m in source.modalities},
    )  # fmt: skip
    optimizer = build_optimizer(
        config.optimizer, network.parameters(), lr=config.lr or 0.0,
        settings=config.optimizer_settings,
    )  # fmt: skip
    model, wrapped = fabric.setup(network, optimizer)
    if config.alone:
        balancer: Balancer | Alone = Alone(source.target.loss_task, seed=config.seed)
    else:
        teachers = load_teachers(config, source, folder, fabric)
        balancer = _balancer(config, source, network, optimizer, teachers)
    setup = Setup(config, source, fabric, model, network, wrapped, balancer)
    network.rule = rule_of(setup.method)
    if network.rule is not None and isinstance(balancer, Balancer):
        network.beside = balancer.setting.networks.own
    return setup


def _balancer(
    config: RunConfig,
    source: DataSource,
    network: FusionModel,
    optimizer: torch.optim.Optimizer,
    teachers: Mapping[str, Any] | None,
) -> Balancer:
    settings = dict(config.settings)
    task = source.target.loss_task
    on = settings.pop("on", None)  # None: as the method asks for
    method = create_method(config.registered_method, settings)
    made = Balancer(
        network,
        method,
        {m: f"encoders.{m}" for m in source.modalities},
        None if method.brings_heads else network.readout(whole=task.whole_numbers),
        task=task,
        forward=_forward,
        objective=config.objective,
        loaders={"train": Batches(source.train), "val": Batches(source.validation)},
        optimizers=[optimizer],
        teachers=teachers,
        on=on,
        epochs=config.epochs,
        seed=config.seed,
        steps=config.steps,
        diagnose=EVERY,
    )
    if beside := list(made.parameters()):
        rate = optimizer.param_groups[0]["lr"]
        optimizer.add_param_group({"params": beside, "lr": rate})
    return made


def _forward(model: nn.Module, batch: Any) -> tuple[Any, Tensor, Tensor | None]:
    """Output, target and what is present, of a batch of `Batches`."""
    inputs, target = batch
    return model(inputs), target, inputs.get(PRESENT)


def _source(config: RunConfig, data_root: str | None, device: str) -> DataSource:
    settings = json.dumps(dict(config.data_settings), sort_keys=True)
    source = _loaded(config.data, data_root, config.seed, settings, device)
    return _restricted(source, config.alone) if config.alone else source


@lru_cache(maxsize=1)
def _loaded(data: str, root: str | None, seed: int, settings: str, device: str) -> DataSource:
    """A data set on its device; the latest is kept, as all rows of a seed share it."""
    arguments = {name: as_tuple(value) for name, value in json.loads(settings).items()}
    source = load(data, root=root, seed=seed, **arguments)
    return _each_split(source, lambda split: split.to(device))


def _restricted(source: DataSource, modality: str) -> DataSource:
    """The same samples with one of their modalities."""
    one = _each_split(source, lambda split: split.alone(modality))
    return replace(one, modalities={modality: source.modalities[modality]})


def _each_split(
    source: DataSource, change: Callable[[MultimodalDataset], MultimodalDataset]
) -> DataSource:
    return replace(
        source,
        train=change(source.train),
        validation=change(source.validation),
        test=change(source.test),
    )
