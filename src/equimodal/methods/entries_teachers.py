"""Methods of the field that learn from models of single modalities, trained before."""

from typing import Any

from equimodal.methods.entry import STARVED, Entry, Fit
from equimodal.methods.facts import ANY, CLASSES

_UMT: dict[str, Any] = {
    "target": "equimodal.methods.umt:UMT",
    "family": "teachers",
    "depends": ("alone:*",),
    "quick": {"lam": 1.0},
    "on_request": True,
    "cost": ("trainings",),
    "needs": ("encoder modules", "teachers"),
    "targets": ANY,
    "port": "teachers in training mode, whose batch statistics move; no argument",
}
_G2D: dict[str, Any] = {
    "target": "equimodal.methods.g2d:G2D",
    "family": "teachers",
    "depends": ("alone:*",),
    "records": {"sureness": "sureness of the teacher", "gate": "whether the encoder learns"},
    "on_request": True,
    "cost": ("gradients", "trainings"),
    "needs": ("encoder modules", "epochs", "teachers"),
    "targets": CLASSES,
    "released": 'the gate stops an encoder\'s convolutions alone: `scope="conv"`',
}

TEACHERS = (
    Entry(
        "umt-warm", "joint training whose encoders begin at the teachers' weights, not distilled",
        preset={"lam": 0, "warm_start": True}, is_control=True, **_UMT | {"quick": {}},
    ),
    Entry(
        "umt",
        "pulls each encoder to the features of a frozen one that was trained alone; costs those "
        "trainings before",
        controls=("umt-warm",),
        fits=(
            Fit(STARVED, "shows the encoder of {starved} the features that it has when it is "
                "trained alone"),
        ),
        functions=("equimodal.methods.umt:feature_distance",),
        **_UMT,
    ),
    Entry(
        "g2d-kd", "G2D's distillation from teachers, with every encoder learning throughout",
        preset={"until": 0}, is_control=True,
        **_G2D | {
            "quick": {"logits": 0.02}, "cost": ("trainings",),
            "needs": ("encoder modules", "teachers"),
        },
    ),
    Entry(
        "g2d-gate", "G2D's gate alone: encoders of surer teachers wait, nothing is distilled",
        preset={"logits": 0, "features": 0}, is_control=True, **_G2D,
    ),
    Entry(
        "g2d",
        "learns features and predictions of frozen teachers, and for half of the training only "
        "the encoder with the least sure teacher learns; costs the teachers' trainings before",
        controls=("g2d-kd", "g2d-gate"),
        fits=(
            Fit(STARVED, "lets the encoder of {starved} lead while the others wait, and shows it "
                "what it learns alone"),
        ),
        functions=(
            "equimodal.methods.g2d:distilled",
            "equimodal.methods.g2d:open_gates",
        ),
        **_G2D | {"quick": {"logits": 0.02}},
    ),
)  # fmt: skip
"""No row has a setting to search: a search would train the teachers in each of its trials."""
