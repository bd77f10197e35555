"""The heads of an attention layer: which entries of its projections belong to which head.

===========================================  ====================================================
attention                                    a head
===========================================  ====================================================
``nn.MultiheadAttention``                    its rows of query, key and value
three layers (BERT, ViT, Llama, T5, ...)     its rows of query, key and value; heads that share a
                                             key and a value head are one together
``qkv``, ``Wqkv`` (BLIP, SAM, ModernBERT)    its rows in three stacked blocks
``query_key_value`` (GPT-NeoX, BLOOM)        one block of rows that holds all three
Hugging Face ``Conv1D`` (GPT-2)              its columns in three stacked blocks
===========================================  ====================================================

Where all query heads share one key and value head, only the query heads are listed. Attention whose
sizes do not fit is not recognised, so that its layers are plain rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import Parameter

_SEPARATE = (
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("q_lin", "k_lin", "v_lin"),
    ("q", "k", "v"),
    ("query_proj", "key_proj", "value_proj"),
    ("linear_q", "linear_k", "linear_v"),
)
_STACKED = ("qkv", "Wqkv")
_INTERLEAVED = ("query_key_value",)
_COUNTS = ("num_attention_heads", "num_heads", "n_heads", "n_head")
_SIZES = ("head_dim", "attention_head_size", "head_size")

View = tuple[Parameter, tuple[int, ...], int]
"""A weight, the shape to view it in, and the axis along which its heads then lie."""


@dataclass(frozen=True)
class Heads:
    """``count`` heads, the weights that hold them, and the layers whose weights these are."""

    count: int
    views: tuple[View, ...]
    layers: Sequence[str]


def find_heads(module: nn.Module) -> Heads | None:
    """The heads of an attention layer; None where ``module`` is none that is known."""
    if isinstance(module, nn.MultiheadAttention):
        return _torch(module)
    count = _number(module, _COUNTS) or _number(getattr(module, "config", None), _COUNTS)
    if not count:
        return None
    size = _number(module, _SIZES)
    return _separate(module, count, size) or _rows(module, count, size) or _columns(module, count)


def by_columns(module: nn.Module) -> bool:
    """Whether a layer is Hugging Face's ``Conv1D``, whose weight is (in, out), sharded or not."""
    return any(kind.__name__ == "Conv1D" for kind in type(module).__mro__)


def _torch(module: nn.MultiheadAttention) -> Heads:
    packed = module.in_proj_weight
    if packed is not None:
        return Heads(module.num_heads, (_stacked(packed, 3, module.num_heads),), ())
    weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    return Heads(module.num_heads, tuple(_stacked(w, 1, module.num_heads) for w in weights), ())


def _separate(module: nn.Module, count: int, size: int) -> Heads | None:
    """Three linear layers."""
    for names in _SEPARATE:
        weights = [w for n in names if (w := _weight(module, n, nn.Linear)) is not None]
        if len(weights) < 3:
            continue
        query, key, value = (len(w) for w in weights)
        groups = key * count // query
        if size not in (0, query // count) or query % count or key * count % query:
            return None
        if groups == 1 < count:
            return Heads(count, (_stacked(weights[0], 1, count),), names[:1])
        if not groups or count % groups or value % groups:
            return None
        return Heads(groups, tuple(_stacked(w, 1, groups) for w in weights), names)
    return None


def _rows(module: nn.Module, count: int, size: int) -> Heads | None:
    """One linear layer for query, key and value, where each has all heads."""
    for name in (*_STACKED, *_INTERLEAVED):
        weight = _weight(module, name, nn.Linear)
        if weight is None or len(weight) != 3 * count * (size or weight.shape[1] // count):
            continue
        if name in _STACKED:
            return Heads(count, (_stacked(weight, 3, count),), (name,))
        shape = (count, len(weight) // count, weight.shape[1])
        return Heads(count, ((weight, shape, 0),), (name,))
    return None


def _columns(module: nn.Module, count: int) -> Heads | None:
    """GPT-2: query, key and value in one layer, or key and value in one and query in another."""
    packed, query = _weight(module, "c_attn"), _weight(module, "q_attn")
    if packed is None or not by_columns(module.get_submodule("c_attn")):
        return None
    copies, rest = divmod(packed.shape[1], packed.shape[0])
    if rest or packed.shape[0] % count or copies != (3 if query is None else 2):
        return None
    weights = {"c_attn": packed} if query is None else {"c_attn": packed, "q_attn": query}
    size = packed.shape[0] // count
    views = [(w, (len(w), w.shape[1] // (count * size), count, size), 2) for w in weights.values()]
    return Heads(count, tuple(views), tuple(weights))


def _stacked(weight: Parameter, blocks: int, heads: int) -> View:
    """Rows of ``blocks`` projections, each grouped by head: (blocks * heads * d, in)."""
    size = weight.shape[0] // (blocks * heads)
    return weight, (blocks, heads, size, weight.shape[1]), 1


def _weight(module: nn.Module, name: str, kind: type[nn.Module] = nn.Module) -> Parameter | None:
    layer = getattr(module, name, None)
    weight: Any = layer.weight if isinstance(layer, kind) and hasattr(layer, "weight") else None
    return weight if isinstance(weight, Parameter) else None


def _number(owner: object, names: Sequence[str]) -> int:
    """The first of the attributes that is a whole number; 0 where there is none."""
    found = (getattr(owner, name, None) for name in names)
    return next((n for n in found if isinstance(n, int) and not isinstance(n, Tensor)), 0)
