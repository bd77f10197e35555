"""Logits that are scaled cosines of features and class weights."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from equimodal.checks import require_choice, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened

LEAST = 1e-12
"""Shorter rows are divided by this length."""
NORMALISED = {"both": (True, True), "features": (True, False), "weights": (False, True)}
"""Whether rows of features and of weights are brought to length 1, by name."""


def cosine_logits(
    features: Tensor, weight: Tensor, *, scale: float = 10.0, normalise: str = "both"
) -> Tensor:
    r"""Scaled cosines of every row with every class: :math:`s\,\langle f_i, w_c\rangle /
    (\lVert f_i\rVert\,\lVert w_c\rVert)`, in [-s, s]. (N, D), (C, D) -> (N, C)

    A row of zeros has the logits 0 and no gradient. Half precision is widened to float32.

    Args:
        features: of one modality.
        weight: of every class for them.
        scale: s, above 0.
        normalise: "both"; "features" or "weights" alone, so that the other keeps its length.

    Raises:
        BalanceError: shapes that do not belong together, or a value out of its range.
    """
    require_tensor("features", features, axes="N,D", floating=True)
    require_tensor("weight", weight, axes="C,D", floating=True)
    if features.shape[1] != weight.shape[1]:
        raise BalanceError(
            "Features and weights must be as wide as each other; found "
            f"{tuple(features.shape)} and {tuple(weight.shape)}."
        )
    require_number("scale", scale, above=0)
    require_choice("normalise", normalise, tuple(NORMALISED))
    return scaled_cosines(features, weight, scale, NORMALISED[normalise])


def scaled_cosines(
    features: Tensor, weight: Tensor, scale: float | Tensor, normalised: Sequence[bool] | Tensor
) -> Tensor:
    """`cosine_logits` of what was checked; autocast is left out, as half precision rounds cosines
    to 1e-3. (N, ..., D), (C, D), (), (2,) -> (N, ..., C)"""
    if torch.is_autocast_enabled(features.device.type):
        with torch.autocast(features.device.type, enabled=False):
            return scaled_cosines(features, weight, scale, normalised)
    rows, classes = widened(features), widened(weight)
    rows, classes = _of_length_one(rows, normalised[0]), _of_length_one(classes, normalised[1])
    return scale * F.linear(rows, classes.to(rows.dtype))


def _of_length_one(rows: Tensor, wanted: bool | Tensor) -> Tensor:
    """Rows divided by their length where that is wanted. (..., D) -> (..., D)"""
    length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    # The gradient of a row of zeros would be of order 1 / LEAST.
    divided = torch.where(length > 0, rows / length.clamp_min(LEAST), 0.0)
    if isinstance(wanted, Tensor):  # a buffer, which the host must not wait for
        return torch.where(wanted, divided, rows)
    return divided if wanted else rows
