"""Diagnosing & Re-learning on Food-101: a dish's image and the title of its page."""

from equimodal.recipes import relearn
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

BERT, RESNET = "hf:google-bert/bert-base-uncased", "hf:microsoft/resnet-18"

RECIPE = Recipe(
    name="relearn/food101",
    paper=relearn.PAPER,
    about="Food-101, 101 dishes: image and title, pretrained ResNet-18 and BERT.",
    data="food101",
    rows=relearn.ROWS,
    converter={"validation": Value(0.1, f"{OURS}: of train; the lists name train and test")},
    columns={
        "image": {
            "size": Value(224, OURS),
            "channels": Value(3, OURS),
            "augment": Value(["resized_crop", "flip"], OURS),
        },
        "text": {"tokens": Value(BERT, OURS), "length": Value(40, OURS)},
    },
    encoders={"image": Value(RESNET, OURS), "text": Value(BERT, OURS)},
    fusion=relearn.CONCAT,
    objective=relearn.FUSED,
    optimizer=Value("sgd", relearn.LAB),
    lr=Value(0.002, relearn.LAB),
    schedule=Value("constant", relearn.CREMAD),
    epochs=Value(90, relearn.CREMAD),
    batch_size=Value(64, relearn.LAB),
    settings={
        "sgd.momentum": Value(0.9, relearn.CREMAD),
        "sgd.weight_decay": Value(1e-4, relearn.CREMAD),
        **relearn.method_settings(relearn.CREMAD),
    },
    published=(
        Published("relearn", 91.68, relearn.BENCHMARK, 91.63),
        Published("joint", 91.65, relearn.BENCHMARK, 91.60, what="Baseline"),
    ),
    differences=(
        relearn.UNRELEASED,
        "Which backbones the table's numbers come of is not known to us.",
        "Re-learning pulls towards the pretrained weights.",
        relearn.SELECTION,
        relearn.FEATURES,
        relearn.SIZES,
        relearn.TOOLKIT,
    ),
    tiny=relearn.TINY,
)
