"""The dry check of a balancer: one batch, what was found, and what looks wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.balancing.collection import run
from equimodal.balancing.method import Method
from equimodal.balancing.requirements.values import value_problems
from equimodal.balancing.setting import Setting
from equimodal.balancing.step import Step
from equimodal.errors import BalanceError
from equimodal.parts.quiet import kept_streams
from equimodal.parts.sharding import is_sharded

_STAGES = {
    "on_features": "features",
    "turn": "turns of encoders",
    "on_loss": "loss",
    "on_gradients": "gradients",
    "on_epoch_end": "end of an epoch",
}
_MUCH = 0.5


@dataclass(frozen=True)
class FoundModality:
    """What belongs to one modality."""

    name: str
    parameters: int
    """Numbers in its encoder's own parameters."""
    trained: int
    """Those of them that are trained."""
    share: float
    """Of all the model's numbers, in [0, 1]."""
    units: int
    layers: int
    """Layers that have units."""
    features: tuple[int, ...] | None
    """Shape of its features in the batch; None where it gave none."""

    def __str__(self) -> str:
        shape = "no features" if self.features is None else f"features {self.features}"
        frozen = "" if self.trained else ", frozen"
        return (
            f"{self.name}: {self.parameters:,} parameters ({self.share:.0%} of the model{frozen}), "
            f"{self.units:,} units in {self.layers} layers, {shape}"
        )


@dataclass(frozen=True)
class Check:
    """Everything that :meth:`Balancer.check` found; ``print`` it."""

    method: str
    objective: str
    on: str
    readout: str
    stages: tuple[str, ...]
    """The stages at which the method will act."""
    modalities: tuple[FoundModality, ...]
    shared: int
    """Parameters that several modalities use, which belong to none."""
    logits: tuple[int, ...] | None
    losses: Mapping[str, float]
    """The fused loss, and the loss of every modality's unimodal logits, on this batch."""
    problems: tuple[str, ...]
    """What looks wrong; empty where nothing does."""

    def __str__(self) -> str:
        losses = ", ".join(f"{name} {value:.4g}" for name, value in self.losses.items())
        return "\n".join([
            f"method     {self.method}",
            f"objective  {self.objective}; decisions act on the {self.on}",
            f"readout    {self.readout}",
            f"stages     {', '.join(self.stages) or 'none: plain training'}",
            *[f"modality   {found}" for found in self.modalities],
            *([f"shared     {self.shared} parameters, of no modality"] if self.shared else []),
            f"logits     {self.logits}",
            f"losses     {losses or 'none'}",
            *[f"problem    {problem}" for problem in self.problems],
            *([] if self.problems else ["problem    none found"]),
        ])  # fmt: skip


def inspect(setting: Setting, batch: Any, logits_name: str | int | None = None) -> Check:
    """Run one batch forward and backward without a trace, and report. See `Balancer.check`."""
    modalities, problems = setting.modalities, list(_standing_problems(setting))
    found: dict[str, Tensor] = {}
    losses: dict[str, float] = {}
    logits: tuple[int, ...] | None = None
    with _undone(modalities.model):
        try:
            step = _dry_step(setting, batch, logits_name)
            found = step.outputs
            logits = None if step.logits is None else tuple(step.logits.shape)
            with modalities.record.autocast():
                losses = _losses(step)
                problems += value_problems(step, losses)
                problems += _gradient_problems(setting, step)
        except BalanceError as problem:
            problems.append(str(problem))
        finally:
            modalities.record.forget_call()
    return Check(
        method=repr(setting.method), objective=setting.objective, on=setting.on,
        readout=setting.readout.title if setting.readout else "none",
        stages=_stages(setting.method),
        modalities=tuple(_found(setting, m, found.get(m)) for m in modalities.names),
        shared=len(modalities.shared), logits=logits, losses=losses, problems=tuple(problems),
    )  # fmt: skip


def _dry_step(setting: Setting, batch: Any, logits_name: str | int | None) -> Step:
    """The step of one batch, which no method has seen."""
    output, target, present = run(setting.forward, setting.modalities.model, batch)
    logits = setting.fused(output, logits_name)
    target = setting.read(logits, target)
    rows = setting.present_rows(present, target)
    features = setting.modalities.record.take_features(output, logits, setting.rows(target))
    moment = setting.moment(0, 0, [])
    return setting.step(moment, logits, target, features, rows)


@contextmanager
def _undone(model: nn.Module) -> Iterator[None]:
    """Inside, the model trains; afterwards its buffers and the random streams are as before."""
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    with kept_streams(model), torch.enable_grad():
        yield
    for buffer, value in buffers:
        buffer.data.copy_(value)  # by data: a graph that waits for its backward may have saved it


def _stages(method: Method) -> tuple[str, ...]:
    listed = ("rows of an epoch",) if method.lists_items else ()
    return listed + tuple(name for stage, name in _STAGES.items() if method.has_stage(stage))


def _found(setting: Setting, modality: str, features: Tensor | None) -> FoundModality:
    modalities = setting.modalities
    own = modalities.parameters(modality).values()
    size = sum(p.numel() for p in own)
    units = modalities.units(modality)
    shape = None if features is None else tuple(features.shape)
    total = sum(p.numel() for p in modalities.model.parameters())
    return FoundModality(
        modality, size, sum(p.numel() for p in own if p.requires_grad), size / max(total, 1),
        sum(u.count for u in units), len(units), shape,
    )  # fmt: skip


def _losses(step: Step) -> dict[str, float]:
    losses = {} if step.logits is None else {"fused": float(step.fused_loss.detach())}
    if step.readout is not None:
        losses |= {m: float(loss.detach()) for m, loss in step.unimodal_losses.items()}
    return losses


def _standing_problems(setting: Setting) -> Iterator[str]:
    """What looks wrong before any batch."""
    modalities = setting.modalities
    model = modalities.model
    for m in modalities.names:
        own = modalities.parameters(m)
        if not modalities.trained(m):
            yield f"The encoder of {m!r} is frozen: its {len(own)} parameters are not trained."
        held = {id(p) for o in setting.optimizers for g in o.param_groups for p in g["params"]}
        left = [n for n, p in own.items() if p.requires_grad and id(p) not in held]
        if left and setting.optimizers:
            yield (
                f"No optimizer of the balancer holds {len(left)} trained parameters of {m!r}, such "
                f"as {left[0]!r}."
            )
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    covered = sum(
        p.numel() for m in modalities.names for p in modalities.parameters(m).values()
        if p.requires_grad
    )  # fmt: skip
    if trained and covered < _MUCH * trained:
        yield (
            f"Only {covered / trained:.0%} of the trained parameters belong to a modality: name "
            "the whole encoders, unless the rest is one common network."
        )


def _gradient_problems(setting: Setting, step: Step) -> Iterator[str]:
    """Encoders that the objective does not reach."""
    modalities = setting.modalities
    if step.logits is None or any(map(is_sharded, modalities.model.parameters())):
        return
    named = {
        m: {n: p for n, p in modalities.parameters(m).items() if p.requires_grad}
        for m in modalities.names
    }
    wanted = [p for own in named.values() for p in own.values()]
    if not wanted:
        return
    gradients = torch.autograd.grad(step.objective_loss, wanted, allow_unused=True)
    reached = {id(p): g is not None for p, g in zip(wanted, gradients, strict=True)}
    for m, own in named.items():
        missed = [n for n, p in own.items() if not reached[id(p)]]
        if own and len(missed) == len(own):
            yield (
                f"The loss does not reach the encoder of {m!r}: found no gradient in any of its "
                f"{len(own)} parameters. Look for .detach() or torch.no_grad()."
            )
        elif missed:
            yield (
                f"{len(missed)} of {len(own)} parameters of {m!r} get no gradient, such as "
                f"{missed[0]!r}: layers that the forward pass does not use."
            )


def coverage(setting: Setting) -> str:
    """What the balancer covers, a line for each modality."""
    modalities = setting.modalities
    first = f"Balancer({setting.method!r}, objective={setting.objective!r}, on={setting.on!r})"
    lines = [first]
    for m in modalities.names:
        found = _found(setting, m, None)
        units = modalities.units(m)
        held = sum(p.parameter.numel() for u in units for p in u.parts)
        lines.append(
            f"  {m}: {found.parameters:,} parameters ({found.share:.0%} of the model), "
            f"{found.units:,} units in {found.layers} layers "
            f"({held / max(found.parameters, 1):.0%} of its parameters)"
        )
    return "\n".join(lines)
