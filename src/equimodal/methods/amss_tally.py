"""What AMSS did in an epoch: summed on the device in the step, read at the epoch's end."""

import warnings

import torch
from torch import Tensor

from equimodal.parts.unit_table import UnitTable

_FEW_STEPS = 10
"""An epoch of fewer steps says little about the clamp."""


class AmssTally:
    """Sums over the steps of one epoch, or of what is left of it after a restart.

    A step adds to one tensor and keeps one: small operations are what it costs on a GPU.
    """

    def __init__(self) -> None:
        self._layers: Tensor | None = None
        self._zeros: Tensor | None = None
        self._untouched: Tensor | None = None
        self._caps = False
        self._shares: list[Tensor] = []
        self._clamp = (0.0, 1.0)

    def saw_masks(
        self,
        importance: Tensor,
        reached: Tensor,
        *,
        totals: Tensor,
        finite: Tensor,
        capped: Tensor | None = None,
    ) -> None:
        """One step's squared gradients and what the mask lets through. (L, W), (L, W)

        Args:
            importance: summed squared gradient of every unit.
            reached: factor on the squared gradient of every unit, in [0, 1].
            totals: (L,) importance of every layer.
            finite: (L,) whether a layer's gradient is; the others were left untouched.
            capped: (L,) weights that were cut, where weights have a cap.
        """
        if self._zeros is None or self._untouched is None:
            self._zeros = torch.zeros_like(totals)
            self._untouched = totals.new_tensor([0.0, 0.0, 1.0, 0.0])[:, None]
        passed = (importance * reached).sum(1)
        cut = self._zeros if capped is None else capped.to(totals)
        seen = torch.stack([totals, passed, self._zeros, cut])
        seen = torch.where(finite, seen, self._untouched)
        self._layers = seen if self._layers is None else self._layers + seen
        self._caps = capped is not None

    def saw_shares(self, fractions: Tensor, low: float, high: float) -> None:
        """One step's share of units of every modality, clamped to [low, high]. (M,)"""
        self._shares.append(fractions)
        self._clamp = low, high

    def records(self, table: UnitTable, modalities: int) -> dict[str, Tensor]:
        """Counts and shares by name. -> {name: (modalities,)}"""
        found = {}
        if self._layers is not None:
            sums = [table.by_modality(layers, modalities) for layers in self._layers]
            squares, passed, found["untouched_layers"], capped = sums
            found["passed"] = passed / squares
            if self._caps:
                found["capped_weights"] = capped
        if self._shares:
            at_low, at_high = self._at_clamp()
            found["at_clamp"] = (at_low | at_high).sum(0) / len(self._shares)
        return found

    def switched(self) -> bool:
        """Whether in most steps all shares sat at the clamp, one of them at its lower end."""
        if len(self._shares) < _FEW_STEPS or self._clamp[0] >= self._clamp[1]:
            return False
        at_low, at_high = self._at_clamp()
        # All at the largest share are many equal modalities, and no switch.
        switched = (at_low | at_high).all(1) & at_low.any(1)
        return int(switched.sum()) > len(self._shares) / 2

    def _at_clamp(self) -> tuple[Tensor, Tensor]:
        """Whether shares were the least, and the largest. -> (steps, M), (steps, M)"""
        shares = torch.stack(self._shares)
        return shares <= self._clamp[0], shares >= self._clamp[1]


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
