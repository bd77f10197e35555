"""Late fusion: one encoder per modality, and a head that fuses their features."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts import Ablation, Readout
from equimodal.checks import require_modality_names
from equimodal.data.dataset import Modality
from equimodal.data.presence import PRESENT
from equimodal.errors import BalanceError
from equimodal.models.encoders.encoder import Encoder
from equimodal.models.encoders.named import SMALL, check_encoders, named_encoder
from equimodal.models.fusions import CONCAT, FUSIONS, check_fusion
from equimodal.models.presence import Absent, WherePresent
from equimodal.numerics.seeding import named_seed

HEAD = "head"
Rule = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""{m: (N, C)}, (N, C) -> (N, C)"""


@dataclass
class Output:
    """What a model returns: ``features[m]`` (N_m, D_m) and ``logits`` (N, C).

    ``logits`` is None when the modalities came with different numbers of rows.
    """

    features: dict[str, Tensor]
    logits: Tensor | None


class FusionModel(nn.Module):
    """Encoders and the head that fuses their features: the model of a comparison.

    With one modality there is nothing to fuse: whatever the fusion, the head is a linear layer.

    Args:
        encoders: one module per modality, (N, ...) -> (N, width).
        widths: number of features of each encoder.
        classes: number of classes C, or of labels or numbers that are predicted.
        fusion: a name in `fusions.FUSIONS`.
        missing: the modalities that samples may lack: their encoders run where they are present,
            and a learned vector stands for their features elsewhere.

    Raises:
        BalanceError: no modality, a name that cannot be a submodule's, no class, or an
            unknown fusion.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        *,
        widths: Mapping[str, int],
        classes: int,
        fusion: str = CONCAT,
        missing: Collection[str] = (),
    ) -> None:
        super().__init__()
        _check(encoders, classes)
        check_fusion(fusion)
        self.fusion = fusion if len(encoders) > 1 else CONCAT
        self.encoders = nn.ModuleDict(
            {m: WherePresent(e, widths[m]) if m in missing else e for m, e in encoders.items()}
        )
        self.widths = {m: widths[m] for m in encoders}
        self.head = FUSIONS[self.fusion].build(self.widths, classes)
        self.rule: Rule | None = None
        """What makes predictions of the logits of each modality and the fused ones, in evaluation;
        None where the fused ones are the prediction."""
        self.beside: nn.Module | None = None
        """What the rule reads and is trained beside encoders and head, saved with them."""

        if missing:
            self.absent = Absent({m: widths[m] for m in encoders if m in missing})

    def readout(self, *, whole: bool = False) -> Readout:
        """A readout of unimodal logits: the heads beside it, or a new one that fits the fusion.

        ``whole``: each modality is asked for all of a number, so that parts of a sum serve none.
        """
        if isinstance(self.beside, Readout):
            return self.beside
        if whole:
            return Ablation("zero")
        return FUSIONS[self.fusion].readout(HEAD, list(self.encoders))

    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """What the head makes of features, and in evaluation what is predicted.

        {m: (N, D_m)} -> (N, C)
        """
        logits: Tensor = self.head(features)
        if self.rule is None or self.training:
            return logits
        heads: Any = self.beside if hasattr(self.beside, "each") else self.head
        return self.rule(heads.each(features), logits)

    def without(self, modality: str, features: Tensor) -> Tensor:
        """What stands for features of samples that lack the modality: the learned vector where
        there is one, else zeros. (N, D) -> (N, D)"""
        gone = torch.zeros_like(features)
        if modality not in getattr(self, "absent", ()):
            return gone
        return self.absent.fill(modality, gone, torch.zeros(len(gone), dtype=torch.bool))

    def forward(self, inputs: Mapping[str, Tensor]) -> Output:
        """Features of each modality, and the logits where all came with the same rows.

        ``inputs`` may have `PRESENT`, (N, M) bool in the order of the encoders. Inputs of
        modalities that the model has no encoder for are left alone.

        Raises:
            BalanceError: the input of one of the model's modalities is missing.
        """
        missing = [m for m in self.encoders if m not in inputs]
        if missing:
            raise BalanceError(
                f"The model needs the modality '{missing[0]}', found {', '.join(inputs) or 'none'}"
                "; pass one tensor for each of its encoders."
            )
        present = inputs.get(PRESENT)
        if present is None:
            features = {m: encoder(inputs[m]) for m, encoder in self.encoders.items()}
        else:
            features = self._where_present(inputs, present)
        if len({len(rows) for rows in features.values()}) > 1:
            return Output(features, None)
        return Output(features, self.fuse(features))

    def _where_present(self, inputs: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        """Features of samples of which some lack a modality."""
        found = {}
        for k, (m, encoder) in enumerate(self.encoders.items()):
            own = present[:, k]
            if not isinstance(encoder, WherePresent) or bool(own.all()):
                found[m] = encoder(inputs[m])
                continue
            found[m] = self.absent.fill(m, encoder(inputs[m], own), own)
        return found


def build_model(
    modalities: Mapping[str, Modality],
    classes: int,
    *,
    seed: int,
    encoders: Mapping[str, str] | None = None,
    fusion: str = CONCAT,
) -> FusionModel:
    """A fusion model with an encoder per modality, the small one of its kind unless told otherwise.

    Each encoder's initial weights depend on (seed, modality name) alone, so an encoder trained
    alone starts where it starts in a joint model. The global random stream is left as it was.

    Args:
        modalities: what the samples of each modality are.
        classes: number of classes, labels or numbers.
        seed: seed of the initial weights.
        encoders: modality -> name of its encoder, one of `named.ENCODERS`.
        fusion: one of `fusions.FUSIONS`.

    Raises:
        BalanceError: an unknown encoder or fusion, an encoder that does not take its modality, a
            shape that is not of its kind, no modality.

    Example::

        build_model(source.modalities, 10, seed=0, encoders={"image": "resnet18"}, fusion="film")
    """
    chosen = dict(encoders or {})
    check_encoders(chosen, modalities)
    built: dict[str, Encoder] = {}
    for name, modality in modalities.items():
        with named_seed(seed, f"encoder:{name}"):
            built[name] = named_encoder(chosen.get(name, SMALL), modality)
    widths = {name: encoder.width for name, encoder in built.items()}
    missing = [name for name, modality in modalities.items() if modality.missing]
    with named_seed(seed, HEAD):
        return FusionModel(built, widths=widths, classes=classes, fusion=fusion, missing=missing)


def _check(encoders: Mapping[str, nn.Module], classes: int) -> None:
    if not encoders:
        raise BalanceError("A model needs at least one modality, found none.")
    require_modality_names(encoders)
    if classes < 1:
        raise BalanceError(f"A model needs at least one output, found {classes}.")
