"""Which batches a readout is held against the model on."""

from torch import nn

from equimodal.parts.sharding import is_sharded


class RepeatedCheck:
    """The 1st, 2nd, 4th, 8th ... batch of training, and of evaluation, which hides dropout.

    What begins as nothing shows in no first batch: a gate that starts at 0, a residual with zero
    weights, a temperature of 1. It is seen soon after it has moved, at a cost that vanishes.
    """

    def __init__(self) -> None:
        self._batches: dict[bool, int] = {}
        self._passed: set[bool] = set()

    def due(self, model: nn.Module) -> bool:
        """Count a batch, and say whether it is to be checked."""
        mode = model.training
        number = self._batches[mode] = self._batches.get(mode, 0) + 1
        if mode not in self._passed:
            return True
        # Ranks whose batches differ, as by missing modalities, would wait for each other's shards.
        return number & (number - 1) == 0 and not any(is_sharded(p) for p in model.parameters())

    def passed(self, model: nn.Module) -> None:
        """The batch has shown that the readout fits."""
        self._passed.add(model.training)

    def __bool__(self) -> bool:
        """Whether any batch has."""
        return bool(self._passed)
