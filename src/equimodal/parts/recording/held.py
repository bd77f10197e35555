"""Which parameters a model has, asked once or more in every step."""

from itertools import chain
from operator import methodcaller
from typing import Any

from torch import nn
from torch.nn import Parameter

_VALUES = methodcaller("values")


class Held:
    """The parameters of a model, looked for anew once any module or parameter was changed.

    Args:
        model: the module.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._holders: list[Any] = []
        self._seen: tuple[int, ...] = ()
        self._parameters: tuple[int, ...] = ()

    def held(self) -> tuple[int, ...]:
        """The identities of its parameters."""
        if not self._holders or self._numbers() != self._seen:
            modules = list(self._model.modules())
            self._holders = [d for x in modules for d in (x._parameters, x._modules)]
            self._seen = self._numbers()
            self._parameters = tuple(id(p) for x in modules for p in x._parameters.values())
        return self._parameters

    def _numbers(self) -> tuple[int, ...]:
        """Identities of all that the modules hold, without a loop in Python."""
        return tuple(map(id, chain.from_iterable(map(_VALUES, self._holders))))


def first_parameter(model: nn.Module) -> Parameter | None:
    """``next(model.parameters(), None)``, without the names that it makes of all."""
    for parameter in model._parameters.values():
        if parameter is not None:
            return parameter
    for module in model._modules.values():
        found = None if module is None else first_parameter(module)
        if found is not None:
            return found
    return None
