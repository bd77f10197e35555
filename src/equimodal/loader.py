"""A balancer's batches as trainers want them: with a length, for every epoch anew."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .arguments import require_number
from .distributed import world_size

if TYPE_CHECKING:
    from .balancer import Balancer


class Batches:
    """Every iteration is an epoch of a balancer's batches.

    Its state is the place within an epoch, for trainers that save in the middle of one; load it
    beside the balancer's own.

    Args:
        balancer: the balancer whose method plans them.
        dataset: as in :meth:`Balancer.batches`.
        batch_size: as in :meth:`Balancer.batches`.
    """

    def __init__(self, balancer: "Balancer", dataset: Any, batch_size: int) -> None:
        require_number("batch_size", batch_size, low=1, whole=True)
        self.balancer, self.dataset, self.batch_size = balancer, dataset, batch_size
        self._start = self._given = 0

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor | dict[str, Tensor]]]:
        self._given, self._start = self._start, 0
        for batch in self.balancer.batches(
            self.dataset, batch_size=self.batch_size, start=self._given
        ):
            self._given += 1
            yield batch

    def __len__(self) -> int:
        return math.ceil(len(self.dataset) // world_size() / self.batch_size)

    def state_dict(self) -> dict[str, int]:
        """Batches that this epoch has given so far; 0 after its last."""
        return {"batch": self._given % len(self)}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Let the next iteration continue the epoch where :meth:`state_dict` was taken."""
        self._start = state["batch"]
