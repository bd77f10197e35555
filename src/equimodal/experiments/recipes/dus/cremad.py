"""DUS, in our design, on CREMA-D with the settings of papers by the same authors."""

from equimodal.experiments.recipes import dus
from equimodal.experiments.recipes.amss import cremad
from equimodal.experiments.recipes.recipe import OURS, Published, Value

RECIPE = dus.recipe(
    cremad.RECIPE,
    converter={
        "split": Value("usual", f"{dus.AUG}: 6,698 train and 744 test clips"),
        "validation": Value(0.1, f"{OURS}: of train"),
    },
    columns={
        "sound": {"seconds": Value(3.0, f"{dus.AMSS}; the code of AUG has 20 s")},
        "video": {"augment": Value(["resized_crop", "flip"], f"{dus.AMSS}, of Kinetics-Sounds")},
    },
    encoders={"sound": dus.RESNET18, "video": dus.RESNET18},
    published=(
        Published("joint", 65.07, "AUG paper (NeurIPS 2025), same group", what="naive MML"),
        Published("joint", 66.61, "InfoReg (CVPR 2025), fused loss only"),
        Published("joint+unimodal", 70.81, "InfoReg (CVPR 2025), with unimodal losses"),
    ),
)
