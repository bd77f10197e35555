"""One forward pass of a model."""

from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts import distributed
from equimodal.parts.recording.held import first_parameter


class Pass:
    """One forward pass: its arguments, and what the encoders gave in it.

    Args:
        call: positional and named arguments; None outside the model's own forward.
    """

    def __init__(self, call: tuple[tuple[Any, ...], dict[str, Any]] | None = None) -> None:
        self.call = call
        self.values: dict[str, list[Tensor]] = {}
        self.counts: dict[str, int] = {}
        self.outputs: dict[str, Any] = {}
        self.inputs: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {}
        self.drawn: dict[str, Any] = {}
        """What a method drew for it."""
        self.autocast: tuple[str, torch.dtype] | None = None
        self.again = False
        """Outside the model's forward: whether an encoder was called anew, over older features."""
        self.output: Any = None
        """The model's output, where no node of the graph can stand for it."""
        self.held = False
        """Whether it is kept for its own sake, and found by its features or its output."""
        self.previous: Pass | None = None
        self.weight: nn.Parameter | None = None
        """A parameter that the model had in it."""

    def require_weights_of(self, model: nn.Module) -> None:
        """Raise `BalanceError` where the model had other parameters in it than it has."""
        if self.weight is None or distributed.world_size() > 1:  # which may swap shards in
            return
        if self.weight is not first_parameter(model):
            raise BalanceError(
                "The output comes of a forward pass with other parameters than those of the model, "
                "as torch.func.functional_call makes one: the balancer reads and balances the "
                "model's own. Give loss() what model(...) gave."
            )
