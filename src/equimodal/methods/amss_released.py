"""What only replays the three released AMSS scripts, their guards and constants included.

The formulas differ from each other and from the reference; ``docs/methods/amss.md`` says how.
Written from a description of the formulas.
"""

import math
import re
from dataclasses import dataclass

import torch
from torch import Tensor

from equimodal.balancing.task import Task
from equimodal.checks import require_choice, require_number
from equimodal.errors import BalanceError

RELEASED = ("av", "it", "nv")
_WEIGHTINGS = ("none", "unbiased", "official", "scaled")
_PRESETS = {"all": ".*", "official_av": r".*layer.*conv.*"}


@dataclass(frozen=True)
class AMSSReleased:
    """What :class:`~equimodal.methods.amss.AMSS` takes from the scripts where it is told to.

    With ``AMSSReleased("reference", "weak", "none", 0)`` that is nothing.

    Args:
        significance: the script whose formulas give the shares, or "reference".
        direction: "strong" exchanges who gets more units.
        weighting: "official" or "scaled"; any other is AMSS's own.
        bias: of "official", >= 0.

    Raises:
        BalanceError: an argument out of range.
    """

    significance: str
    direction: str
    weighting: str
    bias: float

    def __post_init__(self) -> None:
        require_choice("AMSS weighting", self.weighting, _WEIGHTINGS)
        require_choice("AMSS significance", self.significance, ("reference", *RELEASED))
        require_choice("AMSS direction", self.direction, ("weak", "strong"))
        require_number("AMSS bias", self.bias, low=0)

    @property
    def script(self) -> bool:
        """Whether a script's formulas give significance and shares."""
        return self.significance in RELEASED

    @property
    def reads_features(self) -> bool:
        """Whether the significance divides by the features' entropy."""
        return self.significance != "it"

    @property
    def weights(self) -> bool:
        """Whether drawn units are weighted as a script does."""
        return self.weighting in ("official", "scaled")

    def unsuited(self, task: Task) -> str:
        """The scripts' formulas read one class a sample."""
        if self.script and "classes" in task.lacks:
            return f"significance={self.significance!r} reads one class a sample; use 'reference'"
        return ""

    def towards(self, significance: Tensor) -> Tensor:
        """The significance, or its negative where the direction is exchanged. (M,) -> (M,)"""
        return significance if self.direction == "weak" else -significance

    def fractions(
        self,
        label_counts: Tensor,
        cross_entropy: Tensor,
        feature_entropy: Tensor,
        *,
        tau: float,
        clamp: tuple[float, float],
    ) -> tuple[Tensor, Tensor]:
        """:func:`released_fractions` of its script. (C,), (M,), (M,) -> (M,), (M,)"""
        return released_fractions(
            self.significance, label_counts, cross_entropy, feature_entropy, tau=tau, clamp=clamp,
            strong=self.direction == "strong",
        )  # fmt: skip

    def weighted(self, masks: Tensor, probabilities: Tensor, sizes: Tensor) -> Tensor:
        """The released weights of drawn units. (L, W), (L, W), (L,) -> (L, W)"""
        units = sizes[:, None].to(probabilities)
        if self.weighting == "official":
            return masks / (probabilities + 1 / units + self.bias)
        return masks / (units * probabilities + 1)


def unit_pattern(units: str) -> re.Pattern[str]:
    """Names of layers whose units may be masked: a preset, or a regular expression.

    Raises:
        BalanceError: it is neither.
    """
    try:
        return re.compile(_PRESETS.get(units, units))
    except (re.error, TypeError) as problem:
        raise BalanceError(
            "AMSS units must be 'all', 'official_av' or a regular expression; found "
            f"{units!r}: {problem}."
        ) from None


def released_fractions(
    script: str,
    label_counts: Tensor,
    cross_entropy: Tensor,
    feature_entropy: Tensor,
    *,
    tau: float,
    clamp: tuple[float, float],
    strong: bool,
) -> tuple[Tensor, Tensor]:
    """Significance and fractions of one batch. (C,), (M,), (M,) -> (M,), (M,)

    Args:
        script: "av" (audio, video), "it" (image, text) or "nv" (RGB, flow, depth).
        label_counts: of the batch.
        cross_entropy: mean CE of every modality, nats.
        feature_entropy: mean entropy of softmax(z) of every modality, nats.
        tau: temperature.
        clamp: least and largest share.
        strong: exchange the direction.
    """
    frequencies = label_counts / label_counts.sum()
    entropy = torch.special.entr(frequencies).sum()
    bits = entropy / math.log(2)
    if script == "av":
        numerator = _confused_entropy(frequencies) - cross_entropy + 0.5
        rho, guard = numerator / feature_entropy, numerator
    elif script == "it":
        rho = bits - cross_entropy
        guard = rho + 0.5
    else:
        batch = label_counts.sum()
        rho = (bits - cross_entropy + 3) / (batch * feature_entropy / math.log(2) / 40)
        guard = bits - cross_entropy + 2
    share = 1 - torch.softmax((-rho if strong else rho) / tau, dim=0)
    share = share.clamp(clamp[0], clamp[1])
    sound = (guard > 0).all() & torch.isfinite(share).all()
    return rho, torch.where(sound, share, 0.5)


def _confused_entropy(frequencies: Tensor) -> Tensor:
    """CE(q, q), the frequencies q taken for logits: no entropy unless q is uniform. (C,) -> ()

    The released histogram ends with the highest label of the batch: classes above it are no terms
    of its softmax, while absent ones below it are.
    """
    up_to_the_highest = frequencies.flip(0).cumsum(0).flip(0) > 0
    logits = frequencies.masked_fill(~up_to_the_highest, -torch.inf)
    return logits.logsumexp(0) - frequencies.square().sum()
