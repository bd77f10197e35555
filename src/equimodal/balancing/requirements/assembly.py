"""The arguments of a balancer, checked and put together."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from equimodal.balancing.binding import bind, release
from equimodal.balancing.collection import Forward, check_readable
from equimodal.balancing.method import Method
from equimodal.balancing.networks.making import own_network
from equimodal.balancing.networks.trained import TrainedNetworks
from equimodal.balancing.readouts import Readout
from equimodal.balancing.readouts.by_task import task_readouts
from equimodal.balancing.requirements import arguments, training
from equimodal.balancing.setting import Setting
from equimodal.balancing.task import Classification, Task
from equimodal.checks import require_number
from equimodal.parts.selection import Encoder

if TYPE_CHECKING:
    from equimodal.balancing.balancer import Balancer


def assembled(
    balancer: "Balancer",
    model: nn.Module,
    method: Method,
    encoders: Mapping[str, str | nn.Module | Encoder],
    readout: Readout | Mapping[str, Readout] | None,
    *,
    task: Task | None,
    objective: str,
    unimodal_weight: float,
    loaders: Mapping[str, Iterable[Any]] | None,
    forward: Forward,
    example: Any,
    teachers: Mapping[str, Any] | None,
    on: str | None,
    epochs: int | None,
    seed: int,
    **told: Any,
) -> Setting:
    """What a balancer works with; the method has looked at the model. ``told`` are the arguments of
    `Balancer` that say how it tells of itself, and its steps.

    Raises:
        BalanceError: as `Balancer` does.
    """
    task = Classification() if task is None else task
    read: Readout | None = task_readouts(readout, getattr(task, "outputs", None))
    given = {} if loaders is None else loaders
    arguments.check_kinds(
        model, method=method, encoders=encoders, readout=read, task=task, loaders=given,
        forward=forward, log=told["log"],
    )  # fmt: skip
    seed = arguments.whole("seed", seed)
    epochs = None if epochs is None else arguments.whole("epochs", epochs, 1)
    objective = method.objective or objective
    on = (method.on or "gradient") if on is None else on
    weight = require_number("unimodal_weight", unimodal_weight, above=0)
    weight = weight if method.unimodal_weight is None else method.unimodal_weight
    arguments.check_arguments(
        method, task=task, objective=objective, on=on, readout=read, loaders=given,
        teachers=teachers, log_every=told["log_every"], diagnose=told["diagnose"],
        steps=told["steps"],
    )  # fmt: skip
    training.refuse_used(method)
    modalities = bind(balancer, model, encoders, read, teachers)
    setting = Setting(
        method, modalities, read, task, objective, weight, dict(given), forward, on, seed, epochs,
        told["steps"],
    )  # fmt: skip
    _start(balancer, setting, example)
    return setting


def _start(balancer: "Balancer", setting: Setting, example: Any) -> None:
    """Check the model against the method, which then looks at it for the first time."""
    method, modalities = setting.method, setting.modalities
    try:
        arguments.check_modules(method, modalities)
        check_readable(method, setting.forward, modalities.model, setting.loaders)
        heads = setting.readout if isinstance(setting.readout, nn.Module) else None
        setting.networks = TrainedNetworks(own_network(setting, example), heads)
        if method.brings_heads:
            assert isinstance(setting.networks.own, Readout)
            setting.readout = setting.networks.own
        method.on_start(modalities)
    except Exception:
        # The error keeps the balancer alive, and the corrected one needs the model.
        release(balancer, modalities)
        raise
