"""What is measured of a user's model, and of the references that it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import UNTRAINED, alone_row
from equimodal.diagnosis import rules
from equimodal.diagnosis.columns import Columns
from equimodal.diagnosis.evidence import LONGER, Case, Evidence, ensemble, longer_row
from equimodal.diagnosis.inside import Inside, inside_of
from equimodal.diagnosis.own_model.alone import (
    Trained,
    blanked,
    reads_others,
    train_alone,
)
from equimodal.diagnosis.own_model.budget import Budget, budget_told, described
from equimodal.diagnosis.own_model.deep import gradient_measures, purities
from equimodal.diagnosis.own_model.subject import Refusion, Subject
from equimodal.diagnosis.own_model.weights import Weights, encoder_module, load, restored
from equimodal.diagnosis.verdict import verdict
from equimodal.errors import BalanceError
from equimodal.measures.classification import entropy
from equimodal.measures.coalitions import Fuse, coalition_logits, summed
from equimodal.training.prediction import Prediction
from equimodal.training.probe import probe_predictions

JUDGED = "test"


class Findings:
    """What was measured of a model and its references."""

    def __init__(
        self,
        subject: Subject,
        loaders: Mapping[str, Iterable[Any]],
        seed: int,
        groups: Sequence[int] | Tensor | None = None,
    ) -> None:
        self.subject, self.loaders, self.seed = subject, loaders, seed
        self.names = subject.modalities.names
        self.notes: list[str] = []
        self.trained: dict[int, dict[str, Judged]] = {seed: {}}
        self.budget: dict[str, Any] | None = None
        self.train = subject.see(loaders["train"], "train")
        self.seen = subject.see(loaders[JUDGED], JUDGED)
        known = None if groups is None else _groups(groups, len(self.seen.labels))
        fuse, rows = self._fusion()
        unimodal = self.seen.unimodal_logits or {
            m: coalition_logits(fuse, rows, 1 << i) for i, m in enumerate(self.names)
        }
        inside = inside_of(fuse, rows, unimodal, self.seen.labels)
        more = gradient_measures(subject, loaders["train"])
        purity = {"purity": purities(self.train, self.seen)}
        self.inside = Inside(inside.contributions, {**inside.measured, **more, **purity})
        probed = self._probed(self.train, self.seen)
        judged = Judged(self.seen.logits, self.seen.labels, unimodal, probed, groups=known)
        self.models = {"model": judged}

    def _fusion(self) -> tuple[Fuse, dict[str, Tensor]]:
        """How features become logits: the sum of the readout's parts, or the head run again."""
        if self.subject.readout is not None and self.subject.readout.additive:
            return summed, self.seen.unimodal_logits
        refusion = Refusion(self.subject, self.loaders[JUDGED], self.seen.labels)
        return refusion, self.seen.features

    def _probed(
        self, train: Prediction, seen: Prediction, only: str | None = None
    ) -> dict[str, Tensor]:
        """What linear probes of the encoders predict on the judged samples. {m: (N,)}"""
        names = self.names if only is None else (only,)
        return {
            m: probe_predictions(
                train.features[m].flatten(1), train.labels, seen.features[m].flatten(1)
            )[0]
            for m in names
        }

    def _look(self) -> tuple[Prediction, Prediction]:
        """Both loaders by the weights that the model has now."""
        bare = Subject(self.subject.model, self.subject.modalities, self.subject.forward, None)
        return bare.see(self.loaders["train"], "train"), bare.see(self.loaders[JUDGED], JUDGED)

    def add_untrained(self, weights: Weights) -> None:
        """The floor of the probes."""
        load(self.subject.modalities.model, weights, "untrained")
        train, seen = self._look()
        self.models[UNTRAINED] = Judged(seen.logits, seen.labels, {}, self._probed(train, seen))

    def add_alone(self, weights: Mapping[str, Weights]) -> None:
        """Encoders that the user trained alone. They come without a head, so without accuracy."""
        unknown = [m for m in weights if m not in self.names]
        if unknown:
            raise BalanceError(
                f"alone names {unknown[0]!r}; the modalities are {list(self.names)}."
            )
        for m, state in weights.items():
            with restored(self.subject.modalities.model):
                load(encoder_module(self.subject, m), state, f"alone[{m!r}]")
                self.models[alone_row(m)] = self._judged_alone(m, None)
        if weights:
            self.notes.append(
                "The encoders trained alone came without heads: their accuracy is that of their "
                "linear probes, and there is no ensemble to hold the model against."
            )

    def train_alone(self, untrained: Weights, budget: Budget) -> None:
        """Every encoder trained alone from the initial weights, for each seed of the budget.

        Where a word waits for it, for twice and for four times the updates too.
        """
        self.trained = {seed: {} for seed in budget.seeds}
        if len(budget.seeds) > 1:
            self.notes.append(
                "one model: intervals speak of it alone, held against "
                f"{len(budget.seeds)} trainings of each reference"
            )
        names: Sequence[str] = self.names
        for times in (1, *LONGER):
            for m, seed in product(names, budget.seeds):
                found = self._trained_alone(m, untrained, budget, times, seed)
                row = alone_row(m) if times == 1 else longer_row(m, times)
                self.trained[seed][row] = found
            case = self.case("")
            words = verdict(case, Columns(case))["modalities"]
            names = [m for m in self.names if words[m]["wants"] == rules.LONGER]

    def _trained_alone(
        self, m: str, untrained: Weights, budget: Budget, times: int, seed: int
    ) -> Judged:
        load(self.subject.modalities.model, untrained, "untrained")
        count = len(self.train.labels)
        first = next(iter(self.loaders["train"]))
        alone = blanked(self.subject, m) if reads_others(self.subject, m, first) else nullcontext()
        with alone:
            trained = train_alone(
                self.subject, m, self.loaders["train"], budget, times=times, seed=seed,
                samples=count, classes=self.seen.logits.shape[1],
            )  # fmt: skip
            used = described(trained.optimizer)
            if times == 1:
                self.budget = budget_told(budget, used, trained.updates, count)
            try:
                return self._judged_alone(m, trained)
            except BalanceError as error:
                raise BalanceError(
                    f"The training of {m!r} alone, with {used}, diverged: {error}"
                ) from error

    @torch.no_grad()
    def _judged_alone(self, modality: str, trained: Trained | None) -> Judged:
        train, seen = self._look()
        probed = self._probed(train, seen, modality)
        one_hot = nn.functional.one_hot(probed[modality], self.seen.logits.shape[1]).float()
        if trained is None:
            return Judged(one_hot, seen.labels, {}, probed)
        head = trained.head.cpu()
        logits = head(seen.features[modality].flatten(1).to(head.weight.dtype)).float()
        whole = entropy(train.labels)
        fitted = 1 - trained.lowest / whole if whole > 0 else None
        return Judged(logits, seen.labels, {}, probed, fitted=fitted)

    def case(self, name: str) -> Case:
        """The evidence of a diagnosis: the one model, against each training of its references."""
        readout = self.subject.readout
        source = {
            "kind": "model", "data": name, "row": "model", "seeds": list(self.trained),
            "split": JUDGED,
            "readout": readout.kind if readout is not None else "Ablation('mean')",
            "modalities": list(self.names), "budget": self.budget,
        }  # fmt: skip
        evidence = tuple(self._evidence(seed, own) for seed, own in self.trained.items())
        return Case(
            source, self.names, "model", evidence, tuple(self._missing()), _REMEDIES,
            tuple(self.notes),
        )  # fmt: skip

    def _evidence(self, seed: int, own: Mapping[str, Judged]) -> Evidence:
        models = {**self.models, **own}
        models |= ensemble(models, self.names) if own else {}
        return Evidence(seed, models, self.inside.contributions, self.inside.measured)

    def _missing(self) -> Iterator[dict[str, Any]]:
        """What was not given, and how to give it."""
        there = {*self.models, *(row for own in self.trained.values() for row in own)}
        for row in map(alone_row, self.names):
            if row not in there:
                yield {"row": row, "seed": self.seed, "command": _REMEDIES[rules.REFERENCES]}


_CALL = "equimodal.diagnose(..., untrained=initial_weights, train_alone_epochs={}, "
_REMEDIES = {
    rules.REFERENCES: _CALL.format(20) + "batch_size=32, optimizer=your_optimizer), each as in "
    "your training",
    rules.LONGER: _CALL.format(20) + "batch_size=32, optimizer=your_optimizer), each as in your "
    "training",
    rules.EPOCHS: "train the model for twice as many epochs, and diagnose it again",
    rules.RATES: "train the model again with a higher and with a lower learning rate, take the "
    "best on validation samples, and diagnose it with optimizer= of that training",
    rules.SEEDS: "diagnose it with more test samples, or references of more seeds: "
    "train_alone_seeds=9",
}
"""What gives a modality without a word one, by what it wants."""


def _groups(given: Sequence[int] | Tensor, count: int) -> Tensor:
    found = torch.as_tensor(given).cpu()
    if found.shape != (count,) or found.is_floating_point():
        raise BalanceError(
            f"groups must hold a whole number for each of the {count} samples of the loader "
            f"'{JUDGED}'; found {found.dtype} of shape {tuple(found.shape)}."
        )
    return found
