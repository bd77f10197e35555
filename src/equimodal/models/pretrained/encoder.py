"""Pretrained encoders: a vision, audio or text model of Hugging Face, by name or local folder.

``hf:google-bert/bert-base-uncased`` or ``hf:models/bert``; with ``,frozen`` behind it, it is in
evaluation mode and its weights stay as they are. Features are the model's pooled output where its
weights hold one, else the mean of its last hidden states over the steps that are there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.data.dataset import HUGGING_FACE, Modality
from equimodal.errors import BalanceError
from equimodal.models.encoders.encoder import Encoder
from equimodal.models.encoders.small import FrameAverage
from equimodal.models.pretrained.files import load_config, load_model, processor_of
from equimodal.models.pretrained.inputs import inputs_for
from equimodal.models.pretrained.sounds import Inputs

FROZEN = ",frozen"


@dataclass(frozen=True)
class Pretrained:
    """A model's name or folder, and whether its weights are left as they are."""

    place: str
    frozen: bool


def parsed(spec: str) -> Pretrained:
    """``hf:<name or folder>[,frozen]`` in its parts."""
    place = spec.removeprefix(HUGGING_FACE)
    return Pretrained(place.removesuffix(FROZEN), place.endswith(FROZEN))


def relative(spec: str) -> str:
    """The same model without an absolute path, which no file of results may hold."""
    place = parsed(spec).place
    if not os.path.isabs(os.path.expanduser(place)):
        return spec
    return spec.replace(place, os.path.relpath(os.path.expanduser(place)))


class PretrainedEncoder(Encoder):
    """Pooled features of a Hugging Face model. (N, ...) -> (N, width)

    Args:
        model: the model.
        inputs: turns samples into its arguments.
        width: number of features.
        frozen: leave its weights as they are: no gradients, evaluation mode.
    """

    def __init__(self, model: nn.Module, inputs: Inputs, *, width: int, frozen: bool) -> None:
        super().__init__()
        self.model, self.inputs, self.width, self.frozen = model, inputs, width, frozen
        if frozen:
            model.requires_grad_(False)
            model.eval()

    def train(self, mode: bool = True) -> PretrainedEncoder:
        """As in every module, but a frozen model stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Features of each sample: (N, ...) -> (N, width)"""
        arguments, present = self.inputs(x)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return pooled(self.model, self.model(**arguments), present)


def pooled(model: nn.Module, output: Any, present: Tensor | None) -> Tensor:
    """The pooled output where there is one, else the mean of the last hidden states: (N, width)"""
    found = getattr(output, "pooler_output", None)
    if isinstance(found, Tensor):
        return found.flatten(1)
    hidden: Tensor = output.last_hidden_state
    if hidden.ndim == 4:
        return hidden.mean((2, 3))
    if present is None:
        return hidden.mean(1)
    if present.shape[1] != hidden.shape[1]:
        shorter: Any = model._get_feature_vector_attention_mask
        present = shorter(hidden.shape[1], present.long()).bool()
    weights = present.unsqueeze(2).to(hidden)
    return (hidden * weights).sum(1) / weights.sum(1).clamp_min(1)


def check_pretrained(spec: str, modality: Modality) -> None:
    """Raise `BalanceError` unless the model is there and reads such samples; loads no weights."""
    place = parsed(spec).place
    config = load_config(place)
    _inputs(place, config, modality)


def build_pretrained(spec: str, modality: Modality) -> Encoder:
    """The encoder with its weights; of a video, over each of its frames.

    Raises:
        BalanceError: transformers is not installed, the model is not there, lacks weights, or reads
            other samples.
    """
    wanted = parsed(spec)
    config = load_config(wanted.place)
    inputs = _inputs(wanted.place, config, modality)
    model = load_model(wanted.place, config)
    frame = _frame(modality)
    width = _width(model, inputs, frame)
    encoder = PretrainedEncoder(model, inputs, width=width, frozen=wanted.frozen)
    return FrameAverage(encoder) if modality.kind == "video" else encoder


def _frame(modality: Modality) -> Modality:
    """A video's frame as an image; any other modality as it is."""
    if modality.kind != "video":
        return modality
    return replace(modality, kind="image", shape=modality.shape[1:])


def _inputs(place: str, config: Any, modality: Modality) -> Inputs:
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING:
        raise BalanceError(f"'{place}' is a {config.model_type}, of which there is no plain model.")
    kind: Any = MODEL_MAPPING[type(config)]
    name = (kind[0] if isinstance(kind, tuple) else kind).main_input_name
    return inputs_for(name, _frame(modality), config, processor_of(place))


@torch.no_grad()
def _width(model: nn.Module, inputs: Inputs, modality: Modality) -> int:
    """Number of features, by one sample of zeros."""
    kind = torch.long if modality.kind == "text" else torch.float32
    arguments, present = inputs(torch.zeros(1, *modality.shape, dtype=kind))
    return pooled(model, model.eval()(**arguments), present).shape[1]
