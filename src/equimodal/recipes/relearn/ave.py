"""Diagnosing & Re-learning on AVE, with the lab's defaults."""

from equimodal.recipes import relearn
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

RECIPE = Recipe(
    name="relearn/ave",
    paper=relearn.PAPER,
    about="AVE, 28 events: filter banks and three frames, ResNet-18 from scratch each.",
    data="ave",
    rows=relearn.ROWS,
    converter={},
    columns={
        "sound": {
            "rate": Value(16000, OURS),
            "seconds": Value(10.23, "lab's code: 1,024 steps of 10 ms"),
            "bands": Value(128, "lab's code: kaldi filter banks"),
            "window": Value(400, f"{OURS}: 25 ms"),
            "hop": Value(160, "lab's code: 10 ms"),
            "level": Value("as_is", OURS),
        },
        "video": {
            "frames": Value(3, OURS),
            "size": Value(224, OURS),
            "augment": Value(["resized_crop", "flip"], OURS),
        },
    },
    encoders={
        "sound": Value("resnet18", relearn.CREMAD),
        "video": Value("resnet18", relearn.CREMAD),
    },
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
    published=(Published("relearn", 69.62, relearn.QUOTED),),
    differences=(
        relearn.UNRELEASED,
        relearn.SELECTION,
        relearn.FEATURES,
        relearn.SIZES,
    ),
    tiny=relearn.TINY,
)
