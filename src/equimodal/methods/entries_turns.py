"""Methods of the field that train encoders in turn, on request: controls before their method."""

from typing import Any

from equimodal.methods.entry import BASELINE, Entry, Range
from equimodal.methods.facts import ANY, CLASSES

_MLA: dict[str, Any] = {
    "target": "equimodal.methods.mla:MLA", "family": "alternation", "objective": "own",
    "fusion": "shared", "on_request": True,
    "cost": ("own logits", "gradients", "updates"),
    "needs": ("differentiable readout", "own batches", "own head"), "targets": CLASSES,
    "released": 'never projects, `projection="none"`; spares the update\'s own features, '
    '`projection="current"`; an entropy of the batch; moves encoders out of turn by momentum',
}  # fmt: skip

TURNS = (
    Entry(
        "joint-shared", "joint training of one head that reads each modality, on its summed logits",
        "equimodal.methods.joint:Joint",
        family=BASELINE, fusion="shared", is_control=True, on_request=True,
        needs=("own head",), targets=ANY,
    ),
    Entry(
        "mla-plain",
        "MLA's turns and its prediction by confidence, the shared head's gradient as it is",
        preset={"projection": "none"}, is_control=True,
        **_MLA | {"cost": ("own logits", "updates")},
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
