"""AMSS on Kinetics-Sounds: 10 s of sound as a spectrogram and three frames, ResNet-18 each."""

from equimodal.recipes import amss
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

RECIPE = Recipe(
    name="amss/kinetics_sounds",
    paper=amss.PAPER,
    about="Kinetics-Sounds, 31 actions: sound and three video frames, ResNet-18 from scratch each.",
    data="kinetics-sounds",
    rows=amss.ROWS,
    converter={"validation": Value(0.1, f"{OURS}: of train; the lists name train and test")},
    columns={
        "sound": {
            "rate": Value(35400, "comment in the released code"),
            "seconds": Value(10.0, amss.CODE),
            "scale": Value("linear", f"{amss.CODE}: log of the STFT's modulus, 257 x 1004"),
            "window": Value(512, amss.CODE),
            "hop": Value(353, amss.CODE),
            "level": Value("as_is", OURS),
        },
        "video": {
            "frames": Value(3, amss.CODE),
            "size": Value(224, amss.CODE),
            "augment": Value(["resized_crop", "flip"], amss.CODE),
        },
    },
    encoders={
        "sound": Value("resnet18-gelu", f"{amss.CODE}: GELU in the place of ReLU, from scratch"),
        "video": Value("resnet18-gelu", f"{amss.CODE}: GELU in the place of ReLU, from scratch"),
    },
    fusion=amss.CONCAT,
    objective=amss.FUSED,
    optimizer=Value("sgd", amss.README),
    lr=Value(0.01, amss.README),
    schedule=Value("step:60:0.1", amss.README),
    epochs=Value(80, amss.README),
    batch_size=Value(64, amss.README),
    settings={
        "sgd.momentum": Value(0.9, amss.README),
        "sgd.weight_decay": Value(1e-4, amss.README),
        **amss.method_settings("av", 0.2, units=amss.VIDEO_UNITS, bias=0.0),
    },
    published=(
        Published("joint", 65.67, "InfoReg (CVPR 2025), fused loss only"),
        Published("joint", 65.63, "BalanceBenchmark, table", 65.28, what="Baseline"),
    ),
    differences=(
        amss.NO_NUMBERS,
        amss.SELECTION,
        "The group's own split has 15,000, 1,900 and 1,900 clips (AUG paper) and is not published; "
        "here it is that of OGM-GE's lists, 14,799 and 2,597.",
        "The spectrogram has 1,003 steps in the place of 1,004: how the released code pads is not "
        "known to us.",
        "The released code opens the first frames of a clip's folder; here they are spread evenly, "
        "and all frames of a clip are cropped alike, from 224 x 224.",
        amss.DROP_LAST,
        amss.ONE_TABLE,
        amss.EXPLODES,
    ),
    tiny=amss.TINY,
)
