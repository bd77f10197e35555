"""DUS, in our design, on NVGesture with the settings of papers by the same authors."""

from equimodal.recipes import dus
from equimodal.recipes.recipe import OURS, Recipe, Value

CLIP = {
    "frames": Value(64, dus.AMSS),
    "size": Value(256, f"{OURS}: the crop is cut from it"),
    "crop": Value(224, f"{dus.AMSS}: at a random place in training, else from the middle"),
    "augment": Value(["crop"], dus.AMSS),
}
I3D = Value("i3d", f"{dus.AUG}: I3D, pretrained there; from scratch, {OURS}")

RECIPE = Recipe(
    name="dus/nvgesture",
    paper=dus.PAPER,
    about="NVGesture, 25 gestures: colour, optical flow and depth, an I3D from scratch each.",
    data="nvgesture",
    rows=dus.ROWS,
    converter={
        "validation": Value(0.1, f"{OURS}: of train, in whole subjects"),
        "flow_frames": Value(64, f"{OURS}: as many as the colour clip has frames"),
        "flow_size": Value(256, f"{OURS}: what the crop is cut from"),
    },
    columns={"color": CLIP, "flow": CLIP, "depth": CLIP},
    encoders={"color": I3D, "flow": I3D, "depth": I3D},
    fusion=dus.CONCAT,
    objective=dus.FUSED,
    optimizer=Value("sgd", dus.AUG),
    lr=Value(0.01, dus.AUG),
    schedule=Value("multistep:80,90:0.1", dus.AMSS),
    epochs=Value(100, dus.AMSS),
    batch_size=Value(16, f"{OURS}: 2 in the AUG paper, but batch normalisation needs 8 rows here"),
    settings={**dus.SGD, **dus.RULES},
    differences=(
        dus.NO_NUMBERS,
        "The AUG paper's I3D is pretrained; its weights do not come with this library.",
        "The decoded clips take 58 GB: set EQUIMODAL_CACHE_LIMIT=60.",
        dus.SATURATES,
        dus.HEAD,
        dus.CONTROL,
    ),
    tiny=dus.TINY,
)
