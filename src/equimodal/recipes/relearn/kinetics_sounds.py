"""Diagnosing & Re-learning on Kinetics-Sounds, with the lab's defaults."""

from equimodal.recipes import relearn
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

RECIPE = Recipe(
    name="relearn/kinetics_sounds",
    paper=relearn.PAPER,
    about="Kinetics-Sounds, 31 actions: filter banks and three frames, ResNet-18 from scratch.",
    data="kinetics-sounds",
    rows=relearn.ROWS,
    converter={"validation": Value(0.1, f"{OURS}: of train; the lists name train and test")},
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
        Published("relearn", 69.10, relearn.QUOTED),
        Published("relearn", 65.92, relearn.BENCHMARK, 65.48),
        Published("joint", 65.63, relearn.BENCHMARK, 65.28, what="Baseline"),
        Published("joint", 65.67, "InfoReg (CVPR 2025), fused loss only"),
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
