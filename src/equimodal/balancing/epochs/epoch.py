"""The start or the end of an epoch, and what whole splits say there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from equimodal.balancing.moment import Moment
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import rows_of_all_ranks, sum_over_ranks

T = TypeVar("T")


@dataclass(kw_only=True)
class Epoch(Moment):
    """The start or the end of an epoch. What it says of a split ("train" or "val") is read in
    evaluation mode, without gradient and without consuming the global random stream."""

    task: Task
    optimizers: tuple[torch.optim.Optimizer, ...]
    run: Callable[[str, Callable[[Step], Any], float, bool], list[Any]] = field(repr=False)
    """What a function makes of the batches of a share of a split, in the loader's order."""
    deal: Callable[[str, Callable[[Step], Any]], tuple[list[int], list[Any], int]] = field(
        repr=False
    )
    """Places of this rank's batches of a split, the same of them, and how many there are."""
    rows: int | None = None
    """Rows of the data set, where the method lists them."""
    labels: Tensor | None = field(default=None, repr=False)
    """(N,) labels of the training split, on the CPU, once `by_row` has read it."""

    def each(
        self, split: str, read: Callable[[Step], T], share: float = 1.0, *, graph: bool = False
    ) -> list[T]:
        """What ``read`` makes of every batch of a split, a step without gradient unless asked for,
        in the loader's order.

        Args:
            split: "train" or "val".
            read: sees one step at a time, and may keep no step.
            share: of the batches that are read, in (0, 1], chosen anew each epoch.
            graph: let the step carry one, for `torch.autograd.grad`; the parameters' own gradients
                stay as they are.

        Raises:
            BalanceError: the loader gives no batch.
        """
        found = self.run(split, read, share, graph)
        if not found:
            raise _no_batch(split)
        return found

    def by_row(self, split: str, read: Callable[[Step], Tensor]) -> Tensor:
        """What ``read`` makes of every row of a split, in the loader's order; ranks share the
        work, and each has all of it. -> (N, K) float64, on the CPU

        Args:
            split: "train" or "val", whose loader gives the same rows on every rank.
            read: of a step without gradient. -> (n, K)

        Raises:
            BalanceError: the loader gives no batch.
        """

        def labelled(step: Step) -> Tensor:
            assert step.target is not None
            found = widened(read(step))
            return torch.cat([step.target.to(found)[:, None], found], 1)

        places, found, count = self.deal(split, labelled)
        if not found:
            raise _no_batch(split)
        every = rows_of_all_ranks(places, found, count).cpu().double()
        if split == "train":
            self.labels = every[:, 0]
        return every[:, 1:]

    def features(
        self, split: str, share: float = 1.0
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features and labels by modality, on the CPU: the rows in which each is present.
        -> {m: (N_m, D)}, {m: (N_m,)}

        Args:
            split: "train" or "val".
            share: as `each` takes it.

        Raises:
            BalanceError: the loader has no sample of a modality.
        """
        read = self.each(split, _features_and_labels, share)
        names = self.modalities.names
        features = {m: [f[m] for f, _ in read if m in f] for m in names}
        labels = {m: [y[m] for f, y in read if m in f] for m in names}
        self._require_samples(labels)
        for m, parts in features.items():
            if len(widths := {f.shape[1] for f in parts}) > 1:
                raise BalanceError(
                    f"The features of {m!r} are of other lengths in other batches, "
                    f"{sorted(widths)} numbers a sample, so that they do not compare. Let the "
                    "encoder pool them, or write Encoder(..., pool='mean')."
                )
        return ({m: torch.cat(f) for m, f in features.items()},
                {m: torch.cat(y) for m, y in labels.items()})  # fmt: skip

    def losses(self, split: str) -> Tensor:
        """Mean loss of every modality's own logits and, last, of the fused ones, over the labels
        that count, of all ranks; NaN for a modality that has none. -> (M + 1,) float64, on the CPU
        """
        sums = self.each(split, _summed_losses)
        total = sum_over_ranks(torch.stack(sums).sum(0)).cpu()
        return total[:, 0] / total[:, 1]

    def accuracies(self, split: str) -> Tensor:
        """Share of the rows of which each modality's own logits name the class, over the samples
        of all ranks; NaN for one that no sample holds. -> (M,) float64, on the CPU"""
        sums = self.each(split, _summed_hits)
        right, rows = sum_over_ranks(torch.stack(sums).sum(0)).cpu()
        shares: Tensor = right / rows
        return shares

    def _require_samples(self, found: Mapping[str, Sequence[Tensor]]) -> None:
        """Raise `BalanceError` where no batch has a row of a modality."""
        for m, parts in found.items():
            if not any(map(len, parts)):
                raise BalanceError(
                    f"A loader of the balancer gave no sample that holds {m!r}, so that "
                    "nothing is known of its encoder there; found it missing in every row. Give a "
                    "split that holds it."
                )


def _no_batch(split: str) -> BalanceError:
    return BalanceError(
        f"The {split} loader of the balancer gave no batch: it must be iterable again and again, "
        "so pass a DataLoader or a list, not a generator."
    )


def _features_and_labels(step: Step) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Those of one batch by modality, on the CPU."""
    features = {m: f.float().flatten(1).cpu() for m, f in step.features.items()}
    return features, {m: step.targets[m].cpu() for m in features}


def _summed_losses(step: Step) -> Tensor:
    """Sum over the labels that count, and their number, of every modality's loss and the fused one.
    -> (M + 1, 2) float64"""
    step.check()
    assert step.logits is not None and step.target is not None
    fused, losses, logits = step.fused_loss.double(), step.unimodal_losses, step.unimodal_logits
    none = torch.zeros_like(fused)
    pairs = [
        (losses[m].double(), step.task.labels(logits[m], y)) if m in losses else (none, 0)
        for m, y in step.targets.items()
    ]
    pairs.append((fused, step.task.labels(step.logits, step.target)))
    return torch.stack([torch.stack([loss * n, none + n]) for loss, n in pairs])


def _summed_hits(step: Step) -> Tensor:
    """Rows of which each modality's own logits name the class, and how many. -> (2, M) float64"""
    given = step.unimodal_logits.items()
    found = torch.stack([(z.argmax(1) == step.targets[m]).sum() for m, z in given]).double()
    return torch.stack([found, found.new_tensor([len(z) for _, z in given])])
