"""From our spectrograms and raw sounds to what a Hugging Face model reads."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

from equimodal.data.dataset import Modality
from equimodal.errors import BalanceError

Arguments = tuple[dict[str, Tensor], Tensor | None]
"""A model's arguments by name, and which steps are there, (N, T) bool, where steps may pad."""
AST_DEVIATION = 0.5
"""Spectrograms have the mean 0 and this deviation where AST was trained."""


class Inputs(nn.Module):
    """Turns samples into a model's arguments."""

    def forward(self, x: Tensor) -> Arguments:
        """(N, ...) -> arguments by name, and the steps that are there"""
        raise NotImplementedError


class Spectrograms(Inputs):
    """Spectrograms as AST reads them: (N, 1, F, T) -> (N, max_length, F), cut or padded with 0.

    Args:
        modality: what the samples are, standardised by their data set.
        config: of the model.

    Raises:
        BalanceError: another number of bands, or several channels.
    """

    def __init__(self, modality: Modality, config: Any) -> None:
        super().__init__()
        channels, bands, _ = modality.shape
        self.length = int(config.max_length)
        if (channels, bands) != (1, config.num_mel_bins):
            raise BalanceError(
                f"The model reads spectrograms of {config.num_mel_bins} bands, found {bands} in "
                f"{channels} channels; declare bands: {config.num_mel_bins}."
            )

    def forward(self, x: Tensor) -> Arguments:
        """(N, 1, F, T) -> input_values (N, max_length, F)"""
        rows = AST_DEVIATION * x[:, 0].transpose(1, 2)[:, : self.length]
        return {"input_values": pad(rows, (0, 0, 0, self.length - rows.shape[1]))}, None


class Waves(Inputs):
    """Raw sound as Wav2Vec2 reads it: (N, T, 2), whose second column says which samples are there.

    Every sound is standardised by itself over these, as its feature extractor does.

    Args:
        modality: what the samples are.
        config: of the model.

    Raises:
        BalanceError: more than one number a step.
    """

    def __init__(self, modality: Modality, config: Any) -> None:
        super().__init__()
        if modality.shape[1] != 2:
            raise BalanceError(
                f"The model reads sounds of one number a step, found {modality.shape[1] - 1}."
            )
        # Models with group normalisation were trained without a mask, on zeros at the end.
        self.masks = getattr(config, "feat_extract_norm", "group") == "layer"

    def forward(self, x: Tensor) -> Arguments:
        """(N, T, 2) -> input_values (N, T)"""
        present = x[..., 1] > 0.5
        weight, values = present.to(x), x[..., 0]
        count = weight.sum(1, keepdim=True).clamp_min(1)
        centred = (values - (values * weight).sum(1, keepdim=True) / count) * weight
        variance = centred.square().sum(1, keepdim=True) / count
        arguments = {"input_values": centred / (variance + 1e-7).sqrt()}
        if self.masks:
            arguments["attention_mask"] = present.long()
        return arguments, present
