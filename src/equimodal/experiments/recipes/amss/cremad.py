"""AMSS on CREMA-D: sound as a spectrogram and one frame of the face, ResNet-18 each."""

from equimodal.experiments.recipes import amss
from equimodal.experiments.recipes.recipe import OURS, Published, Value

RECIPE = amss.clips(
    name="amss/cremad",
    about="CREMA-D, 6 emotions: sound and one video frame, ResNet-18 from scratch each.",
    data="cremad",
    converter={
        "split": Value("usual", "AUG paper, same group: 6,698 train and 744 test clips"),
        "validation": Value(0.1, f"{OURS}: of train; the released code has no validation split"),
    },
    columns={
        "sound": amss.spectrogram(
            188,
            rate=Value(22050, amss.CODE),
            seconds=Value(3.0, amss.CODE),
            short=Value("repeat", f"{amss.CODE}: tiled, then cut"),
        ),
        "video": {
            "frames": Value(1, amss.CODE),
            "size": Value(224, amss.CODE),
            "augment": Value(
                ["resized_crop", "flip"],
                f"{amss.CODE} of Kinetics-Sounds; for CREMA-D {OURS}",
            ),
        },
    },
    published=(
        Published("joint", 65.07, "AUG paper (NeurIPS 2025), same group", what="naive MML"),
        Published("joint", 66.61, "InfoReg (CVPR 2025), fused loss only"),
        Published("joint", 65.50, "BalanceBenchmark, table", 65.07, what="Baseline"),
    ),
    differences=(
        amss.NO_NUMBERS,
        amss.SELECTION,
        "The released code opens the first frame of a clip's folder; here it is the middle one. "
        "Random crops are cut from the frame at 224 x 224, not from its original size.",
        amss.DROP_LAST,
        amss.ONE_TABLE,
        amss.EXPLODES,
    ),
)
