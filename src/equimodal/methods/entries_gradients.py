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
_MMPARETO: dict[str, Any] = {
    "target": "equimodal.methods.mmpareto:MMPareto",
    "family": "gradients",
    "objective": "own",
    "records": {"weight": "weight of the fused loss's gradient"},
    "on_request": True,
}
_CGGM: dict[str, Any] = {
    "target": "equimodal.methods.cggm:CGGM",
    "family": "gradients",
    "records": {"score": "accuracy of its classifier", "coefficient": "balancing coefficient"},
    "on_request": True,
}
_INFOREG: dict[str, Any] = {
    "target": "equimodal.methods.inforeg:InfoReg",
    "family": "gradients",
    "records": {"strength": "strength of the pull", "trace": "trace of the Fisher matrix"},
    "quick": {"threshold": -1e9},
    "on_request": True,
}
_MSLR: dict[str, Any] = {
    "target": "equimodal.methods.mslr:MSLR",
    "family": "gradients",
    "records": {"accuracy": "own validation accuracy", "factor": "factor on the rate"},
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
    Entry(
        "cggm-fixed", "CGGM with the coefficient (M - 1)/M for every encoder",
        preset={"coefficient": "fixed"}, is_control=True, **_CGGM,
    ),
    Entry(
        "cggm",
        "larger gradients for the encoder whose own classifier gained least in the last step, "
        "which is mostly noise of the batch; turns the head towards those classifiers",
        controls=("cggm-fixed",),
        main=Range("rho", 0.25, 4.0),
        fits=(
            Fit(STARVED, "gives the encoder whose own classifier gains least, more likely "
                "{starved}, larger gradients"),
        ),
        functions=(
            "equimodal.methods.cggm:balancing_coefficients",
            "equimodal.methods.cggm:weight_cosine",
            "equimodal.methods.cggm:direction_loss",
        ),
        **_CGGM,
    ),
    Entry(
        "inforeg-fixed", "InfoReg's pull at the constant strength 1, on all in their window",
        preset={"strength": 1.0}, is_control=True, **_INFOREG,
    ),
    Entry(
        "inforeg",
        "pulls the encoder that is ahead back to its weights of the epoch before while it still "
        "gains information; how hard depends on the learning rate",
        controls=("inforeg-fixed",),
        main=Range("beta", 0.1, 3.0),
        fits=(
            Fit(AHEAD, "holds the encoder of {ahead}, which is ahead, near its last epoch while "
                "early training decides"),
        ),
        functions=(
            "equimodal.methods.inforeg:modality_leads",
            "equimodal.methods.inforeg:regulation_strengths",
            "equimodal.methods.inforeg:in_window",
        ),
        **_INFOREG,
    ),
    Entry(
        "mslr-fixed", "the starting factors of MSLR throughout; at 1 each it is joint training",
        preset={"strategy": "keep"}, is_control=True, quick={"base": 0.5}, **_MSLR,
    ),
    Entry(
        "mslr",
        "multiplies each encoder's learning rate by the trend of its own validation accuracy; the "
        "two known codes disagree on the rule",
        controls=("mslr-fixed",),
        fits=(
            Fit(STARVED, "raises the rate of the encoder whose own accuracy still rises"),
        ),
        functions=("equimodal.methods.mslr:trend_ratios",),
        **_MSLR | {"quick": {"history": 1}},
    ),
    Entry(
        "mses",
        "freezes an encoder at its best epoch when its own validation loss stops falling; a weak "
        "modality may stop at once, the opposite of balancing",
        "equimodal.methods.mses:MSES",
        family="gradients", on_request=True, quick={"patience": 1},
        records={"loss": "own validation loss", "smooth": "smoothed own validation loss"},
        fits=(
            Fit(AHEAD, "stops an encoder that has over-learned, more likely {ahead}, at its best "
                "epoch"),
        ),
        functions=("equimodal.methods.mses:smoothed_losses",),
    ),
    Entry(
        "mmpareto-fixed", "joint training with unimodal losses, encoders' gradients times gamma",
        preset={"weights": "equal"}, is_control=True, **_MMPARETO,
    ),
    Entry(
        "mmpareto",
        "sums the fused and the own gradient of each encoder where they agree, and takes a "
        "direction that hurts neither where they conflict; a second backward pass",
        controls=("mmpareto-fixed",),
        main=Range("gamma", 0.5, 4.0),
        fits=(
            Fit(STARVED, "lets the own loss of {starved} train its encoder where the fused loss "
                "would work against it"),
        ),
        functions=("equimodal.methods.mmpareto:pareto_weights",),
        **_MMPARETO,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
