"""What AMSS did in an epoch: summed on the device in the step, read at the epoch's end."""

import warnings

import torch
from torch import Tensor

from equimodal.parts.unit_table import UnitTable

_FEW_STEPS = 10
"""An epoch of fewer steps says little about the clamp."""


class AmssTally:
    """Sums over the steps of one epoch, or of what is left of it after a restart."""

    def __init__(self) -> None:
        self._layers: dict[str, Tensor] = {}
        self._steps = 0
        # Steps at the clamp by modality, and behind them those with every share there.
        self._clamped: Tensor | None = None

    def add(self, name: str, layers: Tensor) -> None:
        """Add one step's value of every layer. (L,)"""
        known = self._layers.get(name)
        self._layers[name] = layers if known is None else known + layers

    def saw_masks(self, importance: Tensor, reached: Tensor, finite: Tensor) -> None:
        """One step's squared gradients and what the mask lets through. (L, W), (L, W), (L,)

        Args:
            importance: summed squared gradient of every unit.
            reached: factor on the squared gradient of every unit, in [0, 1].
            finite: whether a layer's gradient is; the others were left untouched.
        """
        squares = torch.where(finite[:, None], importance, 0.0)
        self.add("untouched_layers", (~finite).long())
        self.add("squares", squares.sum(1))
        self.add("passed", (squares * reached).sum(1))

    def saw_shares(self, fractions: Tensor, low: float, high: float) -> None:
        """One step's share of units of every modality, clamped to [low, high]. (M,)"""
        at_low = fractions <= low
        at_clamp = at_low | (fractions >= high)
        # All at the largest share are many equal modalities, and no switch.
        switched = at_clamp.all() & at_low.any() & (low < high)
        seen = torch.cat([at_clamp, switched[None]])
        self._clamped = seen.long() if self._clamped is None else self._clamped + seen
        self._steps += 1

    def records(self, table: UnitTable, modalities: int) -> dict[str, Tensor]:
        """Counts and shares by name. -> {name: (modalities,)}"""
        found = {n: table.by_modality(v, modalities) for n, v in self._layers.items()}
        if "passed" in found:
            found["passed"] = found["passed"] / found.pop("squares")
        if self._clamped is not None:
            found["at_clamp"] = self._clamped[:-1] / self._steps
        return found

    def switched(self) -> bool:
        """Whether in most steps all shares sat at the clamp, one of them at its lower end."""
        if self._clamped is None or self._steps < _FEW_STEPS:
            return False
        return int(self._clamped[-1]) > self._steps / 2


def warn_of_switch(tau: float, *, features: bool) -> None:
    """Warn that the shares jump between the ends of the clamp; ``features`` drive them or not."""
    remedy = "raise tau"
    if features:
        remedy += ", or normalise the features, whose scale drives the significance"
    warnings.warn(
        "AMSS: the shares of all modalities sat at the clamp in most steps of an epoch, so "
        f"tau={tau} is a hard switch between the least and the largest share: {remedy}.",
        stacklevel=5,
    )
