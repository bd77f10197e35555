"""Where the samples lie in an encoder's features: brought to the first axis, and checked."""

from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts.selection import Encoder

_RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
_ATTENTION = (
    nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder,
    nn.TransformerDecoderLayer, nn.TransformerDecoder,
)  # fmt: skip


def samples_first(
    value: Tensor, encoder: Encoder, modality: str, module: nn.Module | None, count: int | None
) -> Tensor:
    """Features with a row for each sample, as the encoder's options say. -> (N, ...)

    Args:
        value: what the encoder gave.
        encoder: its options.
        modality: for the message.
        module: the encoder itself, which may tell.
        count: samples of the batch; None where they are not known.

    Raises:
        BalanceError: there is no such axis, another number of rows, or two axes could be meant.
    """
    axis = _axis(value, encoder, modality, module, count)
    if axis >= value.ndim or (encoder.pool and value.ndim < (2 if encoder.folded else 3)):
        raise BalanceError(
            f"The encoder of {modality!r} gave features of shape {tuple(value.shape)}, which has "
            f"no axis for Encoder(..., batch_axis={axis}, pool={encoder.pool!r})."
        )
    rows = value.movedim(axis, 0) if axis else value
    if encoder.folded is not None:
        rows = _unfolded(rows, encoder.folded, modality, count)
    if encoder.pool is not None:
        rows = _pooled(rows, encoder.pool)
    if count is not None and len(rows) != count:
        raise BalanceError(
            f"The encoder of {modality!r} gave features of shape {tuple(value.shape)} for "
            f"{count} samples: its first axis is not the samples. {_remedy(value, count)}"
        )
    return rows


def readings(
    value: Tensor, encoder: Encoder, module: nn.Module | None, count: int
) -> dict[str, tuple[slice, ...]]:
    """Where the first sample lies, as it is read and as it could lie: by what a user would write.

    Empty where the shape or the layer itself tells.
    """
    if encoder.folded is not None and encoder.batch_axis in (None, 0):
        frames = len(value) // count
        found = {"NT": slice(0, frames), "TN": slice(0, None, count)}
        orders = (encoder.folded, *({"NT", "TN"} - {encoder.folded}))
        one = frames == 1 or count == 1
        return {} if one else {f"folded={order!r}": (found[order],) for order in orders}
    axis = _axis(value, encoder, "", module, None)
    known = encoder.batch_axis is None and type(module) in (*_RECURRENT, *_ATTENTION)
    if known or axis > 1 or value.ndim < 3 or value.shape[:2] != (count, count) or count == 1:
        return {}
    first = slice(0, 1)
    return {f"batch_axis={k}": (slice(None),) * k + (first,) for k in (axis, 1 - axis)}


def as_given(rows: Tensor, encoder: Encoder, module: nn.Module | None) -> Tensor:
    """Features with the samples first, laid out as the encoder gives them."""
    value = rows
    if encoder.folded is not None:
        value = (rows if encoder.folded == "NT" else rows.transpose(0, 1)).flatten(0, 1)
    axis = encoder.batch_axis
    if axis is None:
        axis = 1 if module is not None and value.ndim == 3 and _time_first(module, encoder) else 0
    return value.movedim(0, axis) if axis else value


def _axis(
    value: Tensor, encoder: Encoder, modality: str, module: nn.Module | None, count: int | None
) -> int:
    """The axis of the samples, or of samples and frames together."""
    if encoder.batch_axis is not None:
        return encoder.batch_axis
    if module is None:
        return 0
    if value.ndim == 3 and _time_first(module, encoder):
        return 1
    known = type(module) in (*_RECURRENT, *_ATTENTION)
    alike = value.ndim >= 3 and value.shape[0] == value.shape[1] == count
    if not known and alike and not encoder.folded and any(map(_is_time_first, module.modules())):
        raise BalanceError(
            f"The encoder of {modality!r} gave features of shape {tuple(value.shape)} for {count} "
            "samples, and holds layers that put time first: either axis could be the samples. "
            "Write Encoder(..., batch_axis=0) or Encoder(..., batch_axis=1)."
        )
    return 0


def _time_first(module: nn.Module, encoder: Encoder) -> bool:
    """Whether a layer of PyTorch's own says that its output has the samples second."""
    if type(module) in _RECURRENT:
        state = encoder.output not in (None, 0)  # its last states are (layers, N, D) in any case
        return state or _is_time_first(module)
    if isinstance(module, nn.MultiheadAttention) and encoder.output not in (None, 0):
        return False
    inner: Any = module
    while type(inner) in (nn.TransformerEncoder, nn.TransformerDecoder):
        inner = inner.layers[0]
    if type(inner) in (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer):
        inner = inner.self_attn
    return type(inner) is nn.MultiheadAttention and not inner.batch_first


def _is_time_first(module: nn.Module) -> bool:
    layers = (*_RECURRENT, nn.MultiheadAttention)
    return isinstance(module, layers) and not module.batch_first


def _unfolded(value: Tensor, order: str, modality: str, count: int | None) -> Tensor:
    """(N * T, ...) -> (N, T, ...)"""
    if count is None or not count or len(value) % count:
        raise BalanceError(
            f"The encoder of {modality!r} gave {len(value)} rows, which cannot be parted into "
            f"frames of {count if count is not None else 'an unknown number of'} samples as "
            f"Encoder(..., folded={order!r}) says; give every sample as many frames, or leave it "
            "out."
        )
    frames, rest = len(value) // count, value.shape[1:]
    if order == "NT":
        return value.reshape(count, frames, *rest)
    return value.reshape(frames, count, *rest).transpose(0, 1)


def _pooled(rows: Tensor, pool: str) -> Tensor:
    """(N, T, ...) -> (N, ...)"""
    if pool == "mean":
        return rows.mean(1)
    if pool == "max":
        return torch.amax(rows, 1)
    return rows[:, 0] if pool == "first" else rows[:, -1]


def _remedy(value: Tensor, count: int) -> str:
    """What to write."""
    axes = [k for k in range(1, value.ndim) if value.ndim > 2 and value.shape[k] == count]
    written = [f"Write Encoder(..., batch_axis={axis}) if axis {axis} is." for axis in axes]
    if count and len(value) % count == 0 and len(value) > count:
        written.append(
            f"Where {len(value) // count} frames of each sample were folded into it, write "
            "Encoder(..., folded='NT') if a sample's frames follow each other, or folded='TN' if "
            "all samples' first frames come first; and pool='mean' for the mean over them."
        )
    if written:
        return " ".join(written)
    return (
        "Name an encoder that gives a row for each sample, give its axis by "
        "Encoder(..., batch_axis=...), and give loss() one label a sample."
    )


def named_module(modality: str, module: nn.Module | None) -> nn.Module:
    """The module of an encoder whose features are replaced. Raises BalanceError without one."""
    if module is None:
        raise BalanceError(
            f"Modality {modality!r} is named by its parameters, not by a module, so its "
            "features cannot be replaced. Name an encoder module, or use InputAblation(...)."
        )
    return module


def replaced_call(modality: str, encoder: Encoder) -> int:
    """Number of the call whose output is replaced; -1 for every call."""
    if isinstance(encoder.calls, str) or encoder.pool is not None:
        made = f"the {encoder.calls} of several calls"
        made = made if encoder.pool is None else f"pooled by {encoder.pool!r}"
        raise BalanceError(
            f"Ablation(...) cannot replace the features of {modality!r}, which are "
            f"{made}. Use InputAblation(...), or leave pool out."
        )
    return -1 if encoder.calls is None else encoder.calls


def one_of_calls(modality: str, encoder: Encoder, values: list[Tensor], count: int) -> Tensor:
    """The features of an encoder that ran ``count`` times. Raises BalanceError."""
    calls = encoder.calls
    if calls is None and count > 1:
        raise BalanceError(
            f"The encoder of {modality!r} ran {count} times in one forward pass; say which "
            f"call holds its features: Encoder(..., calls=0), calls='mean' or calls='cat'."
        )
    if calls == "mean":
        return torch.stack(values).mean(0)
    return torch.cat(values, dim=-1) if calls == "cat" else values[0]
