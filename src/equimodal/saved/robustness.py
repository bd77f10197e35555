"""A model on the rows of a table whose modalities are dropped, noisy, or of another row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from equimodal.comparison.outcome.differences import Differences
from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.outcome.robustness import Robustness
from equimodal.data.presence import PRESENT
from equimodal.data.target import SCORES_BY_TASK
from equimodal.saved.model import Model
from equimodal.saved.prediction import Outputs
from equimodal.training.prediction import in_units
from equimodal.training.robustness.corruption import Spread
from equimodal.training.robustness.passes import Stress

Json = dict[str, Any]


class Faded:
    """The curves of one model, gathered while its table is read twice.

    The first reading measures how far numbers spread, the second makes the noise. What is drawn is
    drawn by the seed of the model's run, so that its own test rows give the curves of its results.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        described = model.description
        self._spread = Spread(described.modalities)
        seed = int(described.trained.get("seed") or 0)
        self._stress = Stress(model.network, described.modalities, self._spread, seed=seed)

    def first(self, inputs: Mapping[str, Tensor], _: Outputs) -> None:
        """A block of the first reading: {m: (n, ...)}"""
        present = inputs.get(PRESENT)
        for m in self._spread.modalities:
            rows = inputs[m]
            if present is not None:
                rows = rows[present[:, self._model.modalities.index(m)].to(rows.device)]
            self._spread.add(m, rows)

    def second(self, inputs: Mapping[str, Tensor], found: Outputs) -> None:
        """A block of the second reading, and what the model makes of it: {m: (n, ...)}"""
        self._stress.add(inputs, found.features)

    def told(self, logits: Tensor, labels: Tensor, groups: Tensor | None) -> Json:
        """The first score at each level, and the relative robustness, with their intervals.

        Args:
            logits: of the rows as they are, (N, C).
            labels: (N, ...).
            groups: of the rows, (N,); None where each stands for itself.
        """
        target, stressed = self._model.target, self._stress.result(logits)
        if target.scale:
            stressed = stressed.each(lambda own: in_units(own, labels, target.scale)[0])
        judged = Judged(*in_units(logits, labels, target.scale), groups=groups, stressed=stressed)
        one = {"seed": 0, "status": "finished"}
        main = SCORES_BY_TASK[target.task][0]
        alone = Differences({"": [one]}, lambda _: judged, kind=target.task, main=main)
        found: Json = Robustness(alone, self._model.modalities).summary("")["robustness"]
        curves = {
            kind: {
                m: {key: curve[key] for key in ("scores", "relative")} for m, curve in own.items()
            }
            for kind, own in found["curves"].items()
        }
        return {"levels": found["levels"], "curves": curves}
