"""What is measured of a user's model, and of the references that it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import UNTRAINED, alone_row
from equimodal.diagnosis.evidence import Case, Evidence, ensemble
from equimodal.diagnosis.inside import Inside, inside_of
from equimodal.diagnosis.own_model.alone import (
    MakeOptimizer,
    Weights,
    encoder_module,
    load,
    restored,
    train_alone,
)
from equimodal.diagnosis.own_model.deep import gradient_measures, purities
from equimodal.diagnosis.own_model.subject import Refusion, Subject
from equimodal.errors import BalanceError
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
                self._judge_alone(m, None)
        if weights:
            self.notes.append(
                "The encoders trained alone came without heads: their accuracy is that of their "
                "linear probes, and there is no ensemble to hold the model against."
            )

    def train_alone(self, untrained: Weights, epochs: int, optimizer: MakeOptimizer) -> None:
        """Copies of all encoders, each trained alone from the initial weights."""
        classes = self.seen.logits.shape[1]
        for m in self.names:
            load(self.subject.modalities.model, untrained, "untrained")
            head = train_alone(
                self.subject, m, self.loaders["train"], epochs=epochs, classes=classes,
                optimizer=optimizer, seed=self.seed,
            )  # fmt: skip
            self._judge_alone(m, head)

    @torch.no_grad()
    def _judge_alone(self, modality: str, head: nn.Linear | None) -> None:
        train, seen = self._look()
        probed = self._probed(train, seen, modality)
        one_hot = nn.functional.one_hot(probed[modality], self.seen.logits.shape[1]).float()
        rows = seen.features[modality].flatten(1)
        logits = one_hot if head is None else head.cpu()(rows.to(head.weight.dtype)).float()
        self.models[alone_row(modality)] = Judged(logits, seen.labels, {}, probed)
        if head is not None:
            self.models |= ensemble(self.models, self.names)

    def case(self, name: str) -> Case:
        """The evidence of a diagnosis."""
        evidence = Evidence(self.seed, self.models, self.inside.contributions, self.inside.measured)
        readout = self.subject.readout
        source = {
            "kind": "model", "data": name, "row": "model", "seeds": [self.seed], "split": JUDGED,
            "readout": type(readout).__name__ if readout is not None else "Ablation('mean')",
            "modalities": list(self.names),
        }  # fmt: skip
        return Case(
            source,
            self.names,
            "model",
            (evidence,),
            tuple(self._missing()),
            notes=tuple(self.notes),
        )

    def _missing(self) -> Iterator[dict[str, Any]]:
        """What was not given, and how to give it."""
        how = (
            "equimodal.diagnose(..., untrained=initial_weights, train_alone_epochs=20, "
            "optimizer=...)"
        )
        for row in map(alone_row, self.names):
            if row not in self.models:
                yield {"row": row, "seed": self.seed, "command": how}


def _groups(given: Sequence[int] | Tensor, count: int) -> Tensor:
    found = torch.as_tensor(given).cpu()
    if found.shape != (count,) or found.is_floating_point():
        raise BalanceError(
            f"groups must hold a whole number for each of the {count} samples of the loader "
            f"'{JUDGED}'; found {found.dtype} of shape {tuple(found.shape)}."
        )
    return found
