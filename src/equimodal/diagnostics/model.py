"""Diagnosis of a user's own model, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.arguments import require_number
from equimodal.diagnostics.alone import (
    MakeOptimizer,
    Weights,
    encoder_module,
    load,
    restored,
    train_alone,
)
from equimodal.diagnostics.coalitions import Fuse, coalition_logits, summed
from equimodal.diagnostics.deep import gradient_measures, purities
from equimodal.diagnostics.diagnosis import Diagnosis
from equimodal.diagnostics.document import document
from equimodal.diagnostics.evidence import ENSEMBLE, UNTRAINED, Case, Evidence, Judged, alone
from equimodal.diagnostics.inside import Inside, inside_of
from equimodal.diagnostics.reading import ensemble
from equimodal.diagnostics.subject import Forward, Refusion, Seen, Subject
from equimodal.encoders import Encoder
from equimodal.errors import BalanceError
from equimodal.modalities import ModalityMap
from equimodal.readouts import Readout
from equimodal.train.probe import probe_predictions

JUDGED = "test"


def _default_forward(model: nn.Module, batch: Any) -> tuple[Any, Tensor]:
    return model(batch[0]), batch[1]


def _sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


def diagnose(
    model: nn.Module,
    loaders: Mapping[str, Iterable[Any]],
    encoders: Mapping[str, str | nn.Module | Encoder],
    readout: Readout | None = None,
    *,
    forward: Forward = _default_forward,
    untrained: Weights | None = None,
    alone: Mapping[str, Weights] | None = None,
    train_alone_epochs: int = 0,
    optimizer: MakeOptimizer = _sgd,
    seed: int = 0,
    name: str = "your data",
) -> Diagnosis:
    """Is a modality of your own trained model under-trained? Reads the model, and changes nothing.

    That needs the same encoders trained alone. Pass them as ``alone``; or pass the model's initial
    weights as ``untrained`` and a number of epochs, and copies are trained here. Without either the
    diagnosis holds what can be measured inside the model, and says what it cannot.

    Args:
        model: a trained classifier with one label a sample.
        loaders: ``{"train": ..., "test": ...}``: probes are fitted on the first, and all is judged
            on the second, which must keep its order. Samples with all modalities only.
        encoders: as in :class:`equimodal.Balancer`.
        readout: where unimodal logits come from; None: each modality with all others at their mean.
        forward: ``forward(model, batch) -> (output, target)``.
        untrained: the model, or its state dict, as it was before training.
        alone: modality -> its encoder, or the encoder's state dict, after training alone.
        train_alone_epochs: train a copy of each encoder alone for so many passes over ``train``,
            from ``untrained``; as many as the model had make a fair reference.
        optimizer: of these trainings: ``optimizer(parameters)``; SGD with rate 0.01 by default.
        seed: of their heads and of shuffles.
        name: of the data, for the text.

    Returns:
        A dictionary as docs/diagnosis-schema.md describes it, whose ``print`` is its text.

    Raises:
        BalanceError: a loader, an encoder or weights that do not fit; the message says which.

    Example::

        print(equimodal.diagnose(model, {"train": train, "test": test},
                                 {"audio": "audio_net", "video": "video_net"},
                                 LinearSplit("fc"), untrained=initial, train_alone_epochs=20))
    """
    _check(loaders, untrained, alone, train_alone_epochs)
    modalities = ModalityMap(model, encoders)
    subject = Subject(model, modalities, forward, readout)
    try:
        with restored(modalities.model):
            found = _Findings(subject, loaders, seed)
            found.add_alone(alone or {})
            if untrained is not None:
                found.add_untrained(untrained)
                if train_alone_epochs:
                    found.train_alone(untrained, train_alone_epochs, optimizer)
        return document(found.case(name))
    finally:
        modalities.record.remove()


def _check(loaders: Mapping[str, Any], untrained: object, alone: object, epochs: object) -> None:
    missing = [split for split in ("train", JUDGED) if split not in loaders]
    if missing:
        raise BalanceError(
            f"diagnose needs the loaders 'train' and 'test'; found {sorted(loaders)}. Write "
            "loaders={'train': ..., 'test': ...}; the second may hold validation data."
        )
    require_number("train_alone_epochs", epochs, low=0, whole=True)
    if epochs and untrained is None:
        raise BalanceError(
            "train_alone_epochs needs the weights that training began with: pass "
            "untrained=initial, a copy.deepcopy(model.state_dict()) from before training."
        )
    if epochs and alone:
        raise BalanceError("Give either alone=... or train_alone_epochs=..., not both.")


class _Findings:
    """What was measured of a model and its references."""

    def __init__(self, subject: Subject, loaders: Mapping[str, Iterable[Any]], seed: int) -> None:
        self.subject, self.loaders, self.seed = subject, loaders, seed
        self.names = subject.modalities.names
        self.notes: list[str] = []
        self.train = subject.see(loaders["train"], "train")
        self.seen = subject.see(loaders[JUDGED], JUDGED)
        fuse, rows = self._fusion()
        unimodal = self.seen.unimodal or {
            m: coalition_logits(fuse, rows, 1 << i) for i, m in enumerate(self.names)
        }
        inside = inside_of(fuse, rows, unimodal, self.seen.labels)
        more = gradient_measures(subject, loaders["train"])
        purity = {"purity": purities(self.train, self.seen)}
        self.inside = Inside(inside.contributions, {**inside.measured, **more, **purity})
        probed = self._probed(self.train, self.seen)
        self.models = {"model": Judged(self.seen.logits, self.seen.labels, unimodal, probed)}

    def _fusion(self) -> tuple[Fuse, dict[str, Tensor]]:
        """How features become logits: the sum of the readout's parts, or the head run again."""
        if self.subject.readout is not None and self.subject.readout.additive:
            return summed, self.seen.unimodal
        refusion = Refusion(self.subject, self.loaders[JUDGED], self.seen.labels)
        return refusion, self.seen.features

    def _probed(self, train: Seen, seen: Seen, only: str | None = None) -> dict[str, Tensor]:
        """What linear probes of the encoders predict on the judged samples. {m: (N,)}"""
        names = self.names if only is None else (only,)
        return {
            m: probe_predictions(
                train.features[m].flatten(1), train.labels, seen.features[m].flatten(1)
            )[0]
            for m in names
        }

    def _look(self) -> tuple[Seen, Seen]:
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
        self.models[alone(modality)] = Judged(logits, seen.labels, {}, probed)
        if head is not None and all(alone(m) in self.models for m in self.names):
            self.models[ENSEMBLE] = ensemble([self.models[alone(m)] for m in self.names])

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
            source, self.names, "model", (evidence,), tuple(self._missing()), tuple(self.notes)
        )

    def _missing(self) -> Iterator[dict[str, Any]]:
        """What was not given, and how to give it."""
        if not all(alone(m) in self.models for m in self.names):
            how = "equimodal.diagnose(..., untrained=initial_weights, train_alone_epochs=20)"
            for m in self.names:
                if alone(m) not in self.models:
                    yield {"row": alone(m), "seed": self.seed, "command": how}
