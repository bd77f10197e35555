"""Diagnosing & Re-learning on Kinetics-Sounds, with the lab's defaults."""

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import OURS, Published, Value

RECIPE = relearn.clips(
    name="relearn/kinetics_sounds",
    about="Kinetics-Sounds, 31 actions: filter banks and three frames, ResNet-18 from scratch.",
    data="kinetics-sounds",
    converter={"validation": Value(0.1, f"{OURS}: of train; the lists name train and test")},
    published=(
        Published("relearn", 69.10, relearn.QUOTED),
        Published("relearn", 65.92, relearn.BENCHMARK, 65.48),
        Published("joint", 65.63, relearn.BENCHMARK, 65.28, what="Baseline"),
        Published("joint", 65.67, "InfoReg (CVPR 2025), fused loss only"),
    ),
)
