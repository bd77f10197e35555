"""Joint training, the baselines that every method is held against."""

from equimodal.balancing.method import Method
from equimodal.checks import require_number


class Joint(Method):
    """Plain joint training on the objective; it changes nothing."""


class JointUnimodal(Method):
    """Joint training on the fused loss plus every modality's own loss.

    Args:
        unimodal_weight: weight of the sum of the modalities' losses, above 0; the fused loss has 1.
    """

    needs = frozenset({"unimodal_logits"})
    objective = "fused+unimodal"

    def __init__(self, unimodal_weight: float = 1.0) -> None:
        super().__init__()
        self.unimodal_weight = require_number("unimodal_weight", unimodal_weight, above=0)
