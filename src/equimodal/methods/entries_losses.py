"""Methods of the field that act in the loss, on request: a control stands before its method."""

from typing import Any

from equimodal.methods.entry import STARVED, Entry, Fit, Range

_PMR: dict[str, Any] = {
    "target": "equimodal.methods.pmr:PMR",
    "family": "loss",
    "on_request": True,
    "records": {"acceleration": "weight of the prototypes' cross-entropy"},
}

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
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
