"""AMSS and AMSS+: Yang, Pan, Jiang, Xu and Tang, IEEE TPAMI 47(6), 2025.

The values are those of the released code (njustkmg/TPAMI-AMSS): its README and the defaults of its
arguments. No number of the paper's tables could be read in any source, so none is given; what
stands beside are numbers that others printed for joint training on the same data.
"""

from functools import partial

from equimodal import methods
from equimodal.comparison.rows import REFERENCES
from equimodal.experiments.recipes.recipe import OURS, Recipe, Value

PAPER = (
    "AMSS: Yang, Pan, Jiang, Xu and Tang, IEEE TPAMI 47(6), 2025, arXiv 2404.08347, "
    "https://doi.org/10.1109/TPAMI.2025.3547417"
)
README = "released code, README"
CODE = "released code"
OWN = methods.with_controls("amss", "amss+")
ADAPTIVE = tuple(row for row in OWN if "fraction" not in methods.entry(row).preset)
ROWS = (*REFERENCES, *OWN)
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
SGD = {"sgd.momentum": Value(0.9, README), "sgd.weight_decay": Value(1e-4, README)}


def method_settings(script: str, tau: float, *, units: Value, bias: float) -> dict[str, Value]:
    """Settings of the AMSS rows as a released script has them; all rows mask the same units."""
    found = {}
    for row in OWN:
        preset = methods.entry(row).preset
        found[f"{row}.units"] = units
        found[f"{row}.smoothing"] = Value(0.0, f"{CODE}: none")
        if row in ADAPTIVE:
            found[f"{row}.tau"] = Value(tau, README)
            found[f"{row}.significance"] = Value(script, CODE)
        if "weighting" in preset:
            found[f"{row}.weighting"] = Value("official", CODE)
            found[f"{row}.bias"] = Value(bias, README)
    return found


def spectrogram(steps: int, **own: Value) -> dict[str, Value]:
    """A sound as the released code reads it, in ``steps``; its rate and length are ``own``."""
    return {
        **own,
        "scale": Value("linear", f"{CODE}: log of the STFT's modulus, 257 x {steps}"),
        "window": Value(512, CODE),
        "hop": Value(353, CODE),
        "level": Value("as_is", OURS),
    }


recipe = partial(
    Recipe,
    paper=PAPER,
    rows=ROWS,
    fusion=Value("concat", CODE),
    objective=Value("fused", CODE),
    optimizer=Value("sgd", README),
    lr=Value(0.01, README),
    schedule=Value("step:60:0.1", README),
    epochs=Value(80, README),
    batch_size=Value(64, README),
)
"""A recipe with what the released scripts share; a data set states the rest, and its own."""

clips = partial(
    recipe,
    encoders=dict.fromkeys(
        ("sound", "video"),
        Value("resnet18-gelu", f"{CODE}: GELU in the place of ReLU, from scratch"),
    ),
    settings={
        **SGD,
        **method_settings(
            "av", 0.2, bias=0.0,
            units=Value("official_av", f"{CODE}: convolutions of residual blocks"),
        ),
    },
    tiny={
        f"{row}.units": Value("all", "the small encoders have no residual blocks")
        for row in ("amss-fixed", "amss")
    },
)  # fmt: skip
"""`recipe` of videos with sound."""
