"""The methods of this library, in the order of a table: a control stands before its method."""

from typing import Any

from equimodal.methods.entries_features import FEATURES
from equimodal.methods.entries_gradients import GRADIENTS
from equimodal.methods.entries_items import ITEMS
from equimodal.methods.entries_losses import LOSSES
from equimodal.methods.entries_models import MODELS
from equimodal.methods.entries_sets import SETS
from equimodal.methods.entries_teachers import TEACHERS
from equimodal.methods.entries_turns import TURNS
from equimodal.methods.entry import AHEAD, BASELINE, FUSION, STARVED, Entry, Fit, Range
from equimodal.methods.facts import ANY, but

_AMSS: dict[str, Any] = {
    "target": "equimodal.methods.amss:AMSS",
    "family": "gradients",
    "records": {"fraction": "fraction of units updated"},
    "cost": ("own logits", "gradients"),
    "needs": ("readout", "encoder modules"),
    "targets": ANY,
    "released": "three scripts with a formula and a guard each, which masks other layers: "
    '`significance="av"`, `significance="it"`, `significance="nv"`, `direction="strong"`, '
    '`units="official_av"`; two of their masks no argument gives',
}
_DUS: dict[str, Any] = {
    "target": "equimodal.methods.dus:DUS",
    "family": "sampling",
    "objective": "own",
    "records": {"score": "cumulative score", "count": "samples per batch"},
    "cost": ("own logits", "own rows"),
    "released": "nothing is public but the score and its running mean: the rule, and the policy of "
    "`dus-rl`, are ours",
    "needs": ("differentiable readout",),
    "targets": ANY,
}
_RELEARN: dict[str, Any] = {
    "target": "equimodal.methods.diagnose_relearn:DiagnoseRelearn",
    "family": "weights",
    "records": {
        "train_purity": "purity on training data",
        "validation_purity": "purity on validation data",
        "gap": "purity gap",
        "strength": "strength of re-initialisation",
    },
    "quick": {"at": (0.5, 0.75)},
    "cost": ("epoch", "memory"),
    "needs": ("encoder modules", "train loader", "val loader", "epochs"),
    "targets": but("tokens"),
    "released": "moments after epochs 20, 40 and 60 of 90 (`every=20`); selects by test accuracy, "
    "and trains its baseline on other data",
}

_UNREAD: dict[str, Any] = {"cost": ("gradients",), "needs": ()}
"""Of a control that reads no modality's own logits."""

ENTRIES = (
    Entry(
        "joint", "plain joint training: the fused loss alone", "equimodal.methods.joint:Joint",
        family=BASELINE, targets=ANY,
    ),
    Entry(
        "joint+unimodal",
        "joint training plus every modality's own loss, equal weights; cheap, and hard to beat",
        "equimodal.methods.joint:JointUnimodal",
        objective="own", family=BASELINE, cost=("own logits",),
        needs=("differentiable readout",), targets=ANY,
        fits=(
            Fit(STARVED, "a loss for each modality keeps {starved} learning after the fused loss "
                "is low; the cheapest remedy"),
            Fit(FUSION, "a loss for each modality regularises the head"),
        ),
    ),
    Entry(
        "amss-fixed", "AMSS's masks at the fixed fraction 1 - 1/M",
        preset={"fraction": "fixed"}, is_control=True, **_AMSS | _UNREAD,
    ),
    Entry(
        "amss-scale", "gradients times AMSS's shares, no masks",
        preset={"mask": "none"}, is_control=True, **_AMSS,
    ),
    Entry(
        "amss-uniform", "AMSS's masks with units drawn uniformly",
        preset={"importance": "uniform"}, is_control=True, **_AMSS,
    ),
    Entry(
        "amss",
        "updates a Fisher-sampled share of each encoder's units, fewer where the modality is ahead",
        controls=("amss-fixed", "amss-scale", "amss-uniform"),
        main=Range("tau", 0.05, 2.0),
        fits=(
            Fit(AHEAD, "updates fewer units of the encoder that is ahead, here {ahead}, so that "
                "the fused loss leaves something for {starved}"),
        ),
        functions=(
            "equimodal.methods.amss_equations:modality_significance",
            "equimodal.methods.amss_equations:update_fractions",
            "equimodal.methods.amss_equations:unit_importance",
            "equimodal.methods.amss_equations:sample_units",
        ),
        **_AMSS,
    ),
    Entry(
        "amss+-fixed", "AMSS+'s masks at the fixed fraction 1 - 1/M",
        preset={"weighting": "unbiased", "fraction": "fixed"}, is_control=True, **_AMSS | _UNREAD,
    ),
    Entry(
        "amss+",
        "AMSS with a mask that is unbiased but for a cap on its weights; without the cap, in "
        "expectation, joint training plus noise",
        preset={"weighting": "unbiased"}, controls=("amss+-fixed",),
        main=Range("tau", 0.05, 2.0),
        **_AMSS | {
            "released": 'weights `1 / (p + 1/n)`, neither unbiased nor of unit scale: '
            '`weighting="official"`; scripts as of `amss`',
        },
    ),
    Entry(
        "dus-uniform", "unpaired batches of equal size",
        preset={"rule": "uniform"}, is_control=True, **_DUS,
    ),
    Entry(
        "dus",
        "unpaired batches, larger for the modality with the lower cumulative score; standing "
        "alone, it is an ensemble trained in one loop",
        preset={"rule": "inverse"}, controls=("dus-uniform",),
        main=Range("gamma", 0.25, 4.0),
        fits=(
            Fit(STARVED, "draws larger batches for the modality that scores lower, here {starved}, "
                "on losses of its own"),
        ),
        functions=(
            "equimodal.methods.dus_counts:cumulative_score",
            "equimodal.methods.dus_counts:sample_counts",
        ),
        **_DUS,
    ),
    Entry(
        "dus-rl",
        "unpaired batches sized by a learned policy, which needs long runs to learn anything",
        controls=("dus-uniform",),
        main=Range("policy_lr", 0.001, 0.1), quick={"hold": 1, "every": 2},
        **_DUS | {"target": "equimodal.methods.dus_learned:DUSLearned"},
    ),
    Entry(
        "relearn-fixed", "soft re-initialisation at the fixed strength 0.5",
        preset={"strength": 0.5}, is_control=True,
        **_RELEARN | {"cost": ("memory",), "needs": ("epochs",), "targets": ANY},
    ),
    Entry(
        "relearn",
        "now and then pulls encoders back towards their initial weights, further where the purity "
        "gap is large",
        preset={"strength": None}, controls=("relearn-fixed",),
        main=Range("lam", 0.5, 10.0),
        fits=(
            Fit(AHEAD, "moves an encoder that has over-learned, more likely {ahead}, back towards "
                "its start"),
        ),
        functions=(
            "equimodal.numerics.purity:cluster_purity",
            "equimodal.methods.diagnose_relearn:relearn_strength",
        ),
        **_RELEARN,
    ),
    *GRADIENTS,
    *FEATURES,
    *LOSSES,
    *SETS,
    *TEACHERS,
    *TURNS,
    *MODELS,
    *ITEMS,
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
