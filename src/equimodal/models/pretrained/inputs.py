"""From our samples to what a Hugging Face model reads: pictures, texts, and the choice of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from equimodal.data.dataset import Modality
from equimodal.errors import BalanceError
from equimodal.models.pretrained.sounds import Arguments, Inputs, Spectrograms, Waves


class Pictures(Inputs):
    """Images and spectrograms as ``pixel_values``, at the size, with the channels and by the mean
    and deviation that the model was trained with. (N, C, H, W)

    Args:
        modality: what the samples are.
        config: of the model.
        processor: its preprocessor_config.json, {} where there is none: then values stay
            standardised as they come, as they do where ``modality.scaling`` is not known.

    Raises:
        BalanceError: the channels do not fit.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, modality: Modality, config: Any, processor: Mapping[str, Any]) -> None:
        super().__init__()
        found, self.channels = modality.shape[-3], int(getattr(config, "num_channels", 3))
        if found not in (1, self.channels):
            raise BalanceError(
                f"The model reads {self.channels} channels, found {found}; declare channels: "
                f"{self.channels}."
            )
        self.size = _sides(getattr(config, "image_size", None))
        mean, deviation = processor.get("image_mean"), processor.get("image_std")
        self.rescales = bool(modality.scaling and mean and processor.get("do_normalize", True))
        self.scaling = modality.scaling or (0.0, 1.0)
        self.register_buffer("mean", _by_channel(mean or [0.0]), persistent=False)
        self.register_buffer("deviation", _by_channel(deviation or [1.0]), persistent=False)

    def forward(self, x: Tensor) -> Arguments:
        """(N, C, H, W) -> pixel_values (N, channels, height, width)"""
        if self.rescales:
            own_mean, own_deviation = self.scaling
            x = ((x * own_deviation + own_mean) / 255 - self.mean) / self.deviation
        x = x.expand(-1, self.channels, -1, -1)
        if self.size is not None and tuple(x.shape[-2:]) != self.size:
            x = interpolate(x, self.size, mode="bilinear", antialias=True, align_corners=False)
        return {"pixel_values": x}, None


class Tokens(Inputs):
    """Token numbers of the model's own tokenizer, each plus one; 0 pads. (N, T)

    Args:
        modality: what the samples are.
        config: of the model.

    Raises:
        BalanceError: the numbers are of another vocabulary, or texts are longer than the model's.
    """

    def __init__(self, modality: Modality, config: Any) -> None:
        super().__init__()
        longest = getattr(config, "max_position_embeddings", None) or modality.shape[0]
        if modality.tokens != "hf" or (modality.vocabulary or 0) - 1 > config.vocab_size:
            found = f"{modality.vocabulary} tokens" if modality.tokens == "hf" else "another's"
            raise BalanceError(
                f"The model reads the {config.vocab_size} tokens of its own tokenizer, found "
                f"{found}; declare tokens: hf:<folder of the model> for this column of your table."
            )
        if modality.shape[0] > longest:
            raise BalanceError(
                f"The model reads {longest} tokens at most, found texts of {modality.shape[0]}; "
                f"declare length: {longest}."
            )
        self.padding = getattr(config, "pad_token_id", None) or 0

    def forward(self, x: Tensor) -> Arguments:
        """(N, T) -> input_ids and attention_mask, cut to the longest text of the batch"""
        present = x != 0
        longest = max(1, int(present.sum(1).max()))
        present, x = present[:, :longest], x[:, :longest]
        ids = torch.where(present, x - 1, self.padding)
        # Attention over no token at all is NaN: such a text attends to its padding.
        seen = present | ~present.any(1, keepdim=True)
        return {"input_ids": ids, "attention_mask": seen.long()}, present


def inputs_for(name: str, modality: Modality, config: Any, processor: Mapping[str, Any]) -> Inputs:
    """What turns samples of the modality into the model's main input.

    Args:
        name: of the model's main input.
        modality: what the samples are; of a video, one frame.
        config: of the model.
        processor: its preprocessor_config.json.

    Raises:
        BalanceError: the model reads another kind of signal, or the shape does not fit.
    """
    kind = modality.kind
    if name == "input_ids" and kind == "text":
        return Tokens(modality, config)
    if name == "pixel_values" and kind in ("image", "spectrogram"):
        return Pictures(modality, config, processor)
    if name == "input_values" and hasattr(config, "num_mel_bins") and kind == "spectrogram":
        return Spectrograms(modality, config)
    if name == "input_values" and not hasattr(config, "num_mel_bins") and kind == "sequence":
        return Waves(modality, config)
    reads = _reads(name, config)
    raise BalanceError(
        f"The model is a {config.model_type}, which reads {reads}, found a modality of kind "
        f"'{kind}'; choose a model of that kind of signal."
    )


def _reads(name: str, config: Any) -> str:
    if name == "input_values":
        return "spectrograms" if hasattr(config, "num_mel_bins") else "sounds as sequences"
    known = {"input_ids": "text", "pixel_values": "images, spectrograms or videos"}
    return known.get(name, name)


def _sides(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    height, width = size if isinstance(size, Sequence) else (size, size)
    return int(height), int(width)


def _by_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
