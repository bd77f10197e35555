"""Notices a loop that forgets a call or trains on numbers that are not finite."""

import logging
import warnings
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter

from equimodal.balancing.decisions import Record
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.errors import BalanceError
from equimodal.parts.gradients import dense_values
from equimodal.parts.sharding import is_sharded

logger = logging.getLogger("equimodal")
_MANY = 1000
_MANY_UPDATES = 50_000
_NORMS = 8
_LOSSES = 256
_FEW_UPDATES = 10


@dataclass
class _Given:
    """A loss, and what was measured for it."""

    step: Step | None
    records: list[Record]
    trained: bool
    hook: "weakref.ref[_Backward] | None" = None


class _Backward:
    """Runs when a loss is back-propagated, and is gone with its graph."""

    def __init__(self, given: _Given) -> None:
        self._given = given

    def __call__(self, _: Tensor) -> None:
        self._given.trained = True


class LoopWatch:
    """Counts the calls of one balancer.

    Args:
        method: the method, which has its name in the messages and may act at the end of epochs.
    """

    def __init__(self, method: Method) -> None:
        self.method = type(method).__name__
        self.acts_at_ends = method.has_stage("on_epoch_end") or method.own_batches
        self._passes = 0
        self._ended = self._pass_told = False
        self._losses_since_update = 0
        self._given: list[_Given] = []
        self._lost: list[Record] = []
        self._losses = 0
        self._updates = 0
        self._recent: list[Tensor] = []
        self._not_finite: Tensor | int = 0
        self._pairing_told = False
        self._norms: list[Tensor] = []
        self.clips_first = False
        """A host that clips gradients before it lets them be balanced, and knows it, says so."""

    @property
    def pending(self) -> bool:
        """Whether a ``loss()`` waits for its ``before_step()``."""
        return self._losses_since_update > 0

    @property
    def micro_batch(self) -> int:
        """Losses since the last update whose graph was used or is still there."""
        self._forget_lost()
        return len(self._given)

    @property
    def due(self) -> bool:
        """Whether a back-propagated loss waits for its ``before_step()``."""
        return any(g.trained for g in self._given)

    def forget_update(self) -> None:
        """Nothing waits any more: a saved state was loaded."""
        self._losses_since_update = 0
        self._ended = True
        self.given()

    def given(self) -> tuple[list[Step] | None, list[Record]]:
        """Steps of the losses since the last update that were back-propagated, None if none was;
        and the records of the others, which no weight was trained on."""
        given, records = self._given, self._lost
        self._given, self._lost = [], []
        trained = [g for g in given if g.trained]
        untrained = [r for g in given if not g.trained for r in g.records]
        steps = [g.step for g in trained if g.step is not None]
        return (steps if trained else None), [*records, *untrained]

    def saw_loss(self, loss: Tensor, step: Step | None, records: list[Record]) -> None:
        """A loss and what was measured for it; what is not finite is counted on the device, many
        at a time."""
        self._forget_lost()
        given = _Given(step, records, trained=not loss.requires_grad)
        if loss.requires_grad:
            hook = _Backward(given)
            given.hook = weakref.ref(hook)
            loss.register_hook(hook)  # type: ignore[no-untyped-call]
        self._given.append(given)
        self._recent.append(loss.detach())
        if len(self._recent) == _LOSSES:
            self._count_not_finite()
        self._losses += 1
        self._losses_since_update += 1
        if self._losses_since_update == _MANY:
            warnings.warn(
                f"loss() was called {_MANY:,} times without before_step(): call it between "
                "backward() and optimizer.step().",
                stacklevel=3,
            )

    def _forget_lost(self) -> None:
        """Drop losses whose graph is gone and was never used, as in a validation."""
        lost = [g for g in self._given if not g.trained and g.hook and g.hook() is None]
        if lost:
            self._lost += [r for g in lost for r in g.records]
            self._given = [g for g in self._given if all(g is not x for x in lost)]

    def _count_not_finite(self) -> None:
        if self._recent:
            bad = (~torch.isfinite(torch.stack(self._recent))).sum()
            self._not_finite = self._not_finite + bad
            self._recent = []

    def saw_pass(self, start: int) -> None:
        """``batches()`` begins an epoch at a batch."""
        if not start:
            self._passes = self._passes + 1 if self._updates else 1

    def _tell_second_pass(self) -> None:
        """Warn once of a second epoch of batches that no ``epoch_end()`` stands before."""
        if self._passes > 1 and not self._pass_told:
            self._pass_told = True
            warnings.warn(
                "batches() began another epoch before epoch_end(), so that it gives the same rows "
                "in the same order: call epoch_end() once an epoch.",
                stacklevel=5,
            )

    def tell_no_end(self) -> None:
        """When the balancer goes: say so where no epoch of a training was ever ended."""
        if self.acts_at_ends and not self._ended and self._updates >= _FEW_UPDATES:
            logger.warning(
                "%s acts at the end of an epoch, and epoch_end() was never called in %s updates: "
                "call it once an epoch.", self.method, f"{self._updates:,}",
            )  # fmt: skip

    def saw_update(self) -> None:
        """An update."""
        self._losses_since_update = 0
        self._updates += 1
        self._tell_second_pass()
        if self._updates == _MANY_UPDATES:
            warnings.warn(
                f"before_step() was called {_MANY_UPDATES:,} times without epoch_end(): call it "
                "once an epoch; decisions are kept until then, and some methods act there.",
                stacklevel=4,
            )

    def saw_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Gradients before they are balanced; their norm is kept for the first updates."""
        if len(self._norms) >= _NORMS or self.clips_first:
            return
        grads = [p.grad for p in parameters if p.grad is not None]
        if not any(is_sharded(g) for g in grads) and len({g.device for g in grads}) == 1:
            norms = torch._foreach_norm(dense_values(grads))
            self._norms.append(torch.stack(norms).double().norm())

    def saw_step(self) -> None:
        """An optimizer is about to step. Raises BalanceError if its gradients are not balanced."""
        if self.due:
            raise BalanceError(
                f"{self.method} changes gradients, but optimizer.step() ran before before_step(): "
                "call before_step() between backward() and optimizer.step()."
            )

    def tell_pairing(self, paired: bool) -> None:
        """Say once whether an unpaired method really gets unpaired batches."""
        if self._pairing_told:
            return
        self._pairing_told = True
        if paired:
            logger.warning(
                "%s: batches are paired, so each modality uses a subset of every batch. Iterate "
                "over balancer.batches(dataset, batch_size=...) to draw unpaired batches.",
                self.method,
            )
        else:
            logger.info("%s: every modality draws its own, unpaired batch.", self.method)

    def check_epoch(self, epoch: int, *, strict: bool) -> None:
        """Raise or warn about the epoch that ends. Raises BalanceError if ``strict``."""
        self._tell_clipping()
        self._ended = True
        losses, updates = self._losses, self._updates
        self._count_not_finite()
        bad = int(self._not_finite)
        self._losses = self._updates = self._passes = 0
        self._not_finite = 0
        if losses and not updates:
            missing = (
                "before_step() was never called this epoch: call it between backward() and "
                "optimizer.step()."
            )
            if strict:
                raise BalanceError(f"{self.method} changes gradients, but {missing}")
            warnings.warn(missing, stacklevel=4)
        if bad:
            warnings.warn(
                f"The loss was NaN or infinite in {bad} of {losses} forward passes of epoch "
                f"{epoch}: lower the learning rate or look for NaN in the data.",
                stacklevel=4,
            )

    def _tell_clipping(self) -> None:
        """Warn where the first updates all had one gradient norm, as after clipping to it."""
        if len(self._norms) < _NORMS or self.clips_first:
            return
        norms = torch.stack(self._norms).cpu()
        self._norms, self.clips_first = [], True
        if float(norms.max() - norms.min()) < 1e-3 * float(norms.max()):
            warnings.warn(
                f"The gradients of the first {_NORMS} updates all had the norm "
                f"{float(norms[0]):.4g} in before_step(), so they were clipped before: call "
                "before_step() first and clip_grad_norm_ after it, or a mask's weights exceed what "
                "was clipped to.",
                stacklevel=5,
            )
