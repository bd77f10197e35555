"""DUS, in our design, on CREMA-D with the settings of papers by the same authors."""

from equimodal.recipes import dus
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

RECIPE = Recipe(
    name="dus/cremad",
    paper=dus.PAPER,
    about="CREMA-D, 6 emotions: sound and one video frame, ResNet-18 from scratch each.",
    data="cremad",
    rows=dus.ROWS,
    converter={
        "split": Value("usual", f"{dus.AUG}: 6,698 train and 744 test clips"),
        "validation": Value(0.1, f"{OURS}: of train"),
    },
    columns={
        "sound": {
            "rate": Value(22050, dus.AMSS),
            "seconds": Value(3.0, f"{dus.AMSS}; the code of AUG has 20 s"),
            "short": Value("repeat", f"{dus.AMSS}: tiled, then cut"),
            "scale": Value("linear", f"{dus.AMSS}: log of the STFT's modulus, 257 x 188"),
            "window": Value(512, dus.AMSS),
            "hop": Value(353, dus.AMSS),
            "level": Value("as_is", OURS),
        },
        "video": {
            "frames": Value(1, dus.AMSS),
            "size": Value(224, dus.AMSS),
            "augment": Value(["resized_crop", "flip"], f"{dus.AMSS}, of Kinetics-Sounds"),
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
        Published("joint", 65.07, "AUG paper (NeurIPS 2025), same group", what="naive MML"),
        Published("joint", 66.61, "InfoReg (CVPR 2025), fused loss only"),
        Published("joint+unimodal", 70.81, "InfoReg (CVPR 2025), with unimodal losses"),
    ),
    differences=(dus.NO_NUMBERS, dus.SATURATES, dus.HEAD, dus.CONTROL),
    tiny=dus.TINY,
)
