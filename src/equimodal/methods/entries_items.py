"""Methods of the field that list the items of every epoch: a control stands before its method."""

from typing import Any

from equimodal.methods.entry import AHEAD, STARVED, Entry, Fit
from equimodal.methods.facts import CLASSES

_SMV: dict[str, Any] = {
    "target": "equimodal.methods.smv:SMV", "family": "sampling", "on_request": True,
    "records": {"contribution": "mean contribution", "copies": "extra copies a sample"},
    "cost": ("own items", "epoch"),
    "needs": ("encoder modules", "train loader", "epochs", "own batches"), "targets": CLASSES,
}  # fmt: skip
_REMIX: dict[str, Any] = {
    "target": "equimodal.methods.remix:Remix", "family": "sampling", "objective": "own",
    "on_request": True, "records": {"share": "share of the samples"},
    "cost": ("own logits", "own items", "epoch"), "needs": (
        "differentiable readout", "encoder modules", "train loader", "epochs", "own batches",
    ), "targets": CLASSES,
}  # fmt: skip
_BSS: dict[str, Any] = {
    "target": "equimodal.methods.bss:BSS", "family": "sampling", "objective": "own",
    "on_request": True,
    "records": {"agreement": "mean agreement", "samples": "share of the samples trained on"},
    "cost": ("own logits", "own items", "epoch"),
    "needs": ("differentiable readout", "train loader", "epochs", "own batches"),
    "targets": CLASSES,
}  # fmt: skip
_VALUED: dict[str, Any] = {"warm_up": 1 / 12}
_REMIXED: dict[str, Any] = {"warm_up": 1 / 6}

ITEMS = (
    Entry(
        "smv-random", "as many extra samples of one modality alone as in `smv`, drawn at random",
        preset={"choice": "random"} | _VALUED, is_control=True, **_SMV,
    ),
    Entry(
        "smv",
        "trains samples again with the modality alone that contributes little to them; epochs "
        "are up to 1 + 2M times longer",
        preset=_VALUED, controls=("smv-random",),
        fits=(
            Fit(STARVED, "trains the samples that {starved} contributes little to with it alone"),
        ),
        functions=(
            "equimodal.methods.smv:sample_contributions", "equimodal.methods.smv:extra_copies",
        ),
        **_SMV,
    ),
    Entry(
        "smv-modality",
        "trains random samples again with the modality alone that contributes least on average",
        preset={"level": "modality"} | _VALUED, controls=("smv-random",),
        functions=("equimodal.methods.smv:repeated_share",),
        **_SMV,
    ),
    Entry(
        "remix-random", "`remix` with as many samples a modality, given at random",
        preset={"choice": "random"} | _REMIXED, is_control=True, **_REMIX,
    ),
    Entry(
        "remix-mixed", "`remix` in batches that mix samples of all modalities",
        preset={"batches": "mixed"} | _REMIXED, is_control=True, **_REMIX,
    ),
    Entry(
        "remix",
        "each sample trains only the modality that separates it worst, in batches of one modality; "
        "after the warm-up the head sees no complete sample",
        preset=_REMIXED, controls=("remix-random", "remix-mixed"),
        fits=(
            Fit(STARVED, "gives {starved} the samples that it separates worst, alone"),
            Fit(AHEAD, "no gradient of {ahead} reaches a batch of another modality"),
        ),
        functions=(
            "equimodal.methods.remix:separation", "equimodal.methods.remix:hardest_modality",
        ),
        **_REMIX,
    ),
    Entry(
        "bss-random", "as many samples an epoch as in `bss`, ranked at random",
        preset={"difficulty": "random"}, is_control=True, **_BSS,
    ),
    Entry(
        "bss-loss", "`bss` ranked by the loss alone",
        preset={"difficulty": "loss"}, is_control=True, **_BSS,
    ),
    Entry(
        "bss",
        "begins with the samples whose modalities agree and adds the others as training goes on; "
        "fewer steps than joint training",
        controls=("bss-random", "bss-loss"),
        functions=(
            "equimodal.methods.bss:agreement", "equimodal.methods.bss:spread_out",
            "equimodal.methods.bss:curriculum_share",
        ),
        **_BSS,
    ),
    Entry(
        "bss-learned",
        "draws the order of every epoch, samples whose modalities agree sooner; as many steps as "
        "joint training",
        preset={"order": "drawn"}, controls=("joint+unimodal",),
        functions=("equimodal.methods.bss:draw_chances",),
        **_BSS | {"needs": ("differentiable readout", "train loader", "own batches")},
    ),
)  # fmt: skip
"""Ranges are ours; each holds the method's default."""
