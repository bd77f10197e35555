"""Networks that are trained beside the model: a method's own, and the heads of a readout."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from equimodal.errors import BalanceError
from equimodal.parts.distributed import broadcast_from_first, sum_over_ranks, world_size

Weights = dict[str, Tensor]


@dataclass
class TrainedNetworks:
    """Networks that no optimizer has of itself, as they are no part of the model.

    Args:
        own: what the method made, or None.
        heads: the readout, where it is trained, or None.
    """

    own: nn.Module | None = None
    heads: nn.Module | None = None
    _equal: bool = field(default=False, repr=False)
    _checked: bool = field(default=False, repr=False)

    def parameters(self) -> Iterator[Parameter]:
        """All of them, the method's first."""
        for network in self._all():
            yield from network.parameters()

    @torch.no_grad()
    def follow(self, features: Mapping[str, Tensor], *, begins: bool) -> None:
        """Before a loss: what the method made goes to the device of the features, and the first
        time all ranks take the weights of the first. Gradients of an earlier update go where one
        ``begins``: a host that clears those of the model alone has left them."""
        for parameter in self.parameters() if begins else ():
            parameter.grad = None
        first, given = next(self.parameters(), None), next(iter(features.values()), None)
        elsewhere = first is not None and given is not None and first.device != given.device
        if self.own is not None and given is not None and elsewhere:
            self.own.to(given.device)
        if not self._equal and world_size() > 1:
            for network in self._all():
                for value in network.state_dict().values():
                    value.copy_(broadcast_from_first(value, value.device))
        self._equal = True

    @torch.no_grad()
    def average(self) -> None:
        """Average the gradients over the ranks, as DDP does those of the model.

        One that another rank has counts as zero where it is absent; one that none has stays so.
        """
        mine = [p for p in self.parameters() if p.requires_grad]
        if not mine or world_size() == 1:
            return
        there = mine[0].new_tensor([p.grad is not None for p in mine])
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in mine]
        total = sum_over_ranks(torch.cat([there, *(g.flatten() for g in grads)]))
        held, *parts = torch.split(total, [len(mine), *(p.numel() for p in mine)])
        for place, (parameter, part) in enumerate(zip(mine, parts, strict=True)):
            # Only a rank that lacks a gradient has to ask whether another has it.
            if parameter.grad is not None or bool(held[place]):
                mean = (part / world_size()).view_as(parameter)
                parameter.grad = mean.to(parameter.dtype)

    def require_held(self, name: str, optimizers: Sequence[Optimizer]) -> None:
        """Refuse a method whose own network no known optimizer holds; warn of a readout's heads.

        Args:
            name: of the method.
            optimizers: those that the balancer knows.
        """
        if self._checked:
            return
        self._checked = self.heads is None or bool(optimizers)
        if self.own is not None and not _held(self.own, optimizers):
            raise BalanceError(
                f"{name} trains a network of its own beside the model, and no optimizer that the "
                "balancer knows holds it: make the optimizer of [*model.parameters(), "
                "*balancer.parameters()], or write optimizer.add_param_group({'params': "
                "list(balancer.parameters())}), and call balancer.attach(optimizer)."
            )
        if self.heads is not None and optimizers and not _held(self.heads, optimizers):
            warnings.warn(
                f"No optimizer that the balancer knows holds the parameters of "
                f"{type(self.heads).__name__}, which would stay as they are: give it "
                "balancer.parameters() beside model.parameters(), or make theirs known by "
                "balancer.attach(optimizer).",
                stacklevel=4,
            )

    def state_dict(self) -> dict[str, Weights | None]:
        """Copies of all weights, of the ``networks`` and of the ``readout``."""
        return {"networks": _copied(self.own), "readout": _copied(self.heads)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; what is None there stays as it is."""
        for network, key in ((self.own, "networks"), (self.heads, "readout")):
            if network is not None and state.get(key) is not None:
                network.load_state_dict(state[key])

    def _all(self) -> list[nn.Module]:
        return [n for n in (self.own, self.heads) if n is not None]


def _held(network: nn.Module, optimizers: Sequence[Optimizer]) -> bool:
    """Whether optimizers hold all of its trained parameters."""
    held = {id(p) for o in optimizers for g in o.param_groups for p in g["params"]}
    return all(id(p) in held for p in network.parameters() if p.requires_grad)


def _copied(network: nn.Module | None) -> Weights | None:
    return None if network is None else {n: w.clone() for n, w in network.state_dict().items()}
