"""Whose encoders learn in an update, and for how many updates a batch is used."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch.nn.parallel import DistributedDataParallel

from equimodal.balancing.alternation.chunks import repeated
from equimodal.balancing.method import Method
from equimodal.balancing.moment import Moment
from equimodal.checks import require, require_whole
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap

T = TypeVar("T")


class Turns:
    """The turns of one method, as a loop carries them out.

    Args:
        method: the method.
        modalities: the encoders.
    """

    def __init__(self, method: Method, modalities: ModalityMap) -> None:
        self._method, self._modalities = method, modalities
        updates = method.repeats(len(modalities.names))
        self.repeats = require_whole("repeats, the updates of a batch,", updates, low=1)
        self._taken = method.has_stage("turn")
        self._told = False
        self._given = self._updates = 0

    def starter(self, moment: Callable[[], dict[str, Any]]) -> Callable[[], None] | None:
        """What a model does before a forward pass; None where all encoders always learn."""
        if not self._taken:
            return None
        # A method's turn is no part of a compiled graph.
        outside: Callable[[], None] = torch.compiler.disable(  # type: ignore[no-untyped-call]
            lambda: self.begin(Moment(**moment()))
        )
        return outside

    def begin(self, moment: Moment) -> None:
        """Before a forward pass that trains: cut the encoders that are not in turn.

        Raises:
            BalanceError: another modality is in turn, or DDP expects a gradient of every encoder.
        """
        names = self._modalities.names
        turn = self._method.turn(moment) if self._method.acts(moment) else names
        strange = [m for m in turn if m not in names]
        require(not strange, f"turn() must name some of {list(names)}", strange)
        resting = frozenset(names) - frozenset(turn)
        if resting:
            self._refuse_ddp()
        self._modalities.record.out_of_turn = resting

    def saw_update(self) -> None:
        """Before the gradient stage: refuse a loop in which turns mean nothing.

        Raises:
            BalanceError: an encoder that is not in turn has gradients, or batches that are to be
                used for several updates are not.
        """
        self._updates += 1
        name = type(self._method).__name__
        if self.repeats > 1 and not self._told:
            raise BalanceError(
                f"{name} uses every batch for {self.repeats} updates, and this loop gives each "
                "once: iterate over balancer.repeat(loader), balancer.batches(...) or "
                "balancer.loader(...), or write `for _ in balancer.passes():` around the update."
            )
        for m in sorted(self._modalities.record.out_of_turn):
            own = self._modalities.parameters(m).items()
            held = next((n for n, p in own if p.grad is not None), None)
            if held:
                raise BalanceError(
                    f"The encoder of {m!r} is not in turn, and its {held!r} has a gradient, so "
                    "that momentum and weight decay would move it: let zero_grad() set gradients "
                    "to None, as it does by default, after every update, and add no loss that "
                    f"reaches it beside that of {name}."
                )

    def end_epoch(self) -> None:
        """Refuse an epoch whose batches were used for fewer updates than their turns.

        Raises:
            BalanceError: as after an accumulation of gradients that it was not told of.
        """
        given, updates = self._given, self._updates
        self._given = self._updates = 0
        if self.repeats > 1 and updates < given - 1:  # a host may have fetched one ahead
            raise BalanceError(
                f"{type(self._method).__name__} uses every batch for {self.repeats} updates; found "
                f"{updates} updates in an epoch that had batches for {given}. Where gradients of "
                "several batches make an update, write balancer.repeat(loader, accumulation=...) "
                "or balancer.batches(..., accumulation=...), and call before_step() once an update."
            )

    def tell(self) -> None:
        """Batches come as often as they are to be used."""
        self._told = True

    def passes(self) -> Iterator[int]:
        """The updates of a batch that is at hand, counted from 0."""
        self.tell()
        for number in range(self.repeats):
            self._given += 1
            yield number

    def each(self, batches: Iterable[T], accumulation: int, first: int = 0) -> Iterator[T]:
        """Batches as often as they are used: see `repeated`."""
        self.tell()
        for number, batch in enumerate(repeated(batches, self.repeats, accumulation, first), 1):
            self._given += number % accumulation == 0
            yield batch

    def count(self, batches: int, accumulation: int) -> int:
        """How many batches `each` makes of so many."""
        return (
            batches if self.repeats == 1 else batches // accumulation * accumulation * self.repeats
        )

    def place(self, start: int, accumulation: int) -> tuple[int, int]:
        """Of the batches that `each` gave: those that are done with, and the place in the chunk."""
        chunks, first = divmod(start, accumulation * self.repeats)
        return (start, 0) if self.repeats == 1 else (chunks * accumulation, first)

    def _refuse_ddp(self) -> None:
        """Raises BalanceError under DDP that waits for a gradient of every parameter."""
        ddp = DistributedDataParallel._get_active_ddp_module()  # type: ignore[no-untyped-call]
        if ddp is not None and (not ddp.find_unused_parameters or ddp.static_graph):
            raise BalanceError(
                f"{type(self._method).__name__} trains encoders in turn, and DDP would wait for "
                "gradients of the others: write DistributedDataParallel(model, "
                "find_unused_parameters=True), without static_graph; Lightning and Fabric: "
                'strategy="ddp_find_unused_parameters_true"; TrainingArguments: '
                "ddp_find_unused_parameters=True; Accelerate: "
                "DistributedDataParallelKwargs(find_unused_parameters=True)."
            )
