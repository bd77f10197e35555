"""Several methods in one training, each at its own stages: ``methods.create("dus~relearn")``.

Methods can be combined where they act at different stages of a step, because then each does what
it does alone and sees what the others have done before it:

===============  ==========================================  =========================
stage            what is decided there                       such as
===============  ==========================================  =========================
features         what the head reads in training             ``modality-dropout``
epoch            which rows it has, and what of each         ``smv``, ``bss``
plan and loss    which rows are drawn, and the loss          ``dus``, ``dus-rl``
gradients        which units are updated                     ``amss``, ``amss+``
end of an epoch  where the encoders' weights are             ``relearn``
===============  ==========================================  =========================

The stages follow each other in this order, whatever the order of the names; only among methods
that act at the end of an epoch do the names tell it. Combining them is our own proposal, none of
the papers'. ``dus~amss`` with ``plug_in=True`` is DUS on the unimodal losses of a host whose fused
loss stays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from equimodal.balancing.epochs.blocks import Block
from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import STAGES, Method
from equimodal.balancing.moment import Moment, Plan, TrainingPass
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.errors import BalanceError, quoted
from equimodal.parts.modalities import ModalityMap


class Composition(Method):
    """Methods that act at different stages, as one method.

    Args:
        parts: two or more methods.

    Raises:
        BalanceError: two of them decide the same thing, or one decides nothing.

    Example::

        Balancer(model, Composition(AMSS(), DiagnoseRelearn(every=5)), encoders, LinearSplit("fc"),
                 loaders={"train": train_loader, "val": val_loader})
    """

    def __init__(self, *parts: Method) -> None:
        _check(parts)
        self.parts = parts
        super().__init__()
        self._drawing = next((p for p in parts if p.unpaired), None)
        self.unpaired = self._drawing is not None
        self.lists_items = any(p.lists_items for p in parts)
        self.follows_items = any(p.follows_items for p in parts)
        self.keeps_pairs = self._drawing is not None and self._drawing.keeps_pairs
        self.on = next(filter(None, (p.on for p in parts)), None)
        self.rewrites = any(p.rewrites for p in parts)
        self.normalised = any(p.normalised for p in parts if p.edits_gradients())
        self.single_losses = any(p.single_losses for p in parts)
        self.per_forward = any(p.per_forward for p in parts)
        self.needs = frozenset().union(*(p.needs for p in parts))
        self.objective = next(filter(None, (p.objective for p in parts)), None)
        self.unimodal_weight = next(filter(None, (p.unimodal_weight for p in parts)), None)

    def unsuited(self, task: Task) -> str:
        """The first part's reason not to work on this kind of target."""
        reasons = ((type(p).__name__, p.unsuited(task)) for p in self.parts)
        return next((f"{name}: {reason}" for name, reason in reasons if reason), "")

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module | None:
        """The networks of the parts that have one, by place."""
        own = {str(k): p for k, p in enumerate(self.parts) if "widths" in p.needs}
        made = {k: p.modules(widths, outputs) for k, p in own.items()}
        held = {k: network for k, network in made.items() if network is not None}
        return nn.ModuleDict(held) if held else None

    def on_start(self, modalities: ModalityMap) -> None:
        """Start every part."""
        for part in self.parts:
            part.on_start(modalities)

    def on_epoch_start(self, epoch: Epoch) -> list[Block] | None:
        """The starts of an epoch, in the order of the parts; the items that one of them lists."""
        found = [part.on_epoch_start(epoch) for part in self.parts if part.acts(epoch)]
        return next((blocks for blocks in found if blocks is not None), None)

    def on_plan(self, plan: Plan) -> dict[str, int]:
        """Rows by the drawing part."""
        assert self._drawing is not None
        return self._drawing.on_plan(plan)

    def draws(self, moment: Moment) -> bool:
        """Whether the drawing part acts."""
        return self._drawing is not None and self._drawing.draws(moment)

    def on_features(self, modality: str, features: Tensor, passing: TrainingPass) -> Tensor:
        """The features of the part that changes them."""
        for part in self.parts:
            if part.has_stage("on_features") and part.acts(passing):
                features = part.on_features(modality, features, passing)
        return features

    def turn(self, moment: Moment) -> tuple[str, ...]:
        """The turn of the part that gives turns."""
        owners = [p for p in self.parts if p.has_stage("turn") and p.acts(moment)]
        return owners[0].turn(moment) if owners else moment.modalities.names

    def repeats(self, modalities: int) -> int:
        """The updates of a batch that a part asks for."""
        return max(p.repeats(modalities) for p in self.parts)

    def on_loss(self, step: Step) -> Tensor:
        """The loss of the part that has one, or the objective."""
        owner = next((p for p in self.parts if p.has_stage("on_loss")), self.parts[0])
        return owner.loss(step)

    def on_gradients(self, step: Step) -> None:
        """The gradient stage of the part that has one."""
        for part in self.parts:
            if part.acts(step):
                part.on_gradients(step)

    def on_epoch_end(self, epoch: Epoch) -> None:
        """The epoch stages, in the order of the parts."""
        for part in self.parts:
            if part.acts(epoch):
                part.on_epoch_end(epoch)

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """What the part predicts that has a rule of its own."""
        owners = (p for p in self.parts if p.has_stage("predict"))
        owner = next(owners, None)
        return logits if owner is None else owner.predict(unimodal_logits, logits)

    @property
    def acted(self) -> bool:
        """Whether any part has changed anything."""
        return any(p.acted for p in self.parts)

    @property
    def note(self) -> str:
        """The parts' notes, and which part did not act."""
        idle = [f"{type(p).__name__} did not act" for p in self.parts if not p.acted]
        return "; ".join([*filter(None, (p.note for p in self.parts)), *idle])

    def has_stage(self, stage: str) -> bool:
        """Whether a part acts at a stage."""
        return any(p.has_stage(stage) for p in self.parts)

    def config(self) -> dict[str, Any]:
        """Arguments of every part, by its place and class."""
        return {f"{k}:{type(p).__name__}": p.config() for k, p in enumerate(self.parts)}

    @property
    def constants(self) -> dict[str, Any]:
        """The parts' constants by place."""
        return {str(k): p.constants for k, p in enumerate(self.parts) if p.constants}

    @constants.setter
    def constants(self, value: Mapping[str, Any]) -> None:
        for place, constants in value.items():
            self.parts[int(place)].constants = constants

    @property
    def snapshots(self) -> dict[str, Any]:
        """The parts' snapshots by place."""
        return {str(k): p.snapshots for k, p in enumerate(self.parts) if p.snapshots}

    @snapshots.setter
    def snapshots(self, value: Mapping[str, Any]) -> None:
        for place, snapshots in value.items():
            self.parts[int(place)].snapshots = snapshots

    def state_dict(self) -> dict[str, Any]:
        """Copies of the parts' states by place."""
        return {str(k): p.state_dict() for k, p in enumerate(self.parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the parts' states."""
        for k, part in enumerate(self.parts):
            part.load_state_dict(state[str(k)])

    def __repr__(self) -> str:
        return f"Composition({', '.join(map(repr, self.parts))})"


def _check(parts: Sequence[Method]) -> None:
    names = [type(p).__name__ for p in parts]
    if len(parts) < 2:
        raise BalanceError(f"A composition takes two or more methods; found {names}.")
    for part, name in zip(parts, names, strict=True):
        if not isinstance(part, Method):
            raise BalanceError(
                f"Composition combines methods, such as AMSS(); found {quoted(part)}."
            )
        if part.brings_heads:
            raise BalanceError(
                f"{name} trains heads of its own, from which all unimodal logits are read, so that "
                "nothing combines with it."
            )
        if part.objective and not (part.lists_items or part.has_stage("on_loss")):
            raise BalanceError(
                f"{name} is an objective and no stage: pass objective='fused+unimodal' to the "
                "balancer, or --objective fused+unimodal, in its place."
            )
        if not (part.lists_items or any(part.has_stage(s) for s in ("on_start", *STAGES))):
            raise BalanceError(f"{name} changes nothing, so that nothing combines with it.")
    listing = [p for p in parts if p.own_batches]
    drawing = [
        p for p in parts
        if not p.own_batches and (p.unpaired or p.has_stage("on_features") or p.repeats(2) > 1)
    ]  # fmt: skip
    if listing and len(listing) + len(drawing) > 1:
        several = " and ".join(type(p).__name__ for p in (*listing, *drawing))
        raise BalanceError(f"{several} cannot be combined: both decide what a batch holds.")
    for stage, meaning in _STAGES.items():
        both = [n for p, n in zip(parts, names, strict=True) if p.has_stage(stage)]
        if len(both) > 1:
            raise BalanceError(f"{' and '.join(both)} cannot be combined: {meaning}.")
    single = [type(p).__name__ for p in _singles(parts)]
    twice = [n for n in single if single.count(n) > 1]
    if twice:
        raise BalanceError(f"{twice[0]} is there twice; one of them is enough.")


def _singles(parts: Sequence[Method]) -> list[Method]:
    """The methods themselves, also those inside compositions."""
    nested = (_singles(p.parts) if isinstance(p, Composition) else [p] for p in parts)
    return [single for group in nested for single in group]


_STAGES = {
    "on_features": "both change the features of the same pass",
    "turn": "both decide whose encoders learn in an update",
    "predict": "both decide what the trained model predicts",
    "on_loss": "both decide the loss and the rows it is taken over",
    "on_gradients": "both change the same gradients, and the second would take for the model's own "
    "what the first left of them",
}
