"""AMSS on Twitter-15, with the inputs, encoders and script of Sarcasm."""

from dataclasses import replace

from equimodal.experiments.recipes import amss
from equimodal.experiments.recipes.amss import sarcasm
from equimodal.experiments.recipes.recipe import OURS, Value

RECIPE = replace(
    sarcasm.RECIPE,
    name="amss/twitter15",
    about="Twitter-15, 3 opinions: text and image, pretrained BERT and ResNet-50.",
    data="twitter15",
    converter={"target": Value("keep", f"{amss.CODE}: the target stays masked as $T$")},
    optimizer=Value("adamw", amss.README),
    schedule=Value("constant", f"{amss.CODE}: its schedule is never stepped under AdamW"),
    batch_size=Value(16, amss.README),
    settings={
        "adamw.weight_decay": Value(0.01, f"{OURS}: the default of AdamW; none is stated"),
        **sarcasm.METHODS,
    },
)
