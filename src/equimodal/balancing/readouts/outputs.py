"""The logits of several tasks in one output, side by side."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from equimodal.balancing.readouts.readout import named_logits
from equimodal.errors import BalanceError


@contextmanager
def of_task(name: str) -> Iterator[None]:
    """Inside, errors name the task."""
    try:
        yield
    except BalanceError as problem:
        raise BalanceError(f"The task {name!r}: {problem}") from problem.__cause__


class TaskOutputs:
    """Where each task's logits are in an output, and how many columns they have.

    Args:
        names: task -> name or position of its logits.
    """

    def __init__(self, names: Mapping[str, str | int]) -> None:
        self.names = dict(names)
        self._widths: dict[str, int] = {}

    def joined(self, output: Any) -> Tensor | None:
        """All logits side by side; None where the model gave none. -> (N, sum of C_t)"""
        found = {t: self._found(output, t, name) for t, name in self.names.items()}
        parts = {t: z for t, z in found.items() if z is not None}
        if not parts:
            return None
        if len(parts) < len(found):
            raise BalanceError(
                f"The output holds logits of {list(parts)}, and None for the other tasks: give all "
                "of them, or none where the rows of the modalities differ."
            )
        return self.side_by_side(parts)

    def _found(self, output: Any, task: str, name: str | int) -> Tensor | None:
        if isinstance(output, Tensor):
            asked = ", ".join(f"{t!r}: ..." for t in self.names)
            raise BalanceError(
                "The model of several tasks returned one tensor: let it return their logits by "
                f"name, {{{asked}}}."
            )
        return named_logits(output, name, f"Tasks(..., logits={{{task!r}: ...}})")

    def side_by_side(self, logits: Mapping[str, Tensor]) -> Tensor:
        """Logits by task in one tensor. {t: (N, C_t)} -> (N, sum of C_t)"""
        for t, z in logits.items():
            if z.ndim != 2:
                raise BalanceError(
                    f"The logits of the task {t!r} must be (N, C); found {tuple(z.shape)}. One "
                    "logit is a column, output[:, None]; several tasks have no label a token."
                )
        self._widths = {t: logits[t].shape[1] for t in self.names}
        return torch.cat([logits[t] for t in self.names], 1)

    def split(self, joined: Tensor) -> dict[str, Tensor]:
        """Each task's own columns. (N, sum of C_t) -> {t: (N, C_t)}"""
        parts = torch.split(joined, list(self._widths.values()), dim=1)
        return dict(zip(self._widths, parts, strict=True))

    @property
    def widths(self) -> dict[str, int]:
        """Columns of each task, once an output was read."""
        return self._widths
