"""Methods of the field that bring a model of their own, on request."""

from typing import Any

from equimodal.methods.entry import AHEAD, Entry, Fit, Range
from equimodal.methods.facts import but

_MMCOSINE: dict[str, Any] = {
    "target": "equimodal.methods.mmcosine:MMCosine", "family": "architecture",
    "fusion": "cosine", "on_request": True,
    "needs": ("own head",), "targets": but("numbers"),
    "released": "trains cosines and tests linear logits with an untrained bias on CREMA-D; no "
    "argument",
    "port": "scale 15, `scale=15`; two or three modalities",
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
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
