"""Weights of an encoder as :class:`~equimodal.methods.inforeg.InfoReg` pulls them."""

import torch
from torch import Tensor

from equimodal.balancing.step import Step
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.sharding import local


def as_one(modalities: ModalityMap, modality: str) -> Tensor:
    """All of an encoder's weights, of a sharded one this rank's, as one vector. -> (P,)"""
    return torch.cat([local(p).flatten() for p in modalities.parameters(modality).values()])


@torch.no_grad()
def pull(step: Step, modality: str, strength: Tensor, before: Tensor) -> None:
    """Move an encoder's weights towards those of before, by the rates of its optimizer. (), (P,)"""
    rates = {p: g["lr"] for o in step.optimizers for g in o.param_groups for p in g["params"]}
    own = list(step.modalities.parameters(modality).values())
    sizes = [local(p).numel() for p in own]
    for parameter, goal in zip(own, torch.split(before, sizes), strict=True):
        mine = local(parameter.detach())
        factor = (strength.double() * rates.get(parameter, 0.0)).to(mine)
        mine.sub_(factor * (mine - goal.view_as(mine)))
