"""Diagnosing & Re-learning on VGGSound, with the lab's defaults."""

from equimodal.recipes import relearn
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

RECIPE = Recipe(
    name="relearn/vggsound",
    paper=relearn.PAPER,
    about="VGGSound, 309 events: filter banks and three frames, ResNet-18 from scratch each.",
    data="vggsound",
    rows=relearn.ROWS,
    converter={"validation": Value(0.1, f"{OURS}: of train; the list names train and test")},
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
    published=(
        Published("relearn", 48.12, relearn.BENCHMARK, 47.04),
        Published("joint", 48.08, relearn.BENCHMARK, 46.98, what="Baseline"),
    ),
    differences=(
        relearn.UNRELEASED,
        relearn.SELECTION,
        relearn.FEATURES,
        relearn.SIZES,
        relearn.TOOLKIT,
    ),
    tiny=relearn.TINY,
)
