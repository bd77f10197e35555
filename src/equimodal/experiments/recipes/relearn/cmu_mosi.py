"""Diagnosing & Re-learning on CMU-MOSI: text, sound and face as features, a transformer each."""

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import OURS, Published, Value

MODALITIES = ("text", "audio", "vision")

RECIPE = relearn.recipe(
    name="relearn/cmu_mosi",
    about="CMU-MOSI, opinion or not: text, sound and face as features, a small transformer each.",
    data="cmu-mosi",
    converter={"labels": Value("sign", f"{OURS}: two classes, as the field's toolkit has it")},
    columns={modality: {"length": Value(50, OURS)} for modality in MODALITIES},
    encoders=dict.fromkeys(
        MODALITIES, Value("transformer", f"summary of the paper: a transformer; its size, {OURS}")
    ),
    published=(Published("joint", 61.09, "InfoReg (CVPR 2025)"),),
    differences=(
        "No number of Diagnosing & Re-learning on CMU-MOSI could be read in any source.",
        relearn.UNRELEASED,
        relearn.SELECTION,
        relearn.SIZES,
    ),
)
