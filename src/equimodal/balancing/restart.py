"""Whether a saved balancer belongs to this one."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from equimodal.errors import BalanceError

_SAME = ("format", "method", "config", "modalities", "objective", "on")


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A method's arguments as a checkpoint keeps them: tuples as lists, of every part."""
    return {k: _plain(v) for k, v in config.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    return list(value) if isinstance(value, tuple) else value


def check_state(state: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Refuse the state of another balancer.

    Raises:
        BalanceError: written by another method, other arguments or other modalities, or with
            weights of other shapes, such as the shards of another number of ranks.
    """
    for key in _SAME:
        if state.get(key) != mine[key]:
            raise BalanceError(
                f"The checkpoint was written with {key} {state.get(key)!r}; this run has "
                f"{mine[key]!r}. Build the same balancer, or start afresh."
            )
    found, wanted = (dict(_shapes(s["constants"] or {})) for s in (state, mine))
    other = next((n for n in found if found[n] != wanted.get(n)), None)
    if other:
        raise BalanceError(
            f"The checkpoint holds the initial weight {other!r} of shape {found[other]}; this run "
            f"has {wanted.get(other)}. Build the same model on as many ranks, or save with "
            "state_dict(constants=False)."
        )


def _shapes(constants: Mapping[str, Any], prefix: str = "") -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of all tensors in nested mappings."""
    found = []
    for name, value in constants.items():
        if isinstance(value, Tensor):
            found.append((prefix + name, tuple(value.shape)))
        else:
            found += _shapes(value, f"{prefix}{name}: ")
    return found
