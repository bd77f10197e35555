"""Diagnosing & Re-learning on CMU-MOSEI: text, sound and face as features, a transformer each."""

from equimodal.recipes import relearn
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

TRANSFORMER = Value("transformer", f"summary of the paper: a transformer; its size, {OURS}")

RECIPE = Recipe(
    name="relearn/cmu_mosei",
    paper=relearn.PAPER,
    about="CMU-MOSEI, opinion or not: text, sound and face as features, a small transformer each.",
    data="cmu-mosei",
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
    published=(
        Published("relearn", 78.65, relearn.BENCHMARK, 70.02),
        Published("joint", 78.99, relearn.BENCHMARK, 69.40, what="Baseline"),
    ),
    differences=(
        "The table gives MLA the very same numbers as Diagnosing & Re-learning, which may be an "
        "error of its authors.",
        relearn.UNRELEASED,
        relearn.SELECTION,
        relearn.SIZES,
        relearn.TOOLKIT,
    ),
    tiny=relearn.TINY,
)
