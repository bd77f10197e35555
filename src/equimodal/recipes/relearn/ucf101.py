"""Diagnosing & Re-learning on UCF-101: frames and optical flow, with the lab's defaults."""

from equimodal.recipes import relearn
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

RECIPE = Recipe(
    name="relearn/ucf101",
    paper=relearn.PAPER,
    about="UCF-101, 101 actions: frames and their optical flow, ResNet-18 from scratch each.",
    data="ucf101",
    rows=relearn.ROWS,
    converter={
        "fold": Value(1, f"{OURS}: of the three that are published"),
        "validation": Value(0.1, f"{OURS}: of train, in whole groups"),
        "flow_frames": Value(3, f"{OURS}: as many as frames"),
    },
    columns={
        "rgb": {
            "frames": Value(3, OURS),
            "size": Value(224, OURS),
            "augment": Value(["resized_crop", "flip"], OURS),
        },
        "flow": {
            "frames": Value(3, OURS),
            "size": Value(224, OURS),
            "augment": Value(["resized_crop", "flow_flip"], OURS),
        },
    },
    encoders={
        "rgb": Value("resnet18", f"{relearn.CODE}, which loads ImageNet weights; scratch, {OURS}"),
        "flow": Value("resnet18", OURS),
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
        Published("relearn", 82.11, relearn.QUOTED),
        Published("relearn", 82.87, relearn.BENCHMARK, 82.15),
        Published("joint", 81.80, relearn.BENCHMARK, 81.21, what="Baseline"),
    ),
    differences=(
        relearn.UNRELEASED,
        "The released classifier loads ImageNet weights, which do not come with this library. "
        "Where they are on your disk: --encoder rgb=hf:microsoft/resnet-18; re-learning then "
        "pulls towards these.",
        relearn.SELECTION,
        relearn.FEATURES,
        relearn.SIZES,
        relearn.TOOLKIT,
    ),
    tiny=relearn.TINY,
)
