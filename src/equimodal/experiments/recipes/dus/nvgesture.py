"""DUS, in our design, on NVGesture with the settings of papers by the same authors."""

from equimodal.experiments.recipes import dus
from equimodal.experiments.recipes.amss import nvgesture
from equimodal.experiments.recipes.recipe import OURS, Value

RECIPE = dus.recipe(
    nvgesture.RECIPE,
    encoders=dict.fromkeys(
        nvgesture.SENSORS, Value("i3d", f"{dus.AUG}: I3D, pretrained there; from scratch, {OURS}")
    ),
    batch_size=Value(16, f"{OURS}: 2 in the AUG paper, but batch normalisation needs 8 rows here"),
    differences=(
        dus.NO_NUMBERS,
        "The AUG paper's I3D is pretrained; its weights do not come with this library.",
        nvgesture.DISK,
        dus.SATURATES,
        dus.HEAD,
        dus.CONTROL,
    ),
)
