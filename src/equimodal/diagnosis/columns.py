"""Means over samples and seeds that a diagnosis reports, each with the one interval."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from equimodal.comparison.outcome.differences import unit_numbers
from equimodal.comparison.rows import UNTRAINED, alone_row
from equimodal.diagnosis.evidence import LONGER, Case, Evidence, longer_row
from equimodal.measures.goodness import blind
from equimodal.numerics.intervals import Interval, Units

CHANCE = "chance"
"""How right who knows the labels' frequencies alone is about a sample of its seed."""


class Columns:
    """Columns of the judged samples by name, over the seeds of a case.

    ``accuracy/<row>``, ``probe/<row>/<m>``, and the contributions of the diagnosed model.
    """

    def __init__(self, case: Case) -> None:
        self._tables = [_table(case, evidence) for evidence in case.seeds]
        numbers, _ = unit_numbers([evidence.models[case.row] for evidence in case.seeds])
        self._units = Units(numbers)

    def interval(self, name: str, minus: str | None = None) -> Interval:
        """The mean of a column, or of its difference to another one."""
        values = [table[name].double() for table in self._tables]
        if minus is not None:
            values = [v - t[minus].double() for v, t in zip(values, self._tables, strict=True)]
        return self._units.interval(values)

    def mean(self, name: str) -> float:
        """The mean over samples and seeds."""
        return self.interval(name).mean

    def estimate(self, name: str, minus: str | None = None) -> dict[str, Any]:
        """`interval` as the schema of a diagnosis has it."""
        return estimate(self.interval(name, minus))

    def __contains__(self, name: str) -> bool:
        return all(name in table for table in self._tables)


def estimate(found: Interval) -> dict[str, Any]:
    """An estimate of the schema: ``value`` with the ends of its interval, and what they rest on."""
    plain = found.plain()
    return {"value": plain["mean"], "low": plain["low"], "high": plain["high"]}


def _table(case: Case, evidence: Evidence) -> dict[str, Tensor]:
    """Columns of one seed: accuracies, probes, and what each sample owes to each modality."""
    models = [m for m in evidence.models if case.has(m)]
    labels = evidence.models[case.row].labels
    found = {f"accuracy/{name}": evidence.models[name].hits for name in models}
    found[CHANCE] = blind(labels)
    for m in case.modalities:
        for name in (case.row, UNTRAINED, alone_row(m), *(longer_row(m, k) for k in LONGER)):
            if name in models and m in evidence.models[name].probed:
                found[f"probe/{name}/{m}"] = evidence.models[name].probe_hits(m)
    return found | dict(evidence.contributions)
