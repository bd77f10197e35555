"""Methods of the field that bring a model of their own, on request."""

from typing import Any

from equimodal.methods.entry import AHEAD, STARVED, Entry, Fit, Range
from equimodal.methods.facts import CLASSES, but

_MMCOSINE: dict[str, Any] = {
    "target": "equimodal.methods.mmcosine:MMCosine", "family": "architecture",
    "fusion": "cosine", "on_request": True,
    "needs": ("own head",), "targets": but("numbers"),
    "released": "trains cosines and tests linear logits with an untrained bias on CREMA-D; no "
    "argument",
    "port": "scale 15, `scale=15`; two or three modalities",
}  # fmt: skip
_GREEDY: dict[str, Any] = {
    "target": "equimodal.methods.greedy:ConditionalSpeed", "family": "architecture",
    "objective": "own", "fusion": "mmtm", "on_request": True, "quick": {"updates": 1},
    "records": {"speed": "log10 of the exchange's speed over the branch's", "cut": "cut off"},
    "cost": ("own logits", "gradients"), "needs": ("differentiable readout", "own head"),
    "targets": CLASSES,
    "released": "the second branch's running mean is of the first one's gates; evaluation counts "
    "in them; three exchanges within the branches",
    "port": "a threshold of 0.001, `eps=0.001`; running means that are dropped in every pass; one "
    "fused loss",
}  # fmt: skip

MODELS = (
    Entry(
        "mmcosine-features", "a cosine head whose class weights keep their lengths",
        preset={"normalise": "features"}, is_control=True, quick={"scale": 1.0}, **_MMCOSINE,
    ),
    Entry(
        "mmcosine-weights", "a cosine head that reads features at their own lengths",
        preset={"normalise": "weights"}, is_control=True, quick={"scale": 1.0}, **_MMCOSINE,
    ),
    Entry(
        "mmcosine",
        "joint training of a head that sums the scaled cosines of each modality, so that none owns "
        "the logits by its size; another model than the other rows'",
        controls=("joint", "mmcosine-features", "mmcosine-weights"),
        main=Range("scale", 2.0, 50.0),
        fits=(
            Fit(AHEAD, "gives {ahead} and {starved} logits of the same range, so that neither owns "
                "the prediction by large features and weights"),
        ),
        functions=("equimodal.numerics.cosines:cosine_logits",),
        **_MMCOSINE,
    ),
    Entry(
        "greedy-off", "branches that exchange features, each on its own loss; nothing is cut off",
        preset={"switch": "off"}, is_control=True,
        **_GREEDY | {"quick": {}, "cost": ("own logits",)},
    ),
    Entry(
        "greedy-random", "a branch by lot is cut off from the exchange after every regular update",
        preset={"switch": "random"}, is_control=True, **_GREEDY,
    ),
    Entry(
        "greedy",
        "cuts the branch off from the exchange of features that learns more by the exchange than "
        "by itself; another model than the other rows', with one exchange",
        controls=("greedy-random", "greedy-off"),
        main=Range("eps", 0.001, 0.5),
        fits=(
            Fit(STARVED, "lets a branch that leans on the others learn from its own modality"),
        ),
        functions=(
            "equimodal.methods.greedy:learning_speed",
            "equimodal.methods.greedy:conditional_speeds",
        ),
        **_GREEDY,
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
