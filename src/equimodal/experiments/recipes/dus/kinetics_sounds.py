"""DUS, in our design, on Kinetics-Sounds with the settings of papers by the same authors."""

from equimodal.experiments.recipes import dus
from equimodal.experiments.recipes.amss import kinetics_sounds
from equimodal.experiments.recipes.recipe import Published

RECIPE = dus.recipe(
    kinetics_sounds.RECIPE,
    encoders={"sound": dus.RESNET18, "video": dus.RESNET18},
    published=(
        Published("joint", 65.67, "InfoReg (CVPR 2025), fused loss only"),
        Published("joint+unimodal", 68.71, "InfoReg (CVPR 2025), with unimodal losses"),
        Published("joint", 65.63, "BalanceBenchmark, table", 65.28, what="Baseline"),
    ),
    differences=(
        dus.NO_NUMBERS,
        kinetics_sounds.SPLIT,
        dus.SATURATES,
        dus.HEAD,
        dus.CONTROL,
    ),
)
