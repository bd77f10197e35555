"""DUS, in our design, on Kinetics-Sounds with the settings of papers by the same authors."""

from equimodal.recipes import dus
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

RECIPE = Recipe(
    name="dus/kinetics_sounds",
    paper=dus.PAPER,
    about="Kinetics-Sounds, 31 actions: sound and three video frames, ResNet-18 from scratch each.",
    data="kinetics-sounds",
    rows=dus.ROWS,
    converter={"validation": Value(0.1, f"{OURS}: of train; the lists name train and test")},
    columns={
        "sound": {
            "rate": Value(35400, "comment in the released code of AMSS, same group"),
            "seconds": Value(10.0, dus.AMSS),
            "scale": Value("linear", f"{dus.AMSS}: log of the STFT's modulus, 257 x 1004"),
            "window": Value(512, dus.AMSS),
            "hop": Value(353, dus.AMSS),
            "level": Value("as_is", OURS),
        },
        "video": {
            "frames": Value(3, dus.AMSS),
            "size": Value(224, dus.AMSS),
            "augment": Value(["resized_crop", "flip"], dus.AMSS),
        },
    },
    encoders={
        "sound": Value("resnet18", f"{dus.AUG}: from scratch"),
        "video": Value("resnet18", f"{dus.AUG}: from scratch"),
    },
    fusion=dus.CONCAT,
    objective=dus.FUSED,
    optimizer=Value("sgd", dus.AUG),
    lr=Value(0.01, dus.AUG),
    schedule=Value("step:60:0.1", dus.AMSS),
    epochs=Value(80, dus.AMSS),
    batch_size=Value(64, dus.AUG),
    settings={**dus.SGD, **dus.RULES},
    published=(
        Published("joint", 65.67, "InfoReg (CVPR 2025), fused loss only"),
        Published("joint+unimodal", 68.71, "InfoReg (CVPR 2025), with unimodal losses"),
        Published("joint", 65.63, "BalanceBenchmark, table", 65.28, what="Baseline"),
    ),
    differences=(
        dus.NO_NUMBERS,
        "The group's own split has 15,000, 1,900 and 1,900 clips (AUG paper) and is not published; "
        "here it is that of OGM-GE's lists, 14,799 and 2,597.",
        dus.SATURATES,
        dus.HEAD,
        dus.CONTROL,
    ),
    tiny=dus.TINY,
)
