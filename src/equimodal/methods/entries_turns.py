"""Methods of the field that train encoders in turn, on request: controls before their method."""

from typing import Any

from equimodal.methods.entry import AHEAD, BASELINE, Entry, Fit, Range
from equimodal.methods.facts import ANY, CLASSES

_MLA: dict[str, Any] = {
    "target": "equimodal.methods.mla:MLA", "family": "alternation", "objective": "own",
    "fusion": "shared", "on_request": True,
    "cost": ("own logits", "gradients", "updates"),
    "needs": ("differentiable readout", "own batches", "own head"), "targets": CLASSES,
    "released": 'never projects, `projection="none"`; spares the update\'s own features, '
    '`projection="current"`; an entropy of the batch; moves encoders out of turn by momentum',
}  # fmt: skip

_RECONBOOST: dict[str, Any] = {
    "target": "equimodal.methods.reconboost:ReconBoost", "family": "alternation",
    "objective": "own", "fusion": "shared", "on_request": True,
    "quick": {"boost_epochs": 1, "rectify_epochs": 1},
    "cost": ("own logits",),
    "needs": ("differentiable readout", "own head", "own networks"),
    "targets": CLASSES,
    "released": "its consolidation term has no gradient; its first stage meets random numbers; "
    "a thousand stages from encoders that were trained alone, `pretrained=true`",
    "port": "a boost rate of 0.01 at first; one optimizer in both phases; both phases of all "
    "modalities in every epoch",
}  # fmt: skip
_DI_MML: dict[str, Any] = {
    "target": "equimodal.methods.di_mml:DIMML", "family": "alternation", "objective": "own",
    "on_request": True,
    "cost": ("own logits", "epoch"),
    "needs": ("encoder modules", "train loader", "epochs", "own networks"),
    "targets": CLASSES,
    "released": "tests dimensions on augmented rows; two modalities; its last stage takes up the "
    "last epoch at which one was best on test",
}  # fmt: skip
_IGM: dict[str, Any] = {
    "target": "equimodal.methods.igm:IGM", "family": "alternation", "objective": "own",
    "on_request": True, "quick": {"stage_epochs": 1},
    "cost": ("own logits", "gradients", "epoch"),
    "needs": ("encoder modules", "train loader", "own networks"),
    "targets": CLASSES,
    "released": "heads of three layers; moments of means of batches; a flattening step of 1e-10; "
    "stages of 25 to 50 epochs from the best on test, `stage_epochs=25`",
}  # fmt: skip
_AUG: dict[str, Any] = {
    "target": "equimodal.methods.aug:AUG", "family": "alternation", "objective": "own",
    "on_request": True, "quick": {"every": 1, "tau": 0.0, "most": 2},
    "records": {"classifiers": "classifiers of the modality"},
    "cost": ("own logits",), "needs": ("encoder modules", "epochs", "own networks"),
    "targets": CLASSES,
    "released": "added classifiers are in no optimizer, `train_added=false`; an update a modality, "
    '`alternate=true`; a ratio of scores, `test="ratio"`; weights .4 and .6 of the modalities; the '
    "best epoch on test",
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
    Entry(
        "reconboost-plain",
        "ReconBoost's stages, every sample of one weight whatever the others know",
        preset={"w2": 0.0}, is_control=True, **_RECONBOOST,
    ),
    Entry(
        "reconboost",
        "trains one modality for some epochs, less on samples that the others get right, and then "
        "all together on their summed logits",
        controls=("reconboost-plain", "joint-shared"),
        main=Range("w2", 0.25, 4.0),
        functions=("equimodal.methods.reconboost:residual_weights",),
        **_RECONBOOST,
    ),
    Entry(
        "di-mml-detached",
        "DI-MML's own heads, shared classifier and late fusion, no modality drawn to another",
        preset={"contrast": 0.0}, is_control=True,
        **_DI_MML
        | {"cost": ("own logits",), "needs": ("encoder modules", "epochs", "own networks")},
    ),
    Entry(
        "di-mml",
        "trains encoders through heads of their own, draws each to what the others know alone, and "
        "fuses last",
        controls=("di-mml-detached",),
        main=Range("temperature", 1.0, 100.0),
        quick={"contrast_from": 0.25, "fusion_from": 0.75},
        functions=(
            "equimodal.methods.di_mml:dimension_accuracies",
            "equimodal.methods.di_mml:drawn_to",
            "equimodal.numerics.mixing:certainty_mixture",
        ),
        **_DI_MML,
    ),
    Entry(
        "igm-fixed", "IGM's stages and heads, their gradients as they are",
        preset={"temperature": 0.0}, is_control=True,
        **_IGM | {"cost": ("own logits",), "needs": ("encoder modules", "own networks")},
    ),
    Entry(
        "igm",
        "trains one modality after the other through its own head, whose gradient keeps directions "
        "in which the features of the one before vary little",
        controls=("igm-fixed",),
        main=Range("temperature", 0.1, 2.0),
        functions=("equimodal.methods.igm:flat_modification",),
        **_IGM,
    ),
    Entry(
        "aug-fixed", "AUG's losses with ten classifiers of each modality from the start",
        preset={"classifiers": 10}, is_control=True,
        **_AUG | {
            "quick": {"classifiers": 1, "most": 1}, "needs": ("encoder modules", "own networks"),
        },
    ),
    Entry(
        "aug-plain", "AUG's classifiers, each trained on every row alike",
        preset={"lam": 0.0}, is_control=True, **_AUG,
    ),
    Entry(
        "aug",
        "gives a modality that lags one more classifier, which learns most where the earlier ones "
        "are wrong; no fused head",
        controls=("aug-fixed", "aug-plain"),
        main=Range("lam", 0.1, 1.0),
        fits=(
            Fit(AHEAD, "gives {starved} more classifiers while {ahead} is the surer"),
        ),
        functions=("equimodal.methods.aug:boosting_loss", "equimodal.methods.aug:lagging"),
        **_AUG,
    ),
)  # fmt: skip
