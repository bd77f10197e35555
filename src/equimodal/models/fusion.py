"""Late fusion: one encoder per modality, their features concatenated, one linear head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equimodal.data.dataset import Modality
from equimodal.errors import BalanceError
from equimodal.models.encoders import build_encoder
from equimodal.models.seeding import named_seed


@dataclass
class Output:
    """What a model returns: ``features[m]`` (N_m, D_m) and ``logits`` (N, C).

    ``logits`` is None when the modalities came with different numbers of rows.
    """

    features: dict[str, Tensor]
    logits: Tensor | None


class FusionModel(nn.Module):
    """Encoders, concatenation in their order, and a linear head: the model of a comparison.

    Args:
        encoders: one module per modality, (N, ...) -> (N, width).
        widths: number of features of each encoder.
        classes: number of classes C.

    Raises:
        BalanceError: no modality, a name that cannot be a submodule's, or fewer than 2 classes.
    """

    def __init__(
        self, encoders: Mapping[str, nn.Module], *, widths: Mapping[str, int], classes: int
    ) -> None:
        super().__init__()
        _check(encoders, classes)
        self.encoders = nn.ModuleDict(dict(encoders))
        self.head = nn.Linear(sum(widths[m] for m in encoders), classes)

    def forward(self, inputs: Mapping[str, Tensor]) -> Output:
        """Features of each modality, and the logits where all came with the same rows.

        Inputs of modalities that the model has no encoder for are left alone.

        Raises:
            BalanceError: the input of one of the model's modalities is missing.
        """
        missing = [m for m in self.encoders if m not in inputs]
        if missing:
            raise BalanceError(
                f"The model needs the modality '{missing[0]}', found {', '.join(inputs) or 'none'}"
                "; pass one tensor for each of its encoders."
            )
        features = {m: encoder(inputs[m]) for m, encoder in self.encoders.items()}
        if len({len(rows) for rows in features.values()}) > 1:
            return Output(features, None)
        return Output(features, self.head(torch.cat(list(features.values()), dim=1)))


def build_model(modalities: Mapping[str, Modality], classes: int, *, seed: int) -> FusionModel:
    """A fusion model with a small encoder per modality.

    Each encoder's initial weights depend on (seed, modality name) alone, so an encoder trained
    alone starts where it starts in a joint model. The global random stream is left as it was.

    Raises:
        BalanceError: a kind without an encoder, a shape that is not of its kind, no modality.
    """
    encoders = {}
    for name, modality in modalities.items():
        with named_seed(seed, f"encoder:{name}"):
            encoders[name] = build_encoder(
                modality.kind, modality.shape, vocabulary=modality.vocabulary
            )
    widths = {name: encoder.width for name, encoder in encoders.items()}
    with named_seed(seed, "head"):
        return FusionModel(encoders, widths=widths, classes=classes)


def _check(encoders: Mapping[str, nn.Module], classes: int) -> None:
    if not encoders:
        raise BalanceError("A model needs at least one modality, found none.")
    for name in encoders:
        if not name or "." in name or hasattr(nn.ModuleDict(), name):
            raise BalanceError(
                f"'{name}' cannot name a modality: PyTorch could not register its encoder; "
                "choose a plain word without dots that is no attribute of nn.ModuleDict."
            )
    if classes < 2:
        raise BalanceError(f"A classifier needs at least 2 classes, found {classes}.")
