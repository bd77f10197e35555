"""Diagnosing & Re-learning on VGGSound, with the lab's defaults."""

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import OURS, Published, Value

RECIPE = relearn.clips(
    name="relearn/vggsound",
    about="VGGSound, 309 events: filter banks and three frames, ResNet-18 from scratch each.",
    data="vggsound",
    converter={"validation": Value(0.1, f"{OURS}: of train; the list names train and test")},
    published=(
        Published("relearn", 48.12, relearn.BENCHMARK, 47.04),
        Published("joint", 48.08, relearn.BENCHMARK, 46.98, what="Baseline"),
    ),
)
