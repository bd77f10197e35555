"""What is saved of a balancer, and whether what was saved belongs to this one."""

from collections.abc import Mapping
from dataclasses import fields
from inspect import signature
from typing import Any

from torch import Tensor

from equimodal.balancing.epochs.blocks import Block
from equimodal.balancing.method import Method
from equimodal.balancing.networks.trained import TrainedNetworks
from equimodal.balancing.setting import Setting
from equimodal.checks import is_whole
from equimodal.errors import LONGEST_VALUE, BalanceError, bounded, quoted

_ABSENT = object()
_BLOCK = {f.name for f in fields(Block)}
_SAME = ("format", "method", "config", "modalities", "objective", "on")


def saved(setting: Setting, counted: Mapping[str, Any], *, constants: bool) -> dict[str, Any]:
    """The state of a balancer, without its large ``constants`` if not asked for.

    Args:
        setting: of the balancer.
        counted: how far it is.
        constants: whether with what is fixed from the start.
    """
    method = setting.method
    return {
        "format": 1,
        **counted,
        "seed": setting.seed,
        "method": type(method).__name__,
        "config": plain(method.config()),
        "modalities": list(setting.modalities.names),
        "objective": setting.objective,
        "on": setting.on,
        "state": method.state_dict(),
        "snapshots": method.snapshots,
        "constants": method.constants if constants else None,
        "teachers": teachers.digests() if (teachers := setting.modalities.teachers) else None,
        **setting.networks.state_dict(),
    }


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A method's arguments as a checkpoint keeps them: tuples as lists, of every part."""
    return {k: _plain(v) for k, v in config.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    return list(value) if isinstance(value, tuple) else value


def check_state(state: Mapping[str, Any], mine: Mapping[str, Any], *, given: type[Method]) -> None:
    """Refuse the state of another balancer, whose method is one of the class ``given``.

    Raises:
        BalanceError: written by another method, other arguments or other modalities, or with
            weights of other shapes, such as the shards of another number of ranks.
    """
    if not isinstance(state, Mapping):
        raise BalanceError(
            f"load_state_dict() takes what state_dict() gave, a mapping; found "
            f"{type(state).__name__}."
        )
    read = {**state, "config": _completed(state.get("config"), given)}
    for key in _SAME:
        if read.get(key) != mine[key]:
            raise BalanceError(
                f"The checkpoint was written with {key} {state.get(key)!r}; this run has "
                f"{mine[key]!r}. Build the same balancer, or start afresh."
            )
    if state.get("teachers") != mine["teachers"]:
        raise BalanceError(
            f"The checkpoint was written with teachers of the weights {state.get('teachers')}; "
            f"this run has {mine['teachers']}. Give the same teachers, or start afresh."
        )
    damaged = [key for key in mine if not _fits(key, state.get(key, _ABSENT), mine)]
    if damaged:
        shown = quoted(state.get(damaged[0], "nothing"))
        raise BalanceError(
            f"The checkpoint is damaged: its {damaged[0]} is {shown}. Load what state_dict() gave, "
            "as it was saved."
        )
    found, wanted = (dict(_shapes(s["constants"] or {})) for s in (state, mine))
    other = next((n for n in found if found[n] != wanted.get(n)), None)
    if other:
        raise BalanceError(
            f"The checkpoint holds the initial weight {other!r} of shape {found[other]}; this run "
            f"has {wanted.get(other)}. Build the same model on as many ranks, or save with "
            "state_dict(constants=False)."
        )


def _completed(config: Any, given: type[Method]) -> Any:
    """Arguments as an earlier version wrote them, with those that it had not at their defaults."""
    if not isinstance(config, Mapping):
        return config
    taken = signature(given).parameters.values()
    later = {p.name: p.default for p in taken if p.default is not p.empty and p.name not in config}
    return dict(config) | plain(later)


def _fits(key: str, value: Any, mine: Mapping[str, Any]) -> bool:
    """Whether an entry of a checkpoint is of the kind that a balancer writes."""
    if key in ("step", "epoch", "seed"):
        return is_whole(value) and (value >= 0 or key == "seed")
    if key == "begun":  # which earlier versions did not write
        return value is _ABSENT or (is_whole(value) and value >= -1)
    if key == "streams":
        return isinstance(value, Mapping) and all(
            m in mine["modalities"] and isinstance(p, (list, tuple)) and len(p) == 2
            and all(is_whole(n) and n >= 0 for n in p)
            for m, p in value.items()
        )  # fmt: skip
    if key == "items":
        return _fits_items(value, mine[key]["steps"])
    if key == "snapshots" and value is _ABSENT:  # which earlier versions did not write
        return True
    if key == "networks":  # which earlier versions did not write
        return isinstance(value, Mapping) if mine[key] is not None else value in (_ABSENT, None)
    if key in ("constants", "readout", "snapshots"):
        return value is None or isinstance(value, Mapping)
    return key != "state" or (isinstance(value, Mapping) and mine[key].keys() <= value.keys())


def _fits_items(value: Any, steps: str) -> bool:
    """Whether it holds the items of an epoch, listed for as many ``steps``."""
    if not isinstance(value, Mapping) or value.get("steps") != steps:
        return False
    if not (is_whole(value.get("taken")) and value["taken"] >= 0):
        return False
    blocks = value.get("blocks", _ABSENT)
    return blocks is None or (
        isinstance(blocks, (list, tuple))
        and all(isinstance(b, Mapping) and b.keys() == _BLOCK for b in blocks)
    )


def take_over(state: Mapping[str, Any], method: Method, networks: TrainedNetworks) -> None:
    """Give a method and what is trained beside the model what a checkpoint holds of them, or leave
    all as they were.

    Raises:
        BalanceError: one of them cannot read it.
    """
    before, constants, snapshots = method.state_dict(), method.constants, method.snapshots
    weights = networks.state_dict()
    try:
        method.load_state_dict(state["state"])
        method.snapshots = dict(state.get("snapshots") or {})
        if state["constants"] is not None:
            method.constants = dict(state["constants"])
        networks.load_state_dict(state)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        method.load_state_dict(before)
        method.constants, method.snapshots = constants, snapshots
        networks.load_state_dict(weights)
        said = bounded(f"{type(error).__name__}: {error}", LONGEST_VALUE)
        raise BalanceError(
            f"The checkpoint's state cannot be read by {type(method).__name__} or its readout "
            f"({said}). Load what state_dict() gave, as it was saved."
        ) from error


def _shapes(constants: Mapping[str, Any], prefix: str = "") -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of all tensors in nested mappings."""
    found = []
    for name, value in constants.items():
        if isinstance(value, Tensor):
            found.append((prefix + name, tuple(value.shape)))
        elif isinstance(value, Mapping):
            found += _shapes(value, f"{prefix}{name}: ")
    return found
