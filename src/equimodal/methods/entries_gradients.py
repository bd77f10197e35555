"""Methods of the field that act on gradients."""

from typing import Any

from equimodal.methods.entry import AHEAD, STARVED, Entry, Fit, Range
from equimodal.methods.facts import ANY, CLASSES, but

_OGM: dict[str, Any] = {
    "target": "equimodal.methods.ogm:OGM",
    "family": "gradients",
    "records": {"discrepancy": "discrepancy ratio", "coefficient": "factor on gradients"},
    "on_request": True,
    "cost": ("own logits", "gradients"), "needs": ("readout",), "targets": ANY,
    "released": 'scales weights of four axes alone, `parameters="conv"`; damps the first modality '
    "where both are equal; epochs 0 to 50 of 100, `end=0.51`",
    "port": "three modalities by the cosine of logits on correct samples, held against the least; "
    "no argument",
}  # fmt: skip
_UNREAD: dict[str, Any] = {"cost": ("gradients",), "needs": ()}
"""Of a control that reads no modality's own logits."""
_ARL: dict[str, Any] = {
    "target": "equimodal.methods.arl:ARL",
    "family": "gradients",
    "objective": "own",
    "records": {"weight": "weight of the encoder", "dependence": "share of the logits' size"},
    "on_request": True,
    "cost": ("own logits", "gradients"), "needs": ("differentiable readout",), "targets": CLASSES,
    "released": 'computes the weights and never uses them, `weights="fixed"`; 5 epochs of 100 '
    "at gamma 1, `warm_up=0.05`; clips at 40, which is the loop's",
}  # fmt: skip
_MMPARETO: dict[str, Any] = {
    "target": "equimodal.methods.mmpareto:MMPareto",
    "family": "gradients",
    "objective": "own",
    "records": {"weight": "weight of the fused loss's gradient"},
    "quick": {"gamma": 1.1},
    "on_request": True,
    "cost": ("own logits", "gradients", "backward"), "needs": ("differentiable readout",),
    "targets": ANY,
    "released": "three heads of their own, `mmpareto-released`, and one backward pass more than "
    "there are losses",
    "port": "copies the gradients after all losses are summed, so that none ever conflict; no "
    "argument",
}  # fmt: skip
_CGGM: dict[str, Any] = {
    "target": "equimodal.methods.cggm:CGGM",
    "family": "gradients",
    "records": {"score": "accuracy of its classifier", "coefficient": "balancing coefficient"},
    "on_request": True,
    "cost": ("gradients",), "needs": ("linear head", "encoder modules", "own networks"),
    "targets": CLASSES,
    "released": "coefficients without bounds, `clamp=false`; classifiers of two transformer layers "
    "with an optimizer of their own; clips at 0.8; a graph carried over from the update before",
}  # fmt: skip
_INFOREG: dict[str, Any] = {
    "target": "equimodal.methods.inforeg:InfoReg",
    "family": "gradients",
    "records": {"strength": "strength of the pull", "trace": "trace of the Fisher matrix"},
    "quick": {"threshold": -1e9},
    "on_request": True,
    "cost": ("own logits", "gradients", "memory"), "needs": ("readout",),
    "targets": but("numbers", "several tasks"),
    "released": 'scores by sums of probabilities, `score="sum_probability"`; strengths by '
    "modality, `scale=[0.95, 0.1]`; one window for all; three backward passes for show",
}  # fmt: skip
_MSLR: dict[str, Any] = {
    "target": "equimodal.methods.mslr:MSLR",
    "family": "gradients",
    "records": {"accuracy": "own validation accuracy", "factor": "factor on the rate"},
    "on_request": True,
    "cost": ("own logits", "gradients", "epoch"),
    "needs": ("readout", "val loader", "optimizers"), "targets": CLASSES,
    "released": "two codes of other groups: one on gradients, `released=true`, and by test "
    "accuracy; one moves its base, `cumulative=true`",
}  # fmt: skip

_OWN_HEADS: dict[str, Any] = {
    "cost": ("gradients", "backward"), "needs": ("encoder modules", "own networks"),
}  # fmt: skip
"""Of MMPareto with a head of its own for each modality, which reads no readout."""

GRADIENTS = (
    Entry(
        "ogm-fixed", "OGM's gradients times the fixed coefficient 1 - tanh(alpha)/M",
        preset={"coefficient": "fixed"}, is_control=True, **_OGM | _UNREAD,
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
        preset={"noise": 1.0, "coefficient": 1.0}, is_control=True, **_OGM | _UNREAD,
    ),
    Entry(
        "ogm-ge-fixed", "the noise of OGM-GE with the fixed coefficient 1 - tanh(alpha)/M",
        preset={"noise": 1.0, "coefficient": "fixed"}, is_control=True, **_OGM | _UNREAD,
    ),
    Entry(
        "ogm-ge",
        "OGM plus Gaussian noise of each gradient's own spread on all encoders, ahead or not",
        preset={"noise": 1.0}, controls=("ogm-ge-fixed", "ge"),
        main=Range("alpha", 0.05, 2.0), **_OGM,
    ),
    Entry(
        "arl-fixed", "ARL with the weight 1/M for every modality, as its released code runs",
        preset={"weights": "fixed"}, is_control=True, **_ARL | {"targets": ANY},
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
        preset={"strength": 1.0}, is_control=True,
        **_INFOREG | {"cost": ("gradients", "memory"), "needs": (), "targets": ANY},
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
        preset={"strategy": "keep"}, is_control=True, quick={"base": 0.5},
        **_MSLR | {"cost": ("gradients",), "needs": ("optimizers",), "targets": ANY},
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
        cost=("own logits", "gradients", "epoch", "memory"),
        needs=("readout", "val loader", "optimizers"), targets=ANY,
        released="code of another group: restores model and optimizer, so that the others lose "
        'their last epochs too, `restore="model"`; stops gradients alone; watches the test loss',
        records={"loss": "own validation loss", "smooth": "smoothed own validation loss"},
        fits=(
            Fit(AHEAD, "stops an encoder that has over-learned, more likely {ahead}, at its best "
                "epoch"),
        ),
        functions=("equimodal.methods.mses:smoothed_losses",),
    ),
    Entry(
        "mmpareto-fixed", "joint training with unimodal losses, encoders' gradients times gamma",
        preset={"weights": "equal"}, is_control=True,
        **_MMPARETO | {"cost": ("own logits", "gradients")},
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
        functions=("equimodal.methods.mmpareto_equations:pareto_weights",),
        **_MMPARETO,
    ),
    Entry(
        "mmpareto-released-fixed", "the control of `mmpareto-released`: no solver",
        preset={"weights": "equal", "heads": "own"}, is_control=True,
        **_MMPARETO | _OWN_HEADS | {"cost": ("gradients",)},
    ),
    Entry(
        "mmpareto-released",
        "MMPareto whose own losses are of a separate head for each modality, as released",
        preset={"heads": "own"}, controls=("mmpareto-released-fixed",),
        main=Range("gamma", 0.5, 4.0), **_MMPARETO | _OWN_HEADS,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
