"""The start or the end of an epoch, and what whole splits say there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from equimodal.balancing.moment import Moment
from equimodal.balancing.step import Step
from equimodal.errors import BalanceError
from equimodal.parts.distributed import sum_over_ranks


@dataclass(kw_only=True)
class Epoch(Moment):
    """The start or the end of an epoch. What it says of a split ("train" or "val") is read in
    evaluation mode, without gradient and without consuming the global random stream."""

    optimizers: tuple[torch.optim.Optimizer, ...]
    run: Callable[[str, float], Iterator[Step]] = field(repr=False)
    """Batches of a share of a split, in the loader's order."""

    def steps(self, split: str, share: float = 1.0) -> Iterator[Step]:
        """Batches of a split as steps without gradient, in the loader's order; read one before
        the next.

        Args:
            split: "train" or "val".
            share: of the batches that are read, in (0, 1], chosen anew each epoch.

        Raises:
            BalanceError: the loader gives none.
        """
        empty = True
        for step in self.run(split, share):
            empty = False
            yield step
        if empty:
            raise BalanceError(
                f"The {split} loader of the balancer gave no batch: it must be iterable again and "
                "again, so pass a DataLoader or a list, not a generator."
            )

    def features(
        self, split: str, share: float = 1.0
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features and labels by modality, on the CPU: the rows in which each is present.
        -> {m: (N_m, D)}, {m: (N_m,)}

        Args:
            split: "train" or "val".
            share: as `steps` takes it.

        Raises:
            BalanceError: the loader has no sample of a modality.
        """
        names = self.modalities.names
        features: dict[str, list[Tensor]] = {m: [] for m in names}
        labels: dict[str, list[Tensor]] = {m: [] for m in names}
        for step in self.steps(split, share):
            for m, found in step.features.items():
                features[m].append(found.float().flatten(1).cpu())
                labels[m].append(step.targets[m].cpu())
        self._require_samples(labels)
        return ({m: torch.cat(f) for m, f in features.items()},
                {m: torch.cat(y) for m, y in labels.items()})  # fmt: skip

    def losses(self, split: str) -> Tensor:
        """Mean loss of every modality's own logits and, last, of the fused ones, over the samples
        of all ranks; NaN for a modality that no sample holds. -> (M + 1,) float64, on the CPU"""
        sums = [_summed_losses(step) for step in self.steps(split)]
        total = sum_over_ranks(torch.stack(sums).sum(0)).cpu()
        return total[:, 0] / total[:, 1]

    def _require_samples(self, found: Mapping[str, Sequence[Tensor]]) -> None:
        """Raise `BalanceError` where no batch has a row of a modality."""
        for m, parts in found.items():
            if not any(map(len, parts)):
                raise BalanceError(
                    f"A loader of the balancer gave no sample that holds {m!r}, so that "
                    "nothing is known of its encoder there; found it missing in every row. Give a "
                    "split that holds it."
                )


def _summed_losses(step: Step) -> Tensor:
    """Sum over the rows, and their number, of every modality's loss and the fused one.
    -> (M + 1, 2) float64"""
    fused = step.fused_loss.double()
    own = step.unimodal_losses
    named = [(own.get(m, torch.zeros_like(fused)), y) for m, y in step.targets.items()]
    rows = 0 if step.target is None else len(step.target)
    pairs = [(loss.double(), len(y)) for loss, y in named] + [(fused, rows)]
    return torch.stack([torch.stack([loss * n, fused.new_tensor(n)]) for loss, n in pairs])
