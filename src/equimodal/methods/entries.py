"""The methods of this library, in the order of a table: a control stands before its method."""

from equimodal.methods.entry import AHEAD, BASELINE, FUSION, STARVED, Entry, Fit, Range

_AMSS = "equimodal.methods.amss:AMSS"
_DUS = "equimodal.methods.dus:DUS"
_RELEARN = "equimodal.methods.diagnose_relearn:DiagnoseRelearn"
_GRADIENTS, _SAMPLING, _WEIGHTS = "gradients", "sampling", "weights"

ENTRIES = (
    Entry(
        "joint", "equimodal.methods.joint:Joint", "plain joint training: the fused loss alone",
        family=BASELINE,
    ),
    Entry(
        "joint+unimodal", "equimodal.methods.joint:JointUnimodal",
        "joint training plus every modality's own loss, equal weights; cheap, and hard to beat",
        objective="own", family=BASELINE,
        fits=(
            Fit(STARVED, "a loss for each modality keeps {starved} learning after the fused loss "
                "is low; the cheapest remedy"),
            Fit(FUSION, "a loss for each modality regularises the head"),
        ),
    ),
    Entry(
        "amss-fixed", _AMSS, "AMSS's masks at the fixed fraction 1 - 1/M",
        preset={"fraction": "fixed"}, family=_GRADIENTS, is_control=True,
    ),
    Entry(
        "amss-scale", _AMSS, "gradients times AMSS's shares, no masks",
        preset={"mask": "none"}, family=_GRADIENTS, is_control=True,
    ),
    Entry(
        "amss-uniform", _AMSS, "AMSS's masks with units drawn uniformly",
        preset={"importance": "uniform"}, family=_GRADIENTS, is_control=True,
    ),
    Entry(
        "amss", _AMSS,
        "updates a Fisher-sampled share of each encoder's units, fewer where the modality is ahead",
        family=_GRADIENTS, controls=("amss-fixed", "amss-scale", "amss-uniform"),
        main=Range("tau", 0.05, 2.0),
        fits=(
            Fit(AHEAD, "updates fewer units of the encoder that is ahead, here {ahead}, so that "
                "the fused loss leaves something for {starved}"),
        ),
        functions=("modality_significance", "sample_units", "unit_importance", "update_fractions"),
    ),
    Entry(
        "amss+-fixed", _AMSS, "AMSS+'s masks at the fixed fraction 1 - 1/M",
        preset={"weighting": "unbiased", "fraction": "fixed"}, family=_GRADIENTS, is_control=True,
    ),
    Entry(
        "amss+", _AMSS,
        "AMSS with a mask that is unbiased but for a cap on its weights; without the cap, in "
        "expectation, joint training plus noise",
        preset={"weighting": "unbiased"}, family=_GRADIENTS, controls=("amss+-fixed",),
        main=Range("tau", 0.05, 2.0),
    ),
    Entry(
        "dus-uniform", _DUS, "unpaired batches of equal size",
        preset={"rule": "uniform"}, objective="own", family=_SAMPLING, is_control=True,
    ),
    Entry(
        "dus", _DUS,
        "unpaired batches, larger for the modality with the lower cumulative score; standing "
        "alone, it is an ensemble trained in one loop",
        preset={"rule": "inverse"}, objective="own", family=_SAMPLING, controls=("dus-uniform",),
        main=Range("gamma", 0.25, 4.0),
        fits=(
            Fit(STARVED, "draws larger batches for the modality that scores lower, here {starved}, "
                "on losses of its own"),
        ),
        functions=("cumulative_score", "sample_counts"),
    ),
    Entry(
        "dus-rl", "equimodal.methods.dus_learned:DUSLearned",
        "unpaired batches sized by a learned policy, which needs long runs to learn anything",
        objective="own", family=_SAMPLING, controls=("dus-uniform",),
        main=Range("policy_lr", 0.001, 0.1), quick={"hold": 1, "every": 2},
    ),
    Entry(
        "relearn-fixed", _RELEARN, "soft re-initialisation at the fixed strength 0.5",
        preset={"strength": 0.5}, family=_WEIGHTS, is_control=True, quick={"at": (0.5, 0.75)},
    ),
    Entry(
        "relearn", _RELEARN,
        "now and then pulls encoders back towards their initial weights, further where the purity "
        "gap is large",
        preset={"strength": None}, family=_WEIGHTS, controls=("relearn-fixed",),
        main=Range("lam", 0.5, 10.0),
        fits=(
            Fit(AHEAD, "moves an encoder that has over-learned, more likely {ahead}, back towards "
                "its start"),
        ),
        functions=("cluster_purity", "relearn_strength"), quick={"at": (0.5, 0.75)},
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
