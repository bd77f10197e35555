"""A fused model and its loaders, read without a trace on either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.balancing.collection import Forward, run
from equimodal.balancing.readouts import Readout, logits_of
from equimodal.balancing.task import Classification
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.quiet import quiet
from equimodal.training.prediction import Prediction, joined


@dataclass(frozen=True)
class Subject:
    """What is diagnosed: the model as the user calls it, its parts, and how a batch is run."""

    model: nn.Module
    modalities: ModalityMap
    forward: Forward
    readout: Readout | None

    def __post_init__(self) -> None:
        if self.readout is not None:
            self.readout.attach(self.modalities)

    def run(self, batch: Any) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Logits, labels and features of one batch.

        Raises:
            BalanceError: no single-label classification, a missing modality, or no features.
        """
        self.modalities.record.take_features()
        output, labels, present = run(self.forward, self.model, batch)
        logits = logits_of(output)
        if logits is None or not isinstance(labels, Tensor):
            raise BalanceError(
                "diagnose needs fused logits and one label tensor a batch: forward(model, batch) "
                "must return (output, target) of paired rows."
            )
        if labels.shape == logits.shape and logits.ndim == 2:
            raise BalanceError(
                "diagnose takes single-label classification, one integer label a sample; found "
                f"targets of the logits' shape {tuple(logits.shape)}, as of a multi-label task, "
                "which has no verdict: its probes would be of each label."
            )
        Classification().check(logits, labels)
        if present is not None and not bool(present.all()):
            raise BalanceError(
                "diagnose needs samples that have all modalities; found rows in which one is "
                "missing. Give loaders of the complete samples."
            )
        rows = dict.fromkeys(self.modalities.names, len(labels))
        features = self.modalities.record.take_features(output, logits, rows)
        missing = [m for m in self.modalities.names if m not in features]
        if missing:
            raise BalanceError(
                f"The encoder of {missing[0]!r} gave no features in the model's forward pass; name "
                "an encoder module that the model calls, not a pattern of parameters."
            )
        return logits, labels, features

    def see(self, loader: Iterable[Any], name: str) -> Prediction:
        """The whole loader in evaluation mode, its rows in their order; no unimodal logits without
        a readout.

        Raises:
            BalanceError: it gives no batch, or values that are not finite.
        """
        parts = []
        with quiet(self.modalities.model):
            for batch in loader:
                logits, labels, features = self.run(batch)
                if self.readout:
                    self.readout.check(self.modalities, features, logits)
                unimodal = self.readout(self.modalities, features) if self.readout else {}
                parts.append(
                    Prediction(logits.cpu(), labels.cpu(), _on_cpu(features), _on_cpu(unimodal))
                )
        if not parts:
            raise BalanceError(
                f"The loader {name!r} gave no batch: it must be iterable again and again, so pass "
                "a DataLoader or a list, not a generator."
            )
        seen = joined(parts)
        _check_finite(seen, name)
        return seen


class Refusion:
    """Fused logits for changed features of a whole loader: the head runs again, batch by batch.

    Args:
        subject: the model.
        loader: gives the same batches in the same order every time.
        labels: what it gave, (N,), to notice one that does not.
    """

    def __init__(self, subject: Subject, loader: Iterable[Any], labels: Tensor) -> None:
        self._subject, self._loader, self._labels = subject, loader, labels

    def __call__(self, features: Mapping[str, Tensor]) -> Tensor:
        """{m: (N, ...)} -> (N, C)"""
        found, start = [], 0
        modalities = self._subject.modalities
        with quiet(modalities.model):
            for batch in self._loader:
                _, labels, given = self._subject.run(batch)
                rows = slice(start, start + len(labels))
                self._check_order(labels, rows)
                changed = {m: f[rows].to(given[m]) for m, f in features.items()}
                output = logits_of(modalities.rerun(changed))
                assert output is not None
                found.append(output.cpu())
                start = rows.stop
        return torch.cat(found)

    def _check_order(self, labels: Tensor, rows: slice) -> None:
        if not torch.equal(labels.cpu(), self._labels[rows]):
            raise BalanceError(
                "The loader that is judged gives its samples in another order every time; build it "
                "with shuffle=False."
            )


def _on_cpu(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {m: v.float().cpu() for m, v in values.items()}


def _check_finite(seen: Prediction, name: str) -> None:
    every = {
        "the logits": seen.logits,
        **{f"the features of {m!r}": f for m, f in seen.features.items()},
    }
    for what, values in every.items():
        if not bool(values.isfinite().all()):
            raise BalanceError(
                f"On the loader {name!r} {what} are not finite (NaN or infinite): look for NaN in "
                "the data, or lower the learning rate; nothing can be said of such a model."
            )
