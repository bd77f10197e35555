"""DUS, in our design, on Sarcasm with the settings of papers by the same authors."""

from equimodal.recipes import dus
from equimodal.recipes.recipe import OURS, Recipe, Value

BERT, RESNET = "hf:google-bert/bert-base-uncased", "hf:microsoft/resnet-50"

RECIPE = Recipe(
    name="dus/sarcasm",
    paper=dus.PAPER,
    about="Sarcasm, 2 classes: text and image, pretrained BERT and ResNet-50.",
    data="sarcasm",
    rows=dus.ROWS,
    converter={"filtered": Value(True, "code of the data set's authors: 19,816, 2,410, 2,409")},
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
