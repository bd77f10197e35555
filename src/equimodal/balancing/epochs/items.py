"""The start of every epoch, and the items that a method lists for it."""

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from equimodal.balancing.batches import plain_count, shuffled
from equimodal.balancing.epochs.blocks import Block, Rows, batches_of, check_blocks
from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.epochs.evaluation import epoch_of
from equimodal.balancing.epochs.rows import paired_rows
from equimodal.balancing.moment import ITEMS, KEPT
from equimodal.balancing.requirements.training import check_training
from equimodal.balancing.task.task import on_host
from equimodal.balancing.windows import NOMINAL
from equimodal.errors import BalanceError
from equimodal.numerics.blanking import blanked_rows
from equimodal.parts.normalisation import BATCH_NORM

if TYPE_CHECKING:
    from equimodal.balancing.setting import Setting

_GIVEN = "given"
"""Under which a forward pass holds the batch that it is of."""


@dataclass(eq=False)
class _Given:
    """A batch that was handed out and whose loss has not come yet."""

    labels: Any
    kept: Tensor | None
    index: Tensor


class Items:
    """Begins the epochs of one balancer and, where its method lists their items, deals these out.

    Which modalities of a row count is known only here, so every batch is followed from where it is
    handed out, over its forward pass, to its loss: in order, and by its labels.

    Args:
        setting: of the balancer.
        moment: gives the arguments of a moment of the training.
    """

    def __init__(self, setting: "Setting", moment: Callable[[], dict[str, Any]]) -> None:
        self.setting = setting
        self.begun = -1  # the latest epoch whose start the method has seen
        # Held weakly: a balancer that nobody needs is to go at once.
        self._held = weakref.WeakMethod(moment)
        self._blocks: list[Block] | None = None
        self._dealt: dict[tuple[int, int], list[Rows]] = {}  # of this epoch
        self._waiting: deque[_Given] = deque()
        self._taken = self._passed_over = 0  # losses of this epoch; batches a restart skips
        self._unlike: Tensor | int = 0
        self._read: Tensor | None = None
        if setting.method.lists_items and "features" in setting.method.needs:
            outside: Any = torch.compiler.disable(self._blank)  # type: ignore[no-untyped-call]
            setting.modalities.record.edit = outside

    def __getstate__(self) -> dict[str, Any]:
        """A copy, which is of a copy of the balancer, is never asked for a moment."""
        return self.__dict__ | {"_held": None}

    def _moment(self) -> dict[str, Any]:
        return dict(self._held()())  # type: ignore[misc]

    def begin(self, dataset: Any = None) -> None:
        """Show the method the start of an epoch, once; ``dataset``: whose items it lists."""
        moment, method = self._moment(), self.setting.method
        if self.begun >= moment["epoch_index"]:
            return
        self.begun, self._blocks, self._taken = moment["epoch_index"], None, 0
        epoch = epoch_of(self.setting, moment)
        epoch.rows = None if dataset is None else len(dataset)
        check_training(method, self.setting.on, self.setting.optimizers, self.setting.epochs)
        if not method.acts(epoch):
            return
        blocks = method.on_epoch_start(epoch)
        if blocks is not None and method.lists_items:
            self._blocks = self._checked(list(blocks), dataset, epoch)

    def planned(self, dataset: Any, batch_size: int) -> list[Rows]:
        """The rows of the epoch's batches: those of a plain epoch where none are listed."""
        self.begin(dataset)
        key = (len(dataset), batch_size)
        if key not in self._dealt:
            self._dealt = {key: self._dealt_out(dataset, batch_size)}
        return self._dealt[key]

    def _dealt_out(self, dataset: Any, batch_size: int) -> list[Rows]:
        seed, epoch = self.setting.seed, self.begun
        if self._blocks is None:
            order = shuffled(len(dataset), seed=seed, stream="paired", turn=epoch)
            return [(index, None) for index in torch.split(order, batch_size)]
        # Normalised over its batch, a row alone has no variance: PyTorch refuses it.
        normalised = any(isinstance(x, BATCH_NORM) for x in self.setting.modalities.model.modules())
        return batches_of(
            self._blocks, batch_size, seed=seed, epoch=epoch, least=2 if normalised else 1,
            wanted=plain_count(dataset, batch_size) if self.setting.steps == NOMINAL else None,
        )  # fmt: skip

    def count(self, dataset: Any, batch_size: int) -> int:
        """How many batches the epoch has."""
        if self.setting.steps == NOMINAL or not self.setting.method.lists_items:
            return plain_count(dataset, batch_size)
        return len(self.planned(dataset, batch_size))

    def batches(
        self, dataset: Any, batch_size: int, start: int
    ) -> Iterator[tuple[dict[str, Tensor], Any]]:
        """Batches of one epoch from batch ``start`` on, each followed to its loss."""
        self._waiting.clear()
        first, self._passed_over = self._passed_over, 0
        given = self.planned(dataset, batch_size)
        for number, (index, kept) in enumerate(given[start:], start):
            inputs, labels = paired_rows(dataset, index)
            self._require_order(index, labels)
            if number >= first:  # a host that continues an epoch may iterate over those before
                whole = kept is None or bool(kept.all())
                self._waiting.append(_Given(labels, None if whole else kept, index))
            yield inputs, labels

    def saw_loss(self, target: Any, drawn: dict[str, Any]) -> None:
        """A loss, by its labels and what was drawn for its pass: which batch it is of, which is put
        there, and whether that left out what it had to. Raises BalanceError where another batch's
        turn is."""
        if not self.setting.method.own_batches:
            return self.begin()
        name = type(self.setting.method).__name__
        if not self._waiting:
            does = "lists" if self.setting.method.lists_items else "follows"
            raise BalanceError(
                f"{name} {does} the rows of every epoch, and this batch is none of those: iterate "
                "over balancer.batches(dataset, batch_size=...) or balancer.loader(...), one "
                "loss() a batch; validate under torch.no_grad()."
            )
        given = self._waiting.popleft()
        self._taken += 1
        self._require_labels(given.labels, target)
        if drawn.get(_GIVEN) is not (None if given.kept is None else given):
            raise BalanceError(
                f"{name} leaves modalities out of rows in the forward pass, and that of this batch "
                "left out none, or those of another: call model.train() before, and loss() after "
                "each model(...), in the order of the batches."
            )
        drawn[ITEMS] = given.index

    def epoch_end(self) -> None:
        """The epoch's items are through. Raises BalanceError where labels were of other batches."""
        self._waiting.clear()
        self._blocks, self._dealt, self._taken = None, {}, 0
        unlike, self._unlike = self._unlike, 0
        if int(unlike):
            raise _other_batch()

    def state_dict(self) -> dict[str, Any]:
        """The epoch that has begun, and its items where batches come of it."""
        found: dict[str, Any] = {"begun": self.begun}
        if not self.setting.method.own_batches:
            return found
        blocks = None if self._blocks is None else [dict(vars(b)) for b in self._blocks]
        items = {"steps": self.setting.steps, "blocks": blocks, "taken": self._taken}
        return found | {"items": items}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue within the epoch in which `state_dict` was taken; the balancer checked it."""
        self.begun = state.get("begun", state["epoch"] - 1)
        items = state.get("items", {})
        blocks = items.get("blocks")
        self._blocks = None if blocks is None else [Block(**b) for b in blocks]
        self._taken = self._passed_over = items.get("taken", 0)
        self._dealt = {}
        self._waiting.clear()

    def _blank(self, modality: str, features: Tensor, drawn: dict[str, Any]) -> Tensor:
        """Features of a training pass, zero in the rows whose items do not keep the modality."""
        given = drawn.get(_GIVEN) or (self._waiting[0] if self._waiting else None)
        if given is None or given.kept is None:
            return features
        drawn[_GIVEN], drawn[KEPT] = given, given.kept
        kept = given.kept[:, self.setting.modalities.names.index(modality)]
        if len(kept) != len(features):
            raise BalanceError(
                f"The batch whose turn it is has {len(kept)} rows, and the encoder of {modality!r} "
                f"gave {len(features)}: run the model once on every batch of the balancer, in "
                "their order."
            )
        if bool(kept.all()):
            return features
        mask = kept.to(features.device, non_blocking=True)
        return blanked_rows({modality: features}, {modality: mask})[modality]

    def _checked(self, blocks: list[Block], dataset: Any, epoch: Epoch) -> list[Block]:
        """Blocks that fit the data set, whose rows are in the order in which they were read."""
        method, modalities = self.setting.method, self.setting.modalities
        check_blocks(blocks, len(dataset), len(modalities.names))
        if any(b.kept is not None for b in blocks) and "features" not in method.needs:
            raise BalanceError(
                f"{type(method).__name__} lists items that keep some modalities only, so that it "
                "must declare needs = {'features'}."
            )
        self._read = epoch.labels
        if self._read is not None and len(self._read) != len(dataset):
            raise self._other_rows(len(dataset))
        return blocks

    def _require_order(self, index: Tensor, labels: Any) -> None:
        """Hold the first batch of an epoch against what was read of its rows."""
        read, self._read = self._read, None
        if read is None or not isinstance(labels := self.setting.prepared(labels), Tensor):
            return
        if not torch.equal(read[index], labels.to(read)):
            raise self._other_rows(len(read))

    def _other_rows(self, rows: int) -> BalanceError:
        return BalanceError(
            f"loaders['train'] does not give the {rows} rows of the data set of batches(), in its "
            f"order: {type(self.setting.method).__name__} lists rows by what it read of them. Pass "
            "the same data set on every rank, as DataLoader(dataset, shuffle=False)."
        )

    def _require_labels(self, given: Any, target: Any) -> None:
        """Refuse labels of another batch: at once on the host, else at the end of the epoch."""
        labels = self.setting.prepared(given)
        if not (isinstance(labels, Tensor) and isinstance(target, Tensor)):
            return
        if labels.shape != target.shape:
            raise _other_batch()
        unlike = labels.to(target, non_blocking=True) != target
        unlike = (unlike & (target == target)).any()  # what is no number equals nothing
        if not on_host(target):
            self._unlike = self._unlike + unlike
        elif bool(unlike):
            raise _other_batch()


def _other_batch() -> BalanceError:
    return BalanceError(
        "The labels that loss() was given are not those of the batch that the balancer handed out: "
        "give it every batch once, in their order, its labels as they are; and validate under "
        "torch.no_grad()."
    )
