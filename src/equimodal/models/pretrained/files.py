"""Where a Hugging Face model comes from: a local folder, the local cache, or the hub."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from equimodal.data.table.reading.extras import extra
from equimodal.errors import BalanceError

_PROCESSOR = "preprocessor_config.json"
# Draws of numpy, or layers that are left out by chance, would make runs differ.
_STEADY = {
    "apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0,
}  # fmt: skip


def load_config(place: str) -> Any:
    """The model's configuration, without parts that train by chance.

    Raises:
        BalanceError: it is not there.
    """
    transformers = _transformers(place)
    with _quiet():
        config = _found(place, transformers.AutoConfig.from_pretrained)
    for name, value in _STEADY.items():
        if hasattr(config, name):
            setattr(config, name, value)
    return config


def load_model(place: str, config: Any) -> nn.Module:
    """The model with its weights, in single precision.

    A pooling layer that has no weights there is left out.

    Raises:
        BalanceError: it is not there, or other weights are missing.
    """
    transformers = _transformers(place)
    with _quiet():
        model, report = _found(
            place, transformers.AutoModel.from_pretrained, config=config,
            dtype=torch.float32, output_loading_info=True,
        )  # fmt: skip
    missing = sorted(report["missing_keys"])
    lost = [name for name in missing if "pooler" not in name]
    if lost:
        raise BalanceError(
            f"'{place}' lacks {len(lost)} weights of a {config.model_type}, such as '{lost[0]}'; "
            "write the folder again with save_pretrained()."
        )
    if missing:
        model.pooler = None  # drawn by chance: the hidden states are better
    loaded: nn.Module = model
    return loaded


def _found(place: str, load: Any, **options: Any) -> Any:
    """What is in the folder or in the local cache, else what the hub sends."""
    folder = os.path.expanduser(place)
    try:
        if os.path.isdir(folder):
            return load(folder, local_files_only=True, **options)
        if _is_path(place):
            raise BalanceError(f"There is no folder '{place}' of a Hugging Face model.")
        try:
            return load(place, local_files_only=True, **options)
        except OSError:
            return load(place, **options)
    except (OSError, ValueError) as error:
        if isinstance(error, BalanceError):
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BalanceError(
            f"The Hugging Face model '{place}' cannot be loaded ({reason}). Without a network "
            "write hf:FOLDER, a local folder with its config.json and weights, as "
            "save_pretrained() and `hf download NAME --local-dir FOLDER` write it."
        ) from error


def _is_path(place: str) -> bool:
    return place.count("/") > 1 or place.startswith((".", "/", "~")) or place.endswith("/")


def processor_of(place: str) -> Mapping[str, Any]:
    """The model's preprocessor_config.json; {} where there is none."""
    from transformers.utils.hub import cached_file

    folder = os.path.expanduser(place)
    lenient = dict.fromkeys(("gated_repo", "missing_entries", "connection_errors"), False)
    options: dict[str, Any] = {f"_raise_exceptions_for_{k}": v for k, v in lenient.items()}
    if os.path.isdir(folder):
        found = cached_file(folder, _PROCESSOR, **options)
    else:
        found = cached_file(place, _PROCESSOR, local_files_only=True, **options)
        found = found or cached_file(place, _PROCESSOR, **options)
    content: Mapping[str, Any] = json.loads(Path(found).read_text("utf-8")) if found else {}
    return content


def _transformers(place: str) -> Any:
    return extra("transformers", f"the encoder 'hf:{place}'", "huggingface")


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside, transformers shows neither progress nor its own warnings."""
    from transformers.utils import logging

    report: Any = logging
    level, shown = report.get_verbosity(), report.is_progress_bar_enabled()
    report.set_verbosity_error()
    report.disable_progress_bar()
    try:
        yield
    finally:
        report.set_verbosity(level)
        if shown:
            report.enable_progress_bar()
