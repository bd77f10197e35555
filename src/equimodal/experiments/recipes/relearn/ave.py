"""Diagnosing & Re-learning on AVE, with the lab's defaults."""

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import Published

RECIPE = relearn.clips(
    name="relearn/ave",
    about="AVE, 28 events: filter banks and three frames, ResNet-18 from scratch each.",
    data="ave",
    converter={},
    published=(Published("relearn", 69.62, relearn.QUOTED),),
    differences=(relearn.UNRELEASED, relearn.SELECTION, relearn.FEATURES, relearn.SIZES),
)
