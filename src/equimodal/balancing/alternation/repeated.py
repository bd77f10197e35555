"""A loader whose batches come as often as a method uses them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

from equimodal.balancing.alternation.chunks import repeated
from equimodal.balancing.alternation.turns import Turns
from equimodal.checks import require, require_whole

T = TypeVar("T")


class Repeated(Generic[T]):
    """A loader whose batches are given as often as a method uses them; it has the loader's other
    attributes.

    Its state is the place within an epoch, for trainers that save in the middle of one.

    Args:
        turns: of the balancer.
        loader: gives the batches of an epoch at every iteration.
        accumulation: batches whose gradients make one update.
    """

    def __init__(self, turns: Turns, loader: Iterable[T], accumulation: int) -> None:
        self.turns, self.loader, self.accumulation = turns, loader, accumulation
        self._start = self._given = 0

    def __iter__(self) -> Iterator[T]:
        self._given, self._start = self._start, 0
        done, first = self.turns.place(self._given, self.accumulation)
        batches = islice(self.loader, done, None)
        for batch in self.turns.each(batches, self.accumulation, first):
            self._given += 1
            yield batch

    def __len__(self) -> int:
        return self.turns.count(len(self.loader), self.accumulation)  # type: ignore[arg-type]

    @property
    def batch_sampler(self) -> "Indices | None":
        """Rows of the batches as often: hosts that skip what a stopped epoch has trained read these
        in the place of the batches."""
        given = getattr(self.loader, "batch_sampler", None)
        return None if given is None else Indices(self.turns, given, self.accumulation)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "loader":
            raise AttributeError(name)
        return getattr(self.loader, name)

    def state_dict(self) -> dict[str, int]:
        """Batches that this epoch has given so far; 0 after its last."""
        return {"batch": self._given % len(self)}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Let the next iteration continue the epoch where :meth:`state_dict` was taken."""
        self._start = state["batch"]


class Indices:
    """Rows of batches, each batch as often as it is used.

    Args:
        turns: of the balancer.
        batch_sampler: rows of each batch.
        accumulation: batches whose gradients make one update.
    """

    def __init__(self, turns: Turns, batch_sampler: Collection[Any], accumulation: int) -> None:
        self.turns, self.batch_sampler, self.accumulation = turns, batch_sampler, accumulation

    def __iter__(self) -> Iterator[Any]:
        self.turns.tell()  # and no count: a host passes over those that were trained
        return repeated(self.batch_sampler, self.turns.repeats, self.accumulation)

    def __len__(self) -> int:
        return self.turns.count(len(self.batch_sampler), self.accumulation)


def repeating(turns: Turns, loader: Iterable[T], accumulation: int) -> Iterable[T]:
    """The loader as often as its batches are used; itself where that is once.

    Raises:
        BalanceError: no loader, or no number of batches.
    """
    require_whole("accumulation", accumulation, low=1)
    again = isinstance(loader, Iterable) and not isinstance(loader, (Iterator, Mapping, str))
    require(again, "repeat() takes a loader that is iterable again and again", loader)
    return loader if turns.repeats == 1 else Repeated(turns, loader, accumulation)
