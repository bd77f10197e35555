"""Methods of the field that predict with some of the modalities, or by each other's features: on
request, a control before its method."""

from typing import Any

from equimodal.methods.entry import AHEAD, STARVED, Entry, Fit, Range
from equimodal.methods.facts import ANY, CLASSES, but

_DGL: dict[str, Any] = {
    "target": "equimodal.methods.dgl:DGL", "family": "gradients", "objective": "own",
    "on_request": True, "quick": {"alpha": 1.0},
    "cost": ("sets", "backward"), "needs": ("encoder modules",), "targets": ANY,
    "released": "cuts parameters by a part of their names, so that a part of its gated fusion "
    "never trains; no argument",
}  # fmt: skip
_CML: dict[str, Any] = {
    "target": "equimodal.methods.cml:CML", "family": "loss", "objective": "own",
    "on_request": True, "records": {"rise": "mean rise of confidence"},
    "cost": ("sets",), "needs": ("encoder modules",), "targets": CLASSES,
    "released": 'its second host lets gradients through both sides, `mask="both"`; sums over a '
    "batch of 200 where this is a mean, `lam=20`; fills inputs in",
    "port": "lets rises and falls of different samples cancel; no argument",
}  # fmt: skip
_OPM: dict[str, Any] = {
    "target": "equimodal.methods.opm:OPM", "family": "forward", "on_request": True,
    "records": {"drop": "rate of dropping"},
    "cost": ("own logits", "sets"), "needs": ("readout", "encoder modules"), "targets": ANY,
    "released": "first 6 epochs of 100 at rest, `warm_up=0.06`; leaves out a sample that would "
    "lose all; two modalities",
    "port": "holds each against the sum of the others, so that of three hardly one ever leads; no "
    "argument",
}  # fmt: skip
_AGM: dict[str, Any] = {
    "target": "equimodal.methods.agm:AGM", "family": "gradients", "on_request": True,
    "records": {"coefficient": "coefficient of the response"},
    "cost": ("sets",), "needs": ("encoder modules",), "targets": but("numbers", "several tasks"),
    "released": "blanks raw inputs; clips all gradients, which is the loop's; acts for 20 epochs, "
    "`end=0.2` and such; caps of 10, 7 or none, `cap=10`",
    "port": "the sign of the discrepancy reversed; scales gradients by name; no argument",
}  # fmt: skip
_MCR: dict[str, Any] = {
    "target": "equimodal.methods.mcr:MCR", "family": "loss", "objective": "own",
    "on_request": True, "quick": {"permutations": 2},
    "cost": ("own logits", "sets", "backward"),
    "needs": ("differentiable readout", "encoder modules"), "targets": CLASSES,
    "released": 'another scalar than the game of the paper, `variant="released"`; may leave out '
    'rows that stay, `rows="moved"`; a second pass in evaluation mode; 32 permutations, '
    "`permutations=32`",
}  # fmt: skip

SETS = (
    Entry(
        "dgl-uncut", "the unimodal losses of `dgl` at its weight, and no gradient cut",
        preset={"cut": "none"}, is_control=True, **_DGL | {"cost": ("sets",)},
    ),
    Entry(
        "dgl-fused", "`dgl` with the fused loss alone cut, from the encoders",
        preset={"cut": "fused"}, is_control=True, **_DGL | {"cost": ("sets",)},
    ),
    Entry(
        "dgl-unimodal", "`dgl` with the unimodal losses alone cut, from the head",
        preset={"cut": "unimodal"}, is_control=True, **_DGL,
    ),
    Entry(
        "dgl",
        "encoders learn from unimodal losses alone, the head from the fused loss alone",
        controls=("dgl-uncut", "dgl-fused", "dgl-unimodal"),
        main=Range("alpha", 0.5, 8.0),
        fits=(
            Fit(STARVED, "trains {starved} on a loss of its own, which the fused one cannot damp"),
        ),
        **_DGL,
    ),
    Entry(
        "cml-ce", "the class losses of `cml`'s ever smaller sets of modalities, no penalty",
        preset={"lam": 0.0}, is_control=True, **_CML,
    ),
    Entry(
        "cml",
        "trains ever smaller sets of modalities, and punishes a confidence that rises on the way",
        controls=("cml-ce",),
        main=Range("lam", 0.01, 20.0),
        fits=(
            Fit(STARVED, "trains predictions without the others too, and keeps the model from "
                "being surer without {starved}"),
        ),
        functions=("equimodal.methods.cml:confidence_rises",),
        **_CML,
    ),
    Entry(
        "opm-fixed", "the modality that leads is dropped at the constant rate `base`",
        preset={"lam": 0.0}, is_control=True, **_OPM,
    ),
    Entry(
        "opm",
        "drops the modality that leads from the fused prediction of random samples, more often the "
        "more it leads",
        controls=("opm-fixed",),
        main=Range("base", 0.1, 0.9),
        fits=(
            Fit(AHEAD, "takes {ahead} out of some samples' prediction, so that {starved} must "
                "meet the fused loss"),
        ),
        functions=(
            "equimodal.methods.opm:drop_rates", "equimodal.numerics.scores:discrepancy_ratios",
        ),
        **_OPM,
    ),
    Entry(
        "agm-fixed", "every modality's response scaled by the mean of `agm`'s coefficients",
        preset={"coefficient": "mean"}, is_control=True, **_AGM,
    ),
    Entry(
        "agm",
        "scales what flows back through each modality's share of the logits, down where it does "
        "better than on average",
        controls=("agm-fixed",),
        main=Range("alpha", 0.1, 4.0),
        fits=(
            Fit(AHEAD, "slows {ahead} while it does better than its own average, and speeds up "
                "{starved}"),
        ),
        functions=(
            "equimodal.methods.agm:mono_modal_responses",
            "equimodal.methods.agm:response_coefficients",
        ),
        **_AGM,
    ),
    Entry(
        "mcr-independent", "`mcr` in which no encoder lowers what the others' permutation changes",
        preset={"k": 0}, is_control=True, **_MCR,
    ),
    Entry(
        "mcr-collaborative", "`mcr` in which every encoder also raises the others' changes",
        preset={"k": 1}, is_control=True, **_MCR,
    ),
    Entry(
        "mcr-plain", "the unimodal losses and the contrastive term of `mcr`, no game",
        preset={"lam": 0.0}, is_control=True,
        **_MCR | {"quick": {}, "cost": ("own logits",)},
    ),
    Entry(
        "mcr",
        "each encoder raises what permuting its own features changes, and lowers what the others' "
        "changes",
        controls=("mcr-independent", "mcr-collaborative", "mcr-plain"),
        main=Range("lam", 0.01, 1.0),
        fits=(
            Fit(STARVED, "makes the encoder of {starved} change the prediction by more"),
        ),
        functions=(
            "equimodal.methods.mcr_game:jensen_shannon",
            "equimodal.methods.mcr:supervised_contrast",
        ),
        **_MCR,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
