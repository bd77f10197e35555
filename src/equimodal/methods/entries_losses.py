"""Methods of the field that act in the loss, on request: a control stands before its method."""

from typing import Any

from equimodal.methods.entry import AHEAD, STARVED, Entry, Fit, Range
from equimodal.methods.facts import ANY, CLASSES

_PMR: dict[str, Any] = {
    "target": "equimodal.methods.pmr:PMR", "family": "loss", "on_request": True,
    "records": {"acceleration": "weight of the prototypes' cross-entropy"},
    "cost": ("epoch",), "needs": ("encoder modules", "train loader", "epochs"),
    "targets": CLASSES,
    "released": 'no entropy term, `mu=0`; all of it for the weaker, `coefficients="hard"`; '
    "prototypes of some sets from validation or test data",
    "port": "the hard rule for two; for three another method of that name; no argument",
}  # fmt: skip
_GBLEND: dict[str, Any] = {
    "target": "equimodal.methods.gblend:GBlending", "family": "loss", "objective": "own",
    "on_request": True, "quick": {"every": 1},
    "records": {"weight": "weight of the modality's loss", "fused_weight": "of the fused loss"},
    "cost": ("own logits", "epoch"),
    "needs": ("differentiable readout", "train loader", "val loader"), "targets": ANY,
    "port": 'rewards a held-out loss that rises, `sign="lost"`; holds out the test set; trains a '
    "copy for each stream",
}  # fmt: skip
_MBSD: dict[str, Any] = {
    "target": "equimodal.methods.mbsd:MBSD", "family": "loss", "objective": "own",
    "on_request": True, "quick": {"lam_kl": 0.1, "lam_rs": 0.1},
    "cost": ("own logits",), "needs": ("differentiable readout",), "targets": CLASSES,
    "port": 'both sides move, by what is no divergence, `variant="port"`; distances of logits, '
    '`space="logits"`',
}  # fmt: skip
_LFM: dict[str, Any] = {
    "target": "equimodal.methods.lfm:LFM", "family": "loss", "objective": "own",
    "on_request": True,
    "cost": ("own logits",), "needs": ("differentiable readout",), "targets": CLASSES,
    "released": 'no fused head, `classify="mean"`; twice the loss, `scale=2`; a polynomial of 200 '
    "epochs of one data set, `lfm-fitted`",
    "port": "begins at a weight of matching of .05, where the paper ends; learns it on test data; "
    "no argument",
}  # fmt: skip
_MIDAS: dict[str, Any] = {
    "target": "equimodal.methods.midas:MIDAS", "family": "loss", "objective": "own",
    "on_request": True, "records": {"alpha": "weight of the modality's label"},
    "cost": ("own logits", "sets"), "needs": ("differentiable readout", "encoder modules"),
    "targets": CLASSES,
}  # fmt: skip
_QMF: dict[str, Any] = {
    "target": "equimodal.methods.qmf:QMF", "family": "loss", "objective": "own",
    "on_request": True, "records": {"confidence": "mean confidence of the own logits"},
    "cost": ("own logits",), "needs": ("encoder modules", "own batches", "own networks"),
    "targets": CLASSES,
    "released": "for depth images the fused loss trains the weights too, `through=true`, and the "
    "epoch is chosen on test data",
}  # fmt: skip
_AMCO: dict[str, Any] = {
    "target": "equimodal.methods.amco:AMCo", "family": "loss", "objective": "own",
    "on_request": True, "records": {"mass": "mass of the probability"},
    "cost": ("own logits",), "needs": ("linear head", "epochs"), "targets": CLASSES,
    "port": 'a ramp that restarts in every epoch, `ramp="port"`; own losses of masked logits, '
    '`own="masked"`; a C x C layer behind the sum',
}  # fmt: skip

LOSSES = (
    Entry(
        "pmr-fixed", "the prototypes' cross-entropy of every modality at the constant weight 0.5",
        preset={"coefficient": 0.5}, is_control=True,
        **_PMR | {"needs": ("encoder modules", "train loader")},
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
            "equimodal.methods.pmr_prototypes:class_prototypes",
            "equimodal.methods.pmr_prototypes:prototype_probabilities",
            "equimodal.methods.pmr:rebalance_weights",
        ),
        **_PMR,
    ),
    Entry(
        "gblend-fixed", "the losses of all modalities and the fused one at 1 / (M + 1) each",
        preset={"weights": "equal"}, is_control=True,
        **_GBLEND | {
            "quick": {}, "cost": ("own logits",), "needs": ("differentiable readout",),
        },
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
        preset={"schedule": "fitted"}, controls=("lfm-fixed",),
        **_LFM | {"needs": ("differentiable readout", "epochs")},
    ),
    Entry(
        "lfm-learned",
        "`lfm` with a weight that follows held-out gradients, a step an epoch; our rule, as the "
        "released one is the derivative of nothing",
        preset={"schedule": "learned"}, controls=("lfm-fixed",), main=Range("rate", 0.01, 0.2),
        functions=("equimodal.methods.lfm_learned:matching_slope",),
        **_LFM | {
            "cost": ("own logits", "epoch"),
            "needs": ("differentiable readout", "train loader", "val loader"),
            "records": {"matching": "weight of matching"},
            "quick": {"initial": 0.1, "rate": 0.01, "share": 1.0},
        },
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
        preset={"lam": 0.0}, is_control=True, **_MIDAS | {"cost": ("own logits",)},
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
        "qmf-uniform", "QMF's heads and ranking, every modality's logits at weight 1",
        preset={"weights": "uniform"}, is_control=True, **_QMF,
    ),
    Entry(
        "qmf-plain", "QMF's fusion by confidence without the ranking loss",
        preset={"beta": 0.0}, is_control=True,
        **_QMF | {"needs": ("encoder modules", "own networks")},
    ),
    Entry(
        "qmf",
        "sums each modality's logits weighted by their confidence, which a ranking loss ties to "
        "how hard the row was so far; about noisy data more than about balance",
        controls=("qmf-uniform", "qmf-plain", "joint+unimodal"),
        main=Range("beta", 0.1, 10.0),
        functions=(
            "equimodal.methods.qmf:energy_confidence", "equimodal.methods.qmf:row_hardness",
            "equimodal.methods.qmf:ranking_loss",
        ),
        **_QMF,
    ),
    Entry(
        "amco-port-fixed", "the masks of `amco-port`, on the first modality whoever dominates",
        preset={"masked": "first"}, is_control=True, **_AMCO,
    ),
    Entry(
        "amco-port",
        "zeroes the dominant modality's logits of random classes in the fused loss, of all of them "
        "late; a port's reading, as neither paper nor code of AMCo was available to us",
        controls=("amco-port-fixed", "joint+unimodal"),
        main=Range("eps", 0.1, 1.0),
        fits=(
            Fit(AHEAD, "hides logits of {ahead} from the fused loss, which then needs {starved}"),
        ),
        functions=(
            "equimodal.methods.amco:mask_share", "equimodal.methods.amco:modality_masses",
        ),
        **_AMCO,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
