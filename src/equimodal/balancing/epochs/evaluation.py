"""A whole split, run without a trace on the training."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from equimodal.balancing.collection import run
from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.step import Step
from equimodal.errors import BalanceError
from equimodal.numerics.random import update_generator
from equimodal.parts import distributed
from equimodal.parts.quiet import quiet

if TYPE_CHECKING:
    from equimodal.balancing.setting import Setting


T = TypeVar("T")
_STREAM = 1 << 20  # far from the streams that methods draw from


def epoch_of(setting: "Setting", moment: Mapping[str, Any]) -> Epoch:
    """What a method may see between two epochs."""
    run, deal = partial(evaluated, setting, moment), partial(dealt, setting, moment)
    return Epoch(**moment, task=setting.task, optimizers=setting.optimizers, run=run, deal=deal)


def evaluated(
    setting: "Setting",
    moment: Mapping[str, Any],
    split: str,
    read: Callable[[Step], T],
    share: float,
    graph: bool = False,
) -> list[T]:
    """What ``read`` makes of every batch of a loader, as `observed` reads them.

    Args:
        setting: of the balancer.
        moment: where the training is.
        split: "train" or "val".
        read: sees one step after the other.
        share: of the batches that are run, in (0, 1], chosen by the number of the epoch.
        graph: whether a step carries one.
    """
    draw = update_generator(setting.seed, moment["epoch_index"], _STREAM)
    batches = _chosen(setting.loaders[split], share, draw)
    return observed(setting, moment, batches, read, graph=graph)


def dealt(
    setting: "Setting", moment: Mapping[str, Any], split: str, read: Callable[[Step], T]
) -> tuple[list[int], list[T], int]:
    """Places of this rank's batches of a loader, what ``read`` makes of them, as `evaluated` does,
    and how many the loader gave. Every rank runs as many, as shards of a model ask for: some read
    one more than they have places."""
    places: list[int] = []
    count = 0

    def mine() -> Iterator[Any]:
        nonlocal count
        rank, ranks = distributed.rank(), distributed.world_size()
        batch = None
        for place, batch in enumerate(setting.loaders[split]):
            count += 1
            if place % ranks == rank:
                places.append(place)
                yield batch
        if 0 < count % ranks <= rank:
            yield batch

    def checked(step: Step) -> T:
        assert step.target is not None
        setting.read(step.logits, step.target)
        return read(step)

    found = observed(setting, moment, mine(), checked)
    return places, found, count


def observed(
    setting: "Setting",
    moment: Mapping[str, Any],
    batches: Iterable[Any],
    read: Callable[[Step], T],
    *,
    graph: bool = False,
) -> list[T]:
    """What ``read`` makes of every batch, as a step in evaluation mode, with a graph if asked for;
    afterwards what was recorded of forward passes and the random streams are as they were."""
    modalities, record = setting.modalities, setting.modalities.record
    found = []
    with record.aside(), quiet(modalities.model, grad=graph):
        for batch in batches:
            step = _step(setting, moment, batch)
            with record.autocast():
                found.append(read(step))
    return found


def _step(setting: "Setting", moment: Mapping[str, Any], batch: Any) -> Step:
    """One batch run. Raises BalanceError where ``forward`` gives no labels of paired rows."""
    record = setting.modalities.record
    record.take_features()
    output, given, present = run(setting.forward, setting.modalities.model, batch)
    given = setting.task.packed(given)
    if not isinstance(given, Tensor) or not given.ndim:
        raise BalanceError(
            "forward must return one label tensor of paired rows for the loaders; found "
            f"{type(given).__name__}."
        )
    target = setting.typed(given)
    rows = setting.present_rows(present, target)
    features = record.take_features(output, None, setting.rows(target))
    return setting.step(moment, setting.fused(output, None), target, features, rows, checked=False)


def _chosen(loader: Iterable[Any], share: float, generator: torch.Generator) -> Iterator[Any]:
    """Batches of a loader; of a share below 1 a random choice of so many, at least one."""
    if share >= 1 or not isinstance(loader, Sized):
        yield from loader
        return
    count = len(loader)
    wanted = max(1, math.ceil(share * count))
    kept = set(torch.randperm(count, generator=generator)[:wanted].tolist())
    if isinstance(loader, Sequence):
        yield from (loader[k] for k in sorted(kept))
        return
    yield from (batch for k, batch in enumerate(loader) if k in kept)
