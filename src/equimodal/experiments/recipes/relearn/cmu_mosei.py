"""Diagnosing & Re-learning on CMU-MOSEI, with the inputs and encoders of CMU-MOSI."""

from dataclasses import replace

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import Published
from equimodal.experiments.recipes.relearn import cmu_mosi

RECIPE = replace(
    cmu_mosi.RECIPE,
    name="relearn/cmu_mosei",
    about="CMU-MOSEI, opinion or not: text, sound and face as features, a small transformer each.",
    data="cmu-mosei",
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
)
