"""The autograd graph behind an output, and the steps in it that move rows of a batch."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

_NAMES = ("IndexSelect", "Gather", "Sort", "Split", "SplitWithSizes", "Topk", "Cat", "Unbind")
_BY_DIM = {f"{name}Backward" for name in _NAMES}
_BY_DIMS = {"FlipBackward", "RollBackward"}
_ALWAYS = {"TakeBackward", "MaskedSelectBackward"}


def metadata(node: Any) -> dict[Any, Any]:
    """What a node of the autograd graph carries as long as it lives."""
    found: dict[Any, Any] = node.metadata
    return found


def graph(roots: list[Tensor], *, until: Callable[[Any], Any]) -> Iterator[Any]:
    """Nodes of the autograd graph that made the roots; none behind those at which to stop."""
    yield from behind([t.grad_fn for t in roots if t.grad_fn is not None], until=until)


def behind(nodes: list[Any], *, until: Callable[[Any], Any]) -> Iterator[Any]:
    """These nodes and those behind them; none behind those at which to stop."""
    nodes, seen = list(nodes), set()
    while nodes:
        node = nodes.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        if until(node) is None:
            nodes += [n for n, _ in node.next_functions if n is not None]


def leads_to(root: Tensor, target: Tensor) -> bool:
    """Whether the autograd graph of a tensor leads to another one."""
    wanted = target.grad_fn
    return any(node is wanted for node in graph([root], until=lambda n: n is wanted or None))


def moves_rows(node: Any) -> bool:
    """Whether a node chose or moved rows, those along the first axis."""
    name = node.name().rstrip("0123456789")
    if name == "IndexBackward":
        return _indexes_rows(node._saved_indices)
    if name == "SliceBackward":
        return _is_first(node, node._saved_dim) and _cuts(node)
    if name in _BY_DIM:
        return _is_first(node, node._saved_dim)
    if name in _BY_DIMS:
        return not node._saved_dims or any(_is_first(node, dim) for dim in node._saved_dims)
    return name in _ALWAYS


def _is_first(node: Any, dim: int) -> bool:
    """Whether this is the first axis; one of two axes where a node does not say of how many."""
    axes = len(getattr(node, "_saved_self_sym_sizes", (0, 0)))
    return _signed(dim) in (0, -axes)


def _cuts(node: Any) -> bool:
    rows, start = node._saved_self_sym_sizes[0], _signed(node._saved_start)
    return bool(start not in (0, -rows) or node._saved_end < rows or node._saved_step != 1)


def _signed(number: int) -> int:
    """A number below 0, which the graph gives without its sign."""
    return number - 2**64 if number >= 2**63 else number


def _indexes_rows(indices: Any) -> bool:
    """Whether rows are indexed, but for a step or a class of each: ``x[arange(N), at]``."""
    first, *others = indices
    if first is None:
        return False
    if not any(index is not None for index in others) or first.dtype == torch.bool:
        return True
    return not torch.equal(first.flatten(), torch.arange(first.numel(), device=first.device))
