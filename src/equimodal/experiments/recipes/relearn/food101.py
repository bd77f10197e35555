"""Diagnosing & Re-learning on Food-101: a dish's image and the title of its page."""

from equimodal.experiments.recipes import relearn
from equimodal.experiments.recipes.recipe import OURS, Published, Value

BERT = Value("hf:google-bert/bert-base-uncased", OURS)

RECIPE = relearn.recipe(
    name="relearn/food101",
    about="Food-101, 101 dishes: image and title, pretrained ResNet-18 and BERT.",
    data="food101",
    converter={"validation": Value(0.1, f"{OURS}: of train; the lists name train and test")},
    columns={
        "image": {
            "size": Value(224, OURS),
            "channels": Value(3, OURS),
            "augment": Value(["resized_crop", "flip"], OURS),
        },
        "text": {"tokens": BERT, "length": Value(40, OURS)},
    },
    encoders={"image": Value("hf:microsoft/resnet-18", OURS), "text": BERT},
    published=(
        Published("relearn", 91.68, relearn.BENCHMARK, 91.63),
        Published("joint", 91.65, relearn.BENCHMARK, 91.60, what="Baseline"),
    ),
    differences=(
        relearn.UNRELEASED,
        "Which backbones the table's numbers come of is not known to us.",
        "Re-learning pulls towards the pretrained weights.",
        *relearn.COMMON,
    ),
)
