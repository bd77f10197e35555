"""Whose hooks a model carries: one balancer a model."""

import sys
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from equimodal.balancing.networks.teachers import Teachers
from equimodal.balancing.readouts import Readout
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap, unwrap
from equimodal.parts.selection import Encoder

if TYPE_CHECKING:
    from equimodal.balancing.balancer import Balancer

_BALANCERS: "weakref.WeakKeyDictionary[nn.Module, weakref.ref[Balancer]]"
_BALANCERS = weakref.WeakKeyDictionary()


def bind(
    balancer: "Balancer",
    model: nn.Module,
    encoders: Mapping[str, str | nn.Module | Encoder],
    readout: Readout | None,
    teachers: Mapping[str, Any] | None,
) -> ModalityMap:
    """The model's parts, its hooks owned by ``balancer`` and gone with it.

    Raises:
        BalanceError: another balancer owns the model.
    """
    inner = unwrap(model)
    owner = _BALANCERS.get(inner)
    alive = owner() if owner else None
    if alive is not None:
        raise BalanceError(
            f"{type(inner).__name__} already has a balancer "
            f"({type(alive.setting.method).__name__}), and two would each act on the same "
            "gradients: combine methods as "
            "methods.create('one~other'), or call detach() on the first."
        )
    modalities = ModalityMap(inner, encoders)
    try:
        if teachers is not None:
            modalities.teachers = Teachers(modalities, teachers)
        if readout is not None:
            readout.attach(modalities)
    except Exception:
        modalities.record.remove()
        raise
    _BALANCERS[inner] = weakref.ref(balancer)
    if "torch._dynamo" in sys.modules:
        # PyTorch does not look at hooks again: code that was compiled for another balancer's model
        # of this class, or for this model before it had one, would run with that one's hooks.
        torch.compiler.reset()
    weakref.finalize(balancer, modalities.record.remove)
    return modalities


def release(balancer: "Balancer", modalities: ModalityMap) -> None:
    """Take the hooks off the model of ``balancer``; it may have another one then."""
    modalities.record.remove()
    owner = _BALANCERS.get(modalities.model)
    if owner is not None and owner() is balancer:
        del _BALANCERS[modalities.model]
