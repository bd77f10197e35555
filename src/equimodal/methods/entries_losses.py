"""Methods of the field that act in the loss, on request: a control stands before its method."""

from typing import Any

from equimodal.methods.entry import AHEAD, STARVED, Entry, Fit, Range

_PMR: dict[str, Any] = {
    "target": "equimodal.methods.pmr:PMR",
    "family": "loss",
    "on_request": True,
    "records": {"acceleration": "weight of the prototypes' cross-entropy"},
}
_DGL: dict[str, Any] = {
    "target": "equimodal.methods.dgl:DGL", "family": "gradients", "objective": "own",
    "on_request": True, "quick": {"alpha": 1.0},
}  # fmt: skip
_CML: dict[str, Any] = {
    "target": "equimodal.methods.cml:CML", "family": "loss", "objective": "own",
    "on_request": True, "records": {"rise": "mean rise of confidence"},
}  # fmt: skip
_OPM: dict[str, Any] = {
    "target": "equimodal.methods.opm:OPM", "family": "forward", "on_request": True,
    "records": {"drop": "rate of dropping"},
}  # fmt: skip
_GBLEND: dict[str, Any] = {
    "target": "equimodal.methods.gblend:GBlending", "family": "loss", "objective": "own",
    "on_request": True, "quick": {"every": 1},
    "records": {"weight": "weight of the modality's loss", "fused_weight": "of the fused loss"},
}  # fmt: skip
_AGM: dict[str, Any] = {
    "target": "equimodal.methods.agm:AGM", "family": "gradients", "on_request": True,
    "records": {"coefficient": "coefficient of the response"},
}  # fmt: skip
_MBSD: dict[str, Any] = {
    "target": "equimodal.methods.mbsd:MBSD", "family": "loss", "objective": "own",
    "on_request": True, "quick": {"lam_kl": 0.1, "lam_rs": 0.1},
}  # fmt: skip
_LFM: dict[str, Any] = {
    "target": "equimodal.methods.lfm:LFM", "family": "loss", "objective": "own",
    "on_request": True,
}  # fmt: skip
_MIDAS: dict[str, Any] = {
    "target": "equimodal.methods.midas:MIDAS", "family": "loss", "objective": "own",
    "on_request": True, "records": {"alpha": "weight of the modality's label"},
}  # fmt: skip
_MCR: dict[str, Any] = {
    "target": "equimodal.methods.mcr:MCR", "family": "loss", "objective": "own",
    "on_request": True, "quick": {"permutations": 2},
}  # fmt: skip

LOSSES = (
    Entry(
        "pmr-fixed", "the prototypes' cross-entropy of every modality at the constant weight 0.5",
        preset={"coefficient": 0.5}, is_control=True, **_PMR,
    ),
    Entry(
        "pmr",
        "accelerates the modality that its class prototypes find behind, by their cross-entropy",
        controls=("pmr-fixed",),
        main=Range("alpha", 0.25, 8.0),
        fits=(
            Fit(STARVED, "a loss on the features of {starved} that no other modality can meet"),
        ),
        functions=(
            "equimodal.methods.pmr:class_prototypes",
            "equimodal.methods.pmr:prototype_probabilities",
            "equimodal.methods.pmr:rebalance_weights",
        ),
        **_PMR,
    ),
    Entry(
        "dgl-uncut", "the unimodal losses of `dgl` at its weight, and no gradient cut",
        preset={"cut": "none"}, is_control=True, **_DGL,
    ),
    Entry(
        "dgl-fused", "`dgl` with the fused loss alone cut, from the encoders",
        preset={"cut": "fused"}, is_control=True, **_DGL,
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
        "gblend-fixed", "the losses of all modalities and the fused one at 1 / (M + 1) each",
        preset={"weights": "equal"}, is_control=True, **_GBLEND | {"quick": {}},
    ),
    Entry(
        "gblend",
        "weights the losses of all modalities and the fused one by how much each generalises for "
        "how much it overfits",
        controls=("gblend-fixed",),
        fits=(
            Fit(AHEAD, "a loss for each modality, less of it for one that overfits"),
        ),
        functions=("equimodal.methods.gblend:blending_weights",),
        **_GBLEND,
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
        "mbsd-fixed", "the distillation of `mbsd` at weight 1 on every sample",
        preset={"weighting": "one"}, is_control=True, **_MBSD,
    ),
    Entry(
        "mbsd",
        "pulls each sample's weaker prediction to the stronger modality's, beside a loss for each",
        controls=("mbsd-fixed",),
        main=Range("lam_kl", 0.1, 10.0),
        fits=(
            Fit(STARVED, "lets the modality that knows a sample better teach {starved}"),
        ),
        functions=("equimodal.methods.mbsd:teaching_weights",),
        **_MBSD,
    ),
    Entry(
        "lfm-fixed", "matching and classification at the constant weight 0.5",
        preset={"schedule": "fixed"}, is_control=True, **_LFM,
    ),
    Entry(
        "lfm-fitted", "`lfm` with the released polynomial of the weight",
        preset={"schedule": "fitted"}, controls=("lfm-fixed",), **_LFM,
    ),
    Entry(
        "lfm",
        "begins by matching the modalities' predictions to each other and ends by classification",
        controls=("lfm-fixed",),
        fits=(
            Fit(STARVED, "matches the prediction of {starved} to the others' before labels are "
                "fitted"),
        ),
        functions=(
            "equimodal.methods.lfm:alignment", "equimodal.methods.lfm:matching_weight",
        ),
        **_LFM,
    ),
    Entry(
        "midas-plain", "the misaligned samples of `midas` without its two weights",
        preset={"eta": 0.0, "hardness": "none"}, is_control=True, **_MIDAS,
    ),
    Entry(
        "midas-warm", "the warm-up and the unimodal losses of `midas`, no misaligned samples",
        preset={"lam": 0.0}, is_control=True, **_MIDAS,
    ),
    Entry(
        "midas",
        "trains on features of different samples put together, each label weighted by how sure its "
        "modality is",
        controls=("midas-plain", "midas-warm"),
        main=Range("lam", 0.1, 5.0),
        fits=(
            Fit(STARVED, "makes samples that can only be told apart with {starved}"),
        ),
        functions=(
            "equimodal.methods.midas:label_shares", "equimodal.methods.midas:misaligned_losses",
        ),
        **_MIDAS,
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
        preset={"lam": 0.0}, is_control=True, **_MCR | {"quick": {}},
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
            "equimodal.methods.mcr:jensen_shannon", "equimodal.methods.mcr:supervised_contrast",
        ),
        **_MCR,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
