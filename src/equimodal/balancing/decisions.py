"""Decisions of a method: kept on the device in the step, copied to the host at an epoch's end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Log = Callable[[dict[str, float], int], Any]
Rows = list[dict[str, Any]]


@dataclass
class Record:
    """One decision of a method: a value per modality, not yet copied to the host."""

    step: int
    epoch: int
    name: str
    values: Tensor | tuple[float, ...]


def without(records: list[Record], dropped: Sequence[Record]) -> list[Record]:
    """The records but those that are dropped."""
    return [r for r in records if all(r is not d for d in dropped)] if dropped else records


def on_host(records: Sequence[Record], modalities: Sequence[str]) -> list[dict[str, Any]]:
    """Records as plain data, by one transfer a name; None for a value that is not finite.

    ``{"step": int, "epoch": int, "name": str, "values": {m: float | None}}``
    """
    plain = []
    for name in dict.fromkeys(r.name for r in records):
        group = [r for r in records if r.name == name]
        rows = torch.stack([torch.as_tensor(r.values, dtype=torch.float64) for r in group])
        for record, row in zip(group, rows.tolist(), strict=True):
            values = [v if math.isfinite(v) else None for v in row]
            named = dict(zip(modalities, values, strict=True))
            plain.append(
                {"step": record.step, "epoch": record.epoch, "name": name, "values": named}
            )
    return plain


def by_step(rows: Sequence[dict[str, Any]]) -> list[tuple[int, dict[str, float]]]:
    """Plain records as a logger takes them: ``(step, {"balance/name/modality": value})``.

    In the order of the steps, one entry a step; values that are not finite are left out.
    """
    steps: dict[int, dict[str, float]] = {}
    for row in sorted(rows, key=lambda row: int(row["step"])):
        values = {f"balance/{row['name']}/{m}": v for m, v in row["values"].items()}
        steps.setdefault(row["step"], {}).update({k: v for k, v in values.items() if v is not None})
    return list(steps.items())


class Decisions:
    """What a balancer's method has decided, for a logger and for the training loop.

    Args:
        modalities: their names.
        log: called with decisions and their step; None: nobody is told.
        every: hand decisions over every so many updates; None: only where :meth:`flush` is called.
        measured: gives what was recorded beside the decisions since the last call.
    """

    def __init__(
        self,
        modalities: Sequence[str],
        *,
        log: Log | None,
        every: int | None,
        measured: Callable[[], Rows],
    ) -> None:
        self.log = log
        self.records: list[Record] = []
        self._modalities, self._every, self._measured = modalities, every, measured
        self._finished: Rows = []

    def drop(self, records: Sequence[Record]) -> None:
        """Forget those of losses that were not trained on."""
        self.records[:] = without(self.records, records)

    def saw_update(self, updates: int) -> None:
        """After so many updates."""
        if self._every and updates % self._every == 0:
            self.flush()

    def flush(self) -> None:
        """Hand the decisions so far to ``log``; the end of an epoch does it by itself."""
        rows = on_host(self.records, self._modalities)
        self.records.clear()
        self._finished += rows
        measured = self._measured()
        if self.log:
            for step, values in by_step(rows + measured):
                self.log(values, step)

    def drain(self) -> Rows:
        """Decisions of all finished epochs since the last call:
        ``{"step", "epoch", "name", "values": {m: float}}``, None for a value that is not finite."""
        drained, self._finished = self._finished, []
        return drained
