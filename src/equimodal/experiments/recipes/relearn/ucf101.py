"""Diagnosing & Re-learning on UCF-101: frames and optical flow, with the lab's defaults."""

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import OURS, Published, Value

RECIPE = relearn.recipe(
    name="relearn/ucf101",
    about="UCF-101, 101 actions: frames and their optical flow, ResNet-18 from scratch each.",
    data="ucf101",
    converter={
        "fold": Value(1, f"{OURS}: of the three that are published"),
        "validation": Value(0.1, f"{OURS}: of train, in whole groups"),
        "flow_frames": Value(3, f"{OURS}: as many as frames"),
    },
    columns={
        "rgb": relearn.FRAMES,
        "flow": {**relearn.FRAMES, "augment": Value(["resized_crop", "flow_flip"], OURS)},
    },
    encoders={
        "rgb": Value("resnet18", f"{relearn.CODE}, which loads ImageNet weights; scratch, {OURS}"),
        "flow": Value("resnet18", OURS),
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
        *relearn.COMMON,
    ),
)
