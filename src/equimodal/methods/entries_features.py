"""Methods of the field that act on features, inside the forward pass."""

from typing import Any

from equimodal.methods.entry import AHEAD, MISSING, STARVED, Entry, Fit, Range
from equimodal.methods.facts import ANY

_FORWARD: dict[str, Any] = {
    "family": "features", "origin": "practice", "on_request": True,
    "needs": ("encoder modules",), "targets": ANY,
}  # fmt: skip
_MIXUP: dict[str, Any] = {
    "target": "equimodal.methods.mixup:MultimodalMixup",
    "records": {"weight": "weight of a row's own sample"},
    "released": "AutoGluon mixes pictures with the batch in reverse, in the first five epochs "
    "(`end=0.1` and such)",
} | _FORWARD

FEATURES = (
    Entry(
        "modality-dropout",
        "leaves out whole modalities of samples at random in training; the prediction on complete "
        "samples may suffer",
        "equimodal.methods.modality_dropout:ModalityDropout",
        main=Range("rate", 0.05, 0.5),
        fits=(
            Fit(STARVED, "lets the head do without the other modalities now and then, so that it "
                "must learn from {starved}"),
            Fit(MISSING, "leaves modalities out in training as they are missing at use"),
        ),
        functions=(
            "equimodal.methods.modality_dropout:kept_modalities",
            "equimodal.methods.modality_dropout:true_drop_rates",
            "equimodal.methods.modality_dropout:drop_probabilities",
        ),
        released="AutoGluon drops inputs, each column for itself, and may drop all: "
        "`at_least_one=false`",
        **_FORWARD,
    ),
    Entry(
        "modality-dropout-adaptive",
        "leaves out the modality the more often, the better its own prediction; reads scores on "
        "the host in every pass",
        "equimodal.methods.modality_dropout:AdaptiveModalityDropout",
        controls=("modality-dropout",),
        main=Range("sharpness", 0.1, 5.0),
        fits=(
            Fit(AHEAD, "leaves out the modality that is ahead, {ahead}, more often than the rest"),
        ),
        records={"score": "running score", "drop": "chance to be dropped"},
        cost=("own logits",),
        **_FORWARD | {"origin": "ours", "needs": ("readout", "encoder modules")},
    ),
    Entry(
        "mixup-separate", "mixup with another partner for each modality",
        preset={"partner": "own"}, is_control=True, **_MIXUP,
    ),
    Entry(
        "mixup",
        "mixes the features of pairs of samples and asks for both labels: a regulariser, and no "
        "balancer",
        controls=("mixup-separate",),
        main=Range("alpha", 0.1, 2.0),
        functions=("equimodal.methods.mixup:mixed",),
        **_MIXUP,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
