"""How a batch is run, and which part of it is what."""

import inspect
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, default_collate

from equimodal.balancing.method import Method
from equimodal.errors import BalanceError
from equimodal.parts.modalities import unwrap
from equimodal.parts.presence import rows_present
from equimodal.parts.quiet import kept_streams

if TYPE_CHECKING:
    from equimodal.balancing.setting import Setting

Forward = Callable[[nn.Module, Any], tuple[Any, ...]]
"""``forward(model, batch) -> (output, target)``, or ``(output, target, present)``."""


def default_forward(model: nn.Module, batch: Any) -> tuple[Any, Any]:
    """Of batches ``(*inputs, target)``, of items ``({modality: x}, label, index)``, and of mappings
    that hold ``labels`` beside what the model takes by name.

    Raises:
        BalanceError: another batch, or one that could be read in two ways.
    """
    args, kwargs, target = arguments_of(model, batch)
    return model(*args, **kwargs), target


def arguments_of(model: nn.Module, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """Arguments of the model and target in a batch. Raises BalanceError where that is unclear."""
    taken = inspect.signature(unwrap(model).forward).parameters.values()
    if isinstance(batch, Mapping):
        return _of_mapping(batch, taken)
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise _unclear(
            f"a batch of type {type(batch).__name__}, and no (*inputs, target), nor a mapping with "
            "'labels'"
        )
    first, several = batch[0], tuple(batch[:-1])
    if len(batch) == 2:
        return *_inputs(first, taken), batch[1]
    if _take(taken, len(several)) and not _take(taken, 1):
        return several, {}, batch[-1]
    if isinstance(first, Mapping) or not _take(taken, len(several)):
        return (first,), {}, batch[1]
    raise _unclear(f"a batch of {len(batch)} parts, and a model that takes one or more of them")


def _inputs(
    first: Any, taken: Collection[inspect.Parameter]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """All inputs in one place: as they are, or one by one where the model takes no single one."""
    if _take(taken, 1):
        return (first,), {}
    if isinstance(first, (tuple, list)) and _take(taken, len(first)):
        return tuple(first), {}
    if isinstance(first, Mapping) and set(first) <= {p.name for p in taken}:
        return (), dict(first)
    raise _unclear(f"inputs of type {type(first).__name__}, and a model that takes several")


def check_readable(
    method: Method, forward: Forward, model: nn.Module, loaders: Mapping[str, Any]
) -> None:
    """Refuse loaders of the method whose batches the default ``forward`` cannot read, as far as a
    list or a data set shows one. Raises BalanceError."""
    read = [split for split in loaders if f"{split}_loader" in method.needs]
    for loader in [loaders[split] for split in read if forward is default_forward]:
        with kept_streams(model), kept_draws():
            batch = _shown(loader)
        if batch is not None:
            arguments_of(model, batch)


def _shown(loader: Any) -> Any:
    """A batch, or an item of the same form; None where there is none to see without reading on."""
    rows = loader
    if isinstance(loader, DataLoader):
        rows = loader.dataset if loader.collate_fn is default_collate else None
    if not isinstance(rows, (list, tuple, Dataset)):
        return None
    try:
        return rows[0]
    except Exception:  # the data set's own trouble is told where it is read
        return None


@contextmanager
def kept_draws() -> Iterator[None]:
    """Afterwards the random streams of Python and of NumPy are as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _of_mapping(
    batch: Mapping[Any, Any], taken: Collection[inspect.Parameter]
) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """By name where the model takes every name, else the mapping as one input."""
    if "labels" not in batch:
        raise _unclear(f"a mapping of {list(batch)} without 'labels'")
    inputs = {key: value for key, value in batch.items() if key != "labels"}
    any_name = any(p.kind is p.VAR_KEYWORD for p in taken)
    names = {p.name for p in taken if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    unknown = [key for key in inputs if key not in names]
    if not unknown or (any_name and all(isinstance(key, str) for key in inputs)):
        return (), inputs, batch["labels"]
    if len(unknown) == len(inputs) and _take(taken, 1):
        return (inputs,), {}, batch["labels"]
    raise _unclear(f"a mapping with {unknown}, which the model does not take by name")


def _take(taken: Collection[inspect.Parameter], count: int) -> bool:
    """Whether so many inputs by position are a call."""
    places = [p for p in taken if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in places)
    return needed <= count and (
        count <= len(places) or any(p.kind is p.VAR_POSITIONAL for p in taken)
    )


def _unclear(found: str) -> BalanceError:
    return BalanceError(
        f"The balancer does not know how to run a batch; found {found}. Pass forward=lambda model, "
        "batch: (model(...), target) that says which part is which."
    )


def predicted(
    setting: "Setting", output: Any, present: Tensor | None, name: str | int | None
) -> Tensor | None:
    """What the method predicts of one output of the model, if it holds logits. -> (N, ..., C)

    Raises:
        BalanceError: a rule of the method's own is asked for in training.
    """
    method, record = setting.method, setting.modalities.record
    logits = setting.fused(output, name)
    if logits is None or not method.has_stage("predict"):
        return logits
    if torch.is_grad_enabled():
        raise BalanceError(
            f"{type(method).__name__} predicts by a rule of its own, from what the encoders gave: "
            "call predict() in evaluation, under torch.no_grad()."
        )
    features = record.take_features(output, logits)
    with record.autocast():
        own = setting.unimodal_logits(features)
    record.forget_call()
    names = setting.modalities.names
    if rows_present(present, len(logits), names) is None:
        return method.predict({m: own[m] for m in names}, logits)
    assert present is not None
    found = logits.clone()
    for kind in set(map(tuple, present.tolist())):
        same = (present == present.new_tensor(kind)).all(1)
        rows = same.nonzero().squeeze(1).to(logits.device)
        held = {m: own[m][rows] for m, there in zip(names, kind, strict=True) if there}
        found[rows] = method.predict(held, logits[rows]).to(found.dtype)
    return found


def run(forward: Forward, model: nn.Module, batch: Any) -> tuple[Any, Any, Any]:
    """Output, target and present, None where it is not told, of the user's ``forward``."""
    found = forward(model, batch)
    if not isinstance(found, (tuple, list)) or len(found) not in (2, 3):
        what = f"{len(found)} values" if isinstance(found, (tuple, list)) else type(found).__name__
        raise BalanceError(
            "forward(model, batch) must return (output, target), or (output, target, present); "
            f"found {what}."
        )
    output, target, *present = found
    return output, target, present[0] if present else None
