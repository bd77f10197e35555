"""DUS, in our design, on Twitter-15 with the settings of papers by the same authors."""

from equimodal.recipes import dus
from equimodal.recipes.recipe import OURS, Recipe, Value

BERT, RESNET = "hf:google-bert/bert-base-uncased", "hf:microsoft/resnet-50"

RECIPE = Recipe(
    name="dus/twitter15",
    paper=dus.PAPER,
    about="Twitter-15, 3 opinions: text and image, pretrained BERT and ResNet-50.",
    data="twitter15",
    rows=dus.ROWS,
    converter={"target": Value("keep", f"{dus.AMSS}: the target stays masked as $T$")},
    columns={
        "text": {
            "tokens": Value(BERT, f"{dus.AUG}: BERT"),
            "length": Value(128, dus.AMSS),
        },
        "image": {
            "size": Value(224, f"{dus.AMSS}: resized only, no augmentation"),
            "channels": Value(3, dus.AMSS),
        },
    },
    encoders={
        "text": Value(BERT, f"{dus.AUG}: BERT"),
        "image": Value(RESNET, f"{dus.AUG}: ResNet-50; which weights, {OURS}"),
    },
    fusion=dus.CONCAT,
    objective=dus.FUSED,
    optimizer=Value("adam", dus.AUG),
    lr=Value(2e-5, dus.AUG),
    schedule=Value("constant", OURS),
    epochs=Value(50, dus.AMSS),
    batch_size=Value(32, dus.AUG),
    settings={**dus.ADAM, **dus.RULES},
    differences=(
        dus.NO_NUMBERS,
        "ResNet-50 has the weights of microsoft/resnet-50. An image is cut to a square in the "
        "middle and scaled.",
        dus.HEAD,
        dus.CONTROL,
    ),
    tiny=dus.TINY,
)
