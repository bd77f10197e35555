"""Diagnosing & Re-learning on CREMA-D, as released: its own split, two frames, no augmentation."""

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import OURS, Published, Value

RECIPE = relearn.recipe(
    name="relearn/cremad",
    about="CREMA-D, 6 emotions: sound as filter banks and two frames, ResNet-18 from scratch each.",
    data="cremad",
    converter={"split": Value("relearn", f"{relearn.CODE}: 5,954 train, 744 validation, 744 test")},
    columns={
        "sound": relearn.SOUND,
        "video": {
            "frames": Value(2, f"{relearn.CODE}: from the segments of a clip"),
            "size": Value(224, OURS),
        },
    },
    encoders=dict.fromkeys(("sound", "video"), Value("resnet18", f"{relearn.CODE}: from scratch")),
    optimizer=Value("sgd", relearn.CODE),
    lr=Value(0.002, relearn.CODE),
    schedule=Value("constant", f"{relearn.CODE}: its decay is parsed and never used"),
    epochs=Value(90, relearn.CODE),
    batch_size=Value(64, relearn.CODE),
    settings=relearn.settings(relearn.CODE),
    published=(
        Published("relearn", 73.52, relearn.QUOTED),
        Published("relearn", 71.02, relearn.BENCHMARK, 71.46),
        Published("joint", 65.50, relearn.BENCHMARK, 65.07, what="Baseline"),
        Published("joint", 66.61, "InfoReg (CVPR 2025), fused loss only"),
    ),
    differences=(
        relearn.SELECTION,
        "The released method trains on 5,954 clips without augmentation, its released baseline on "
        "6,698 with crops and flips; here every row trains on the 5,954 without.",
        "Filter banks are those of this library, standardised by the training split, not kaldi's.",
        relearn.FEATURES,
        relearn.SIZES,
        relearn.TOOLKIT,
    ),
)
