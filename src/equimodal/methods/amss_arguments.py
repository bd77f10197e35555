"""Which arguments AMSS takes, alone and together."""

from typing import TYPE_CHECKING

from equimodal.checks import require, require_choice, require_number
from equimodal.methods.amss_equations import check_clamp

if TYPE_CHECKING:
    from equimodal.methods.amss import AMSS


def check_arguments(method: "AMSS") -> None:
    """Refuse what is out of range, and what would do nothing. Raises BalanceError."""
    require_number("AMSS tau", method.tau, above=0)
    require_choice("AMSS mask", method.mask, ("sampled", "none"))
    require_choice("AMSS importance", method.importance, ("fisher", "uniform"))
    if method.mask == "none":
        drawn = 'AMSS weighting must be "none" with mask="none", which draws nothing to weight'
        require(method.weighting == "none", drawn, method.weighting)
    require_number("AMSS smoothing", method.smoothing, low=0, high=1)
    fixed = isinstance(method.fraction, str) and method.fraction == "fixed"
    if method.fraction is not None and not fixed:
        require_number("AMSS fraction", method.fraction, above=0, high=1)
    if method.cap is not None:
        require_number("AMSS cap", method.cap, above=0)
    check_clamp("AMSS clamp", method.clamp)
    some = "AMSS clamp must be (low, high) with 0 < low <= high <= 1"
    require(method.clamp[0] > 0, some, method.clamp)
    _refuse_idle(method)


def _refuse_idle(method: "AMSS") -> None:
    """``smoothing`` and ``units`` are common to all rows of a recipe, and stay."""
    if method.mask == "none":
        method.refuse_set("importance", why='with mask="none", which draws no unit')
    if method.weighting != "official":
        method.refuse_set("bias", why='without weighting="official"')
    if method.weighting != "unbiased" and method.cap is not None:
        method.refuse_set("cap", why='without weighting="unbiased"')
    if method.fraction is not None:
        why = "with a fraction=... of its own, which reads no significance"
        method.refuse_set("tau", "significance", "direction", "clamp", why=why)
