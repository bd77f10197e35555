"""Joint training, the baselines that every method is held against."""

from equimodal.balancing.method import Method


class Joint(Method):
    """Plain joint training on the objective; it changes nothing."""


class JointUnimodal(Method):
    """Joint training on the fused loss plus every modality's own loss, all with weight 1."""

    needs = frozenset({"unimodal_logits"})
    objective = "fused+unimodal"
