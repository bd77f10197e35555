"""Methods of the field that act on gradients."""

from typing import Any

from equimodal.methods.entry import AHEAD, STARVED, Entry, Fit, Range

_OGM: dict[str, Any] = {
    "target": "equimodal.methods.ogm:OGM",
    "family": "gradients",
    "records": {"discrepancy": "discrepancy ratio", "coefficient": "factor on gradients"},
    "on_request": True,
}
_ARL: dict[str, Any] = {
    "target": "equimodal.methods.arl:ARL",
    "family": "gradients",
    "objective": "own",
    "records": {"weight": "weight of the encoder", "dependence": "share of the logits' size"},
    "on_request": True,
}

GRADIENTS = (
    Entry(
        "ogm-fixed", "OGM's gradients times the fixed coefficient 1 - tanh(alpha)/M",
        preset={"coefficient": "fixed"}, is_control=True, **_OGM,
    ),
    Entry(
        "ogm",
        "shrinks the gradients of the encoder whose own prediction is ahead; under Adam on "
        "gradients most of it cancels",
        controls=("ogm-fixed",),
        main=Range("alpha", 0.05, 2.0),
        fits=(
            Fit(AHEAD, "shrinks the gradients of the encoder that is ahead, here {ahead}, at the "
                "price of a lower rate for it"),
        ),
        functions=(
            "equimodal.numerics.scores:discrepancy_ratios",
            "equimodal.methods.ogm:modulation_coefficients",
        ),
        **_OGM,
    ),
    Entry(
        "ge", "the noise of OGM-GE on all encoders' gradients, and nothing else",
        preset={"noise": 1.0, "coefficient": 1.0}, is_control=True, **_OGM,
    ),
    Entry(
        "ogm-ge-fixed", "the noise of OGM-GE with the fixed coefficient 1 - tanh(alpha)/M",
        preset={"noise": 1.0, "coefficient": "fixed"}, is_control=True, **_OGM,
    ),
    Entry(
        "ogm-ge",
        "OGM plus Gaussian noise of each gradient's own spread on all encoders, ahead or not",
        preset={"noise": 1.0}, controls=("ogm-ge-fixed", "ge"),
        main=Range("alpha", 0.05, 2.0), **_OGM,
    ),
    Entry(
        "arl-fixed", "ARL with the weight 1/M for every modality, as its released code runs",
        preset={"weights": "fixed"}, is_control=True, **_ARL,
    ),
    Entry(
        "arl",
        "scales encoders' gradients up, most where the prediction is sure and little leaned on, "
        "beside unimodal losses; the released code never uses the scale",
        controls=("arl-fixed",),
        main=Range("gamma", 0.25, 8.0),
        fits=(
            Fit(STARVED, "keeps {starved} learning by its own loss, and scales encoders by how "
                "sure and how little used they are"),
        ),
        functions=(
            "equimodal.methods.arl:certainty_shares",
            "equimodal.methods.arl:asymmetry_weights",
        ),
        **_ARL,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
