"""Methods of the field that train encoders in turn, on request: controls before their method."""

from typing import Any

from equimodal.methods.entry import BASELINE, Entry, Range

_MLA: dict[str, Any] = {
    "target": "equimodal.methods.mla:MLA", "family": "alternation", "objective": "own",
    "fusion": "shared", "on_request": True,
}  # fmt: skip

TURNS = (
    Entry(
        "joint-shared", "joint training of one head that reads each modality, on its summed logits",
        "equimodal.methods.joint:Joint",
        family=BASELINE, fusion="shared", is_control=True, on_request=True,
    ),
    Entry(
        "mla-plain",
        "MLA's turns and its prediction by confidence, the shared head's gradient as it is",
        preset={"projection": "none"}, is_control=True, **_MLA,
    ),
    Entry(
        "mla",
        "trains the encoders in turn on their own losses through one head, whose gradient spares "
        "the features seen before, and predicts by confidence",
        controls=("mla-plain", "joint-shared"),
        main=Range("alpha", 0.01, 1.0),
        functions=(
            "equimodal.methods.mla:next_projection",
            "equimodal.numerics.mixing:confidence_weights",
        ),
        **_MLA,
    ),
)  # fmt: skip
