"""Methods of the field that train encoders in turn, on request: controls before their method."""

from typing import Any

from equimodal.methods.entry import Entry, Range

_MLA: dict[str, Any] = {
    "target": "equimodal.methods.mla:MLA", "family": "alternation", "objective": "own",
    "on_request": True,
}  # fmt: skip

TURNS = (
    Entry(
        "mla-plain",
        "MLA's turns and its prediction by confidence, the shared head's gradient as it is",
        preset={"projection": "none"}, is_control=True, **_MLA,
    ),
    Entry(
        "mla",
        "trains the encoders in turn on their own losses through one head, whose gradient spares "
        "the features seen before, and predicts by confidence",
        controls=("mla-plain",),
        main=Range("alpha", 0.01, 1.0),
        functions=(
            "equimodal.methods.mla:next_projection",
            "equimodal.numerics.mixing:confidence_weights",
        ),
        **_MLA,
    ),
)  # fmt: skip
