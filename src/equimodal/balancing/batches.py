"""Shuffled streams of indices, the rows that they name, and both as a loader of epochs."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from equimodal.balancing.epochs.rows import modality_rows, paired_rows, rows_of
from equimodal.balancing.moment import Moment, Plan
from equimodal.checks import require, require_number, require_whole
from equimodal.errors import BalanceError
from equimodal.numerics.random import order_generator
from equimodal.parts import distributed

if TYPE_CHECKING:
    from equimodal.balancing.alternation.turns import Turns
    from equimodal.balancing.balancer import Balancer


def shuffled(count: int, *, seed: int, stream: str, turn: int) -> Tensor:
    """Permutation of ``range(count)``, of this rank's shard under several ranks. -> (count / R,)

    Drawn from (seed, stream, turn) alone; the global random stream is left as it is. A shard
    takes every R-th index and all shards are of one length.

    Raises:
        BalanceError: there is nothing to draw.
    """
    order = torch.randperm(count, generator=order_generator(seed, stream, turn))
    mine = distributed.own_shard(order)
    if not len(mine):
        raise BalanceError(
            f"The data set holds no sample for every process; found {count} for "
            f"{distributed.world_size()}. Give batches() one that does."
        )
    return mine


def require_rows(dataset: Any, batch_size: int, start: int = 0) -> None:
    """Refuse what no batch can be drawn from, and numbers that count none. Raises BalanceError."""
    require_number("batch_size", batch_size, low=1, whole=True)
    require_number("start", start, low=0, whole=True)
    sized = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    require(sized, "The data set must have a length and items", dataset)


def plain_count(dataset: Any, batch_size: int) -> int:
    """Batches of an epoch of all rows, on each rank."""
    return math.ceil(len(dataset) // distributed.world_size() / batch_size)


class Stream:
    """Endless shuffled indices of one modality: without replacement within a pass.

    Args:
        count: size of the data set.
        seed: seed of the run.
        name: modality.
        position: (pass, offset) to continue from.
    """

    def __init__(self, count: int, *, seed: int, name: str, position: tuple[int, int]) -> None:
        self.count, self.seed, self.name = count, seed, name
        self.turn, self.offset = position
        self._order = self._shuffle()

    def take(self, rows: int) -> Tensor:
        """The next ``rows`` indices, over the end of a pass where need be. -> (rows,)"""
        parts: list[Tensor] = []
        while rows:
            if self.offset >= len(self._order):
                self.turn, self.offset = self.turn + 1, 0
                self._order = self._shuffle()
            part = self._order[self.offset : self.offset + rows]
            self.offset += len(part)
            rows -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @property
    def position(self) -> tuple[int, int]:
        """(pass, offset): all that a restart needs."""
        return self.turn, self.offset

    def _shuffle(self) -> Tensor:
        return shuffled(self.count, seed=self.seed, stream=self.name, turn=self.turn)


def unpaired_rows(
    dataset: Any, streams: dict[str, Stream], counts: dict[str, int]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The next rows of every modality, each from its own stream. -> {m: x}, {m: y}"""
    rows = {m: modality_rows(dataset, m, s.take(counts[m])) for m, s in streams.items()}
    return {m: x for m, (x, _) in rows.items()}, {m: y for m, (_, y) in rows.items()}


def with_pairs(
    pairs: tuple[dict[str, Tensor], Tensor], inputs: dict[str, Tensor], targets: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Unpaired rows behind the rows of a paired batch. -> {m: x}, {m: y}"""
    paired, labels = pairs
    rows = {m: torch.cat([paired[m], x]) for m, x in inputs.items()}
    return rows, {m: _behind(labels, y) for m, y in targets.items()}


def _behind(first: Any, second: Any) -> Any:
    """Labels behind others, of each task where there are several."""
    if isinstance(first, Mapping):
        return {name: torch.cat([y, second[name]]) for name, y in first.items()}
    return torch.cat([first, second])


def epoch_batches(
    dataset: Any, batch_size: int, *, seed: int, epoch: int, start: int = 0
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Paired batches of one epoch from batch ``start`` on, shuffled from (seed, epoch).

    The last batch may be smaller.
    """
    order = shuffled(len(dataset), seed=seed, stream="paired", turn=epoch)
    for indices in torch.split(order, batch_size)[start:]:
        yield paired_rows(dataset, indices)


def planned_batches(
    balancer: "Balancer",
    dataset: Any,
    batch_size: int,
    start: int,
    positions: dict[str, tuple[int, int]],
    moment: Callable[[], dict[str, Any]],
    listed: Callable[[Any, int, int], Iterator[tuple[dict[str, Tensor], Any]]],
) -> Iterator[tuple[dict[str, Tensor], Tensor | dict[str, Tensor]]]:
    """Batches of one epoch: paired, of the items that the method lists, or in which every modality
    has the rows that it plans.

    Args:
        balancer: whose method it is.
        dataset: as in :meth:`Balancer.batches`.
        batch_size: as there.
        start: as there.
        positions: the place in each modality's stream, which is kept there.
        moment: gives the arguments of a moment of the training.
        listed: gives batches of items.
    """
    method, seed = balancer.setting.method, balancer.setting.seed
    epoch = balancer.epoch_index
    if method.own_batches:
        yield from listed(dataset, batch_size, start)
        return
    paired = epoch_batches(dataset, batch_size, seed=seed, epoch=epoch, start=start)
    if not method.draws(Moment(**moment())):
        yield from paired
        return
    streams = {
        m: Stream(rows_of(dataset, m), seed=seed, name=m, position=positions.get(m, (0, 0)))
        for m in balancer.setting.modalities.names
    }
    for _ in range(start, plain_count(dataset, batch_size)):
        planned = method.on_plan(Plan(**moment(), batch_size=batch_size))
        inputs, targets = unpaired_rows(dataset, streams, planned)
        positions |= {m: s.position for m, s in streams.items()}
        if method.keeps_pairs:
            inputs, targets = with_pairs(next(paired), inputs, targets)
        yield inputs, targets


class Batches:
    """Every iteration is an epoch of a balancer's batches.

    Its state is the place within an epoch, for trainers that save in the middle of one; load it
    beside the balancer's own.

    Args:
        balancer: the balancer whose method plans them.
        dataset: as in :meth:`Balancer.batches`.
        batch_size: as in :meth:`Balancer.batches`.
        accumulation: as in :meth:`Balancer.batches`.
        turns: of the balancer.
        count: how many an epoch has now, each counted once.
    """

    def __init__(
        self,
        balancer: "Balancer",
        dataset: Any,
        batch_size: int,
        accumulation: int,
        turns: "Turns",
        count: Callable[[Any, int], int],
    ) -> None:
        require_rows(dataset, batch_size)
        require_whole("accumulation", accumulation, low=1)
        self.balancer, self.dataset, self.batch_size = balancer, dataset, batch_size
        self.accumulation, self._turns, self._count = accumulation, turns, count
        self._start = self._given = 0
        self._length = 1

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor | dict[str, Tensor]]]:
        self._length = len(self)
        self._given, self._start = self._start, 0
        for batch in self.balancer.batches(
            self.dataset, batch_size=self.batch_size, start=self._given,
            accumulation=self.accumulation,
        ):  # fmt: skip
            self._given += 1
            yield batch

    def __len__(self) -> int:
        return self._turns.count(self._count(self.dataset, self.batch_size), self.accumulation)

    def state_dict(self) -> dict[str, int]:
        """Batches that this epoch has given so far; 0 after its last."""
        return {"batch": self._given % self._length}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Let the next iteration continue the epoch where :meth:`state_dict` was taken."""
        self._start = state["batch"]
