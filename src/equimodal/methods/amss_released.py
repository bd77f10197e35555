"""The update fractions of the three released AMSS scripts, with their guards and constants.

They differ from each other and from the reference; ``docs/methods/amss.md`` says how. Written from
a description of the formulas.
"""

import math

import torch
from torch import Tensor

RELEASED = ("av", "it", "nv")


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
