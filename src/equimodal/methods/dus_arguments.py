"""Which arguments DUS takes, alone and together."""

from typing import TYPE_CHECKING

from equimodal.checks import require, require_choice, require_flag, require_number

if TYPE_CHECKING:
    from equimodal.methods.dus import DUS

EVEN = ("uniform",)
"""Rules of equal counts."""
_RULES = ("inverse", "shrink", "tanh", "uniform")


def check_arguments(method: "DUS") -> None:
    """Refuse what is out of range, and what would do nothing. Raises BalanceError."""
    require_choice("DUS rule", method.rule, _RULES)
    require_number("DUS gamma", method.gamma, above=0)
    require_number("DUS minimum", method.minimum, above=0, high=1)
    require_number("DUS multiple", method.multiple, low=0, high=1)
    require_number("DUS dead_zone", method.dead_zone, low=0)
    require_number("DUS warm_up", method.warm_up, low=0, whole=True)
    require_choice("DUS reduction", method.reduction, ("mean", "nominal"))
    if method.ema is not None:
        decay = require_number("DUS ema", method.ema, above=0)
        require(decay < 1, "DUS ema must be below 1", method.ema)
    require_flag("DUS reset_each_epoch", method.reset_each_epoch)
    require_flag("DUS plug_in", method.plug_in)
    if method.rule in (*EVEN, "shrink"):
        method.refuse_set("gamma", why=f"with rule={method.rule!r}")
