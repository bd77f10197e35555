"""What a method is: its stages, and what it declares."""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.balancing.epochs.blocks import Block
from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.moment import Moment, Plan, TrainingPass
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.balancing.windows import Window
from equimodal.errors import BalanceError, quoted
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.recording.hooks import Edit

STAGES = ("on_features", "turn", "on_loss", "on_gradients", "on_epoch_end")
"""At which a method changes a training, in their order within a step."""


class Method:
    """A balancing method: plain Python with up to six stages and a ``state``.

    A subclass stores its constructor arguments under their own names; ``repr``, the command line
    and the check of a checkpoint read them from there.
    """

    needs: frozenset[str] = frozenset()
    """What it reads: "unimodal_logits", "head_weights" (the part of a linear head that reads each
    modality), "shared_head" (the readout `SharedHead`), "features", their "widths" (for
    ``modules``), "teachers", "train_loader", "val_loader", "optimizers", "epochs"."""
    objective: str | None = None
    """The objective that it brings; None: the loss under it is the balancer's argument."""
    unimodal_weight: float | None = None
    """Weight of the unimodal losses in that objective; None: it is the balancer's argument."""
    unpaired: bool = False
    """Whether every modality draws its own rows: then ``on_plan`` gives their numbers."""
    on: str | None = None
    """What its factors must be applied to, such as "update"; None: the balancer's argument."""
    rewrites: bool = False
    """Whether it writes gradients of its own in the place of the loss's, so that ``on="update"``
    and parameters in shards have no meaning."""
    normalised: bool = True
    """Whether an optimizer that normalises gradients undoes what it does to them, as Adam a factor:
    then the balancer warns."""
    single_losses: bool = False
    """Whether it reads gradients of single losses, which parameters in shards do not give."""
    per_forward: bool = False
    """Whether it acts at every forward pass, so that accumulation changes it."""
    lists_items: bool = False
    """Whether ``on_epoch_start`` lists the rows of an epoch: batches then come of the balancer."""
    follows_items: bool = False
    """Whether it reads which rows of the data set a batch has, ``step.drawn[ITEMS]``, (N,) on the
    CPU: batches then come of the balancer too, of all rows once unless it lists them."""
    keeps_pairs: bool = False
    """Whether an unpaired method also wants the paired batch, in front of its own rows."""
    brings_heads: bool = False
    """Whether what `modules` makes is the readout, so that the balancer is given none."""
    windowed: bool = True
    """Whether it may act in a share of the training alone: not where it changes predictions."""
    window: Window = Window()
    """When its stages run; ``methods.create(name, start=..., end=...)`` sets it."""
    state: dict[str, Any]
    """All that must survive a restart, and nothing else: tensors and plain data."""
    constants: dict[str, Any]
    """Large tensors that are fixed from the start: saved once, not in every checkpoint."""

    snapshots: dict[str, Any]
    """Large tensors that change now and then: put in anew, never changed in place, so that they
    are saved without a copy."""

    def __init__(self) -> None:
        self.state = {}
        self.constants = {}
        self.snapshots = {}

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module | None:
        """A network that is trained beside the model, for features of these widths and so many
        logits; None for none. Of a method that needs "widths".

        Made once, before ``on_start``, and fixed from then on. `Balancer.parameters` offers it to
        the optimizer, checkpoints hold it, and its gradients are averaged over the ranks. Keep it
        under a name of your own; nothing but a loss of yours trains it. {m: D_m}, C
        """
        return None

    def on_start(self, modalities: ModalityMap) -> None:
        """Once, when the balancer is made."""

    def unsuited(self, task: Task) -> str:
        """Why it cannot work on this kind of target; empty if it can."""
        return ""

    def on_epoch_start(self, epoch: Epoch) -> list[Block] | None:
        """Once an epoch, before its first batch: of a method that ``lists_items`` the rows of the
        epoch, in blocks that no batch crosses, and what of each counts; None: all rows once."""
        return None

    def on_plan(self, plan: Plan) -> dict[str, int]:
        """Before an iteration of an unpaired method: rows to draw. -> {m: n}"""
        raise NotImplementedError

    def on_features(self, modality: str, features: Tensor, passing: TrainingPass) -> Tensor:
        """Inside a forward pass that trains: what the rest of the model reads in place of an
        encoder's output. (N, ...) -> (N, ...)"""
        raise NotImplementedError

    def turn(self, moment: Moment) -> tuple[str, ...]:
        """The modalities whose encoders learn in an update: of its number and epoch alone. Those
        of the others are cut in the forward pass, and get no gradient."""
        return moment.modalities.names

    def repeats(self, modalities: int) -> int:
        """For how many updates a batch is used, of so many modalities."""
        return 1

    def on_loss(self, step: Step) -> Tensor:
        """After every forward pass: the scalar to back-propagate."""
        return step.objective_loss

    def on_warm_up(self, step: Step) -> Tensor:
        """In place of all stages in the share ``warm_up`` of the training: the loss."""
        return step.objective_loss

    def on_gradients(self, step: Step) -> None:
        """Once an update, between ``backward()`` and ``optimizer.step()``."""

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Once an epoch."""

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """What the trained model predicts, of the fused logits and of those of the modalities that
        are present in all of these rows. {m: (N, ..., C)}, (N, ..., C) -> (N, ..., C)"""
        return logits

    @property
    def own_batches(self) -> bool:
        """Whether every batch must come of the balancer, which knows its rows."""
        return self.lists_items or self.follows_items

    @property
    def acted(self) -> bool:
        """Whether it has changed anything so far; if not, a comparison says `did not act`."""
        return True

    @property
    def note(self) -> str:
        """What a reader of the results must know of this run; empty if nothing."""
        return ""

    def acts(self, moment: Moment) -> bool:
        """Whether its stages run at a moment of the training."""
        return self.window.holds(moment.epoch_index, moment.total_epochs)

    def draws(self, moment: Moment) -> bool:
        """Whether every modality draws its own rows at a moment of the training."""
        return self.unpaired and self.acts(moment)

    def loss(self, step: Step) -> Tensor:
        """The scalar to back-propagate, in its window and outside it. -> ()"""
        if self.window.warms_up(step.epoch_index, step.total_epochs):
            return self.on_warm_up(step)
        return self.on_loss(step) if self.acts(step) else step.objective_loss

    def has_stage(self, stage: str) -> bool:
        """Whether it acts at a stage, such as "on_loss"."""
        return getattr(type(self), stage) is not getattr(Method, stage)

    def edits_gradients(self) -> bool:
        """Whether it has a gradient stage, so that ``before_step()`` must be called."""
        return self.has_stage("on_gradients")

    def counts_updates(self) -> bool:
        """Whether it acts on gradients or in turns, so that ``before_step()`` must be called."""
        return self.edits_gradients() or self.has_stage("turn")

    def refuse_set(self, *names: str, why: str) -> None:
        """Refuse arguments that are not at their defaults where they would do nothing.

        Raises:
            BalanceError: one is; it says ``why`` that does nothing.
        """
        defaults = inspect.signature(type(self)).parameters
        for name in names:
            value = getattr(self, name)
            default = defaults[name].default if name in defaults else value
            if (tuple(value) if isinstance(value, list) else value) != default:
                raise BalanceError(
                    f"{type(self).__name__} {name} has no effect {why}; found {quoted(value)}. "
                    "Leave it out."
                )

    def config(self) -> dict[str, Any]:
        """Constructor arguments by name, and its window where that is a part of the training."""
        own = {n: getattr(self, n) for n in inspect.signature(type(self)).parameters}
        return own | (asdict(self.window) if self.window.needs_epochs else {})

    def state_dict(self) -> dict[str, Any]:
        """Copy of the state."""
        return copy.deepcopy(self.state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave."""
        self.state = copy.deepcopy(dict(state))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.config().items())
        return f"{type(self).__name__}({arguments})"


def feature_edit(method: Method, moment: Callable[[], dict[str, Any]]) -> Edit:
    """The feature stage of a method, as the record of forward passes runs it.

    Args:
        method: has the stage.
        moment: gives the arguments of a moment of the training.
    """

    def edit(modality: str, features: Tensor, drawn: dict[str, Any]) -> Tensor:
        passing = TrainingPass(**moment(), drawn=drawn)
        return method.on_features(modality, features, passing) if method.acts(passing) else features

    # Draws, and what a method remembers, are no part of a compiled graph.
    outside: Edit = torch.compiler.disable(edit)  # type: ignore[no-untyped-call]
    return outside
