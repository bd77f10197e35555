"""Diagnosing & Re-learning on CMU-MOSI: text, sound and face as features, a transformer each."""

from equimodal.recipes import relearn
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

TRANSFORMER = Value("transformer", f"summary of the paper: a transformer; its size, {OURS}")

RECIPE = Recipe(
    name="relearn/cmu_mosi",
    paper=relearn.PAPER,
    about="CMU-MOSI, opinion or not: text, sound and face as features, a small transformer each.",
    data="cmu-mosi",
    rows=relearn.ROWS,
    converter={"labels": Value("sign", f"{OURS}: two classes, as the field's toolkit has it")},
    columns={
        "text": {"length": Value(50, OURS)},
        "audio": {"length": Value(50, OURS)},
        "vision": {"length": Value(50, OURS)},
    },
    encoders={"text": TRANSFORMER, "audio": TRANSFORMER, "vision": TRANSFORMER},
    fusion=relearn.CONCAT,
    objective=relearn.FUSED,
    optimizer=Value("sgd", relearn.LAB),
    lr=Value(0.002, relearn.LAB),
    schedule=Value("constant", relearn.CREMAD),
    epochs=Value(90, relearn.CREMAD),
    batch_size=Value(64, relearn.LAB),
    settings={
        "sgd.momentum": Value(0.9, relearn.CREMAD),
        "sgd.weight_decay": Value(1e-4, relearn.CREMAD),
        **relearn.method_settings(relearn.CREMAD),
    },
    published=(Published("joint", 61.09, "InfoReg (CVPR 2025)"),),
    differences=(
        "No number of Diagnosing & Re-learning on CMU-MOSI could be read in any source.",
        relearn.UNRELEASED,
        relearn.SELECTION,
        relearn.SIZES,
    ),
    tiny=relearn.TINY,
)
