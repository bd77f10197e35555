"""Which arguments Diagnosing & Re-learning takes, alone and together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from equimodal.checks import is_number, require, require_flag, require_number

if TYPE_CHECKING:
    from equimodal.methods.diagnose_relearn import DiagnoseRelearn


def check_arguments(method: "DiagnoseRelearn") -> None:
    """Refuse what is out of range, and what would do nothing. Raises BalanceError."""
    inside = isinstance(method.at, Sequence) and bool(method.at)
    inside = inside and all(is_number(s) and 0 < s < 1 for s in method.at)
    require(inside, "DiagnoseRelearn at must hold shares of training in (0, 1)", method.at)
    require_number("DiagnoseRelearn times", method.times, low=1, whole=True)
    require_number("DiagnoseRelearn lam", method.lam, low=0)
    if method.every is not None:
        require_number("DiagnoseRelearn every", method.every, low=1, whole=True)
    if method.strength is not None:
        require_number("DiagnoseRelearn strength", method.strength, low=0, high=1)
    for name in ("match_sizes", "include_norm", "reset_momentum", "reset_bn_stats"):
        require_flag(f"DiagnoseRelearn {name}", getattr(method, name))
    if method.every is None:
        method.refuse_set("times", why="without every=...: at=... holds the moments")
    else:
        method.refuse_set("at", why="beside every=..., which holds the moments")
    if method.strength is not None:
        method.refuse_set("lam", "match_sizes", why="with a strength=... of its own")
