"""AMSS and AMSS+: Yang, Pan, Jiang, Xu and Tang, IEEE TPAMI 47(6), 2025.

The values are those of the released code (njustkmg/TPAMI-AMSS): its README and the defaults of its
arguments. No number of the paper's tables could be read in any source, so none is given; what
stands beside are numbers that others printed for joint training on the same data.
"""

from equimodal import methods
from equimodal.recipes.recipe import OURS, Value

PAPER = (
    "AMSS: Yang, Pan, Jiang, Xu and Tang, IEEE TPAMI 47(6), 2025, arXiv 2404.08347, "
    "https://doi.org/10.1109/TPAMI.2025.3547417"
)
README = "released code, README"
CODE = "released code"
OWN = methods.with_controls("amss", "amss+")
ROWS = ("untrained", "alone:*", "ensemble", "joint", "joint+unimodal", *OWN)
FUSED = Value("fused", CODE)
CONCAT = Value("concat", CODE)
NO_NUMBERS = "No number of the paper could be read in any source, so none stands here."
SELECTION = (
    "The released code has no validation split and reports the best TEST accuracy over epochs; "
    "here the epoch is chosen on validation, which lowers the number and leaves fewer samples "
    "to train on."
)
ONE_TABLE = (
    "All AMSS rows follow the released scripts, guards and constants included. For the reference "
    "significance, in a table of its own: --set amss.significance=reference --set amss.units=all, "
    "and the same for amss+ and the controls."
)
DROP_LAST = "The released loader drops the last, smaller batch of an epoch; it is kept here."
EXPLODES = (
    "The released AMSS+ weight 1 / (p + 1/n) is neither unbiased nor of unit scale, and the "
    "released head weights, which are masked by index there, are not masked here."
)


def method_settings(script: str, tau: float, *, units: Value, bias: float) -> dict[str, Value]:
    """Settings of the AMSS rows as a released script has them; all rows mask the same units."""
    found = {}
    for row in OWN:
        preset = methods.entry(row).preset
        found[f"{row}.units"] = units
        if "fraction" not in preset:
            found[f"{row}.tau"] = Value(tau, README)
            found[f"{row}.significance"] = Value(script, CODE)
        if "weighting" in preset:
            found[f"{row}.weighting"] = Value("official", CODE)
            found[f"{row}.bias"] = Value(bias, README)
    return found


VIDEO_UNITS = Value("official_av", f"{CODE}: convolutions of residual blocks")
TINY = {
    f"{row}.units": Value("all", "the small encoders have no residual blocks")
    for row in ("amss-fixed", "amss")
}
ALL_UNITS = Value("all", f"{OURS}: the released filter goes by names of its own layers")
