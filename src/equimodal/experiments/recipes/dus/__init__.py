"""DUS: Jiang, Chi, Ma, Mao, Yang and Tang, arXiv 2503.03792, 2025.

Of the paper only the score and the names of its two samplers are public, and neither its settings
nor its numbers. THE SAMPLING RULE AND THE LEARNED POLICY ARE OUR DESIGN (docs/methods/dus.md). What
is trained with are the settings of papers by the same authors: AUG (NeurIPS 2025, same first
author), which very probably shares them, and AMSS (same group). Their tables are not DUS's, so no
number stands beside but those that others printed for joint training.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from equimodal.comparison.rows import REFERENCES
from equimodal.experiments.recipes import amss
from equimodal.experiments.recipes.recipe import OURS, Recipe, Value, Values

PAPER = (
    "DUS: Jiang, Chi, Ma, Mao, Yang and Tang, 2025, arXiv 2503.03792, "
    "https://arxiv.org/abs/2503.03792"
)
AUG = "AUG paper, same first author"
AMSS = "released code of AMSS, same group"
ROWS = (
    *REFERENCES, "dus-uniform", "dus", "dus-rl",
)  # fmt: skip
DESIGN = f"{OURS}: the sampling rule is our design"
RULES = {
    "dus.rule": Value("inverse", DESIGN),
    "dus.minimum": Value(0.125, DESIGN),
    "dus.dead_zone": Value(0.01, f"{AUG}: its dead zone"),
    "dus.warm_up": Value(1, DESIGN),
}
NO_NUMBERS = (
    "No setting and no number of the paper could be read in any source. The settings are those of "
    "papers by the same authors, the sampling rule and the policy are our design; a number from "
    "here says nothing about the paper's."
)
SATURATES = (
    "The AUG paper divides the rate by ten when the loss saturates; when, it does not say, so the "
    "schedule is that of AMSS's released code."
)
HEAD = (
    "The head is one linear layer over all features, and the prediction its output. AUG has a "
    "layer of 256 for each modality, a shared head and a weighted sum of logits."
)
CONTROL = "Only the difference to dus-uniform, equal counts, may be called an effect of sampling."
RESNET18 = Value("resnet18", f"{AUG}: from scratch")
BERT = Value("hf:google-bert/bert-base-uncased", f"{AUG}: BERT")
COMMON: dict[str, Any] = {
    "paper": PAPER,
    "rows": ROWS,
    "fusion": Value(
        "concat", f"{OURS}: the head of every row, so that rows differ in training alone"
    ),
    "objective": Value("fused", f"{OURS}: DUS brings its own loss, this is that of joint"),
    "optimizer": Value("sgd", AUG),
    "lr": Value(0.01, AUG),
    "batch_size": Value(64, AUG),
    "settings": {
        "sgd.momentum": Value(0.9, AUG),
        "sgd.weight_decay": Value(1e-4, AUG),
        **RULES,
    },
    "published": (),
    "differences": (NO_NUMBERS, SATURATES, HEAD, CONTROL),
    "tiny": {"dus.warm_up": Value(0, "so that batches differ in the only epoch")},
}
TWEETS: dict[str, Any] = {
    "columns": {"text": {"tokens": BERT}},
    "encoders": {
        "text": BERT,
        "image": Value("hf:microsoft/resnet-50", f"{AUG}: ResNet-50; which weights, {OURS}"),
    },
    "optimizer": Value("adam", AUG),
    "lr": Value(2e-5, AUG),
    "schedule": Value("constant", OURS),
    "batch_size": Value(32, AUG),
    "settings": {
        "adam.weight_decay": Value(0.0, f"{OURS}: the default of Adam; none is stated"),
        **RULES,
    },
    "differences": (
        NO_NUMBERS,
        "ResNet-50 has the weights of microsoft/resnet-50. An image is cut to a square in the "
        "middle and scaled.",
        HEAD,
        CONTROL,
    ),
}
"""What the recipes of text and image have otherwise."""


def recipe(
    theirs: Recipe,
    *,
    converter: Values | None = None,
    columns: Mapping[str, Values] | None = None,
    **own: Any,
) -> Recipe:
    """DUS with data, inputs and length of training of AMSS's recipe, the rest as in AUG.

    Args:
        theirs: AMSS's recipe; its source "released code" is named as AMSS's.
        converter: settings of the converter in the place of theirs.
        columns: settings of modalities in the place of theirs.
        **own: other fields of the recipe.
    """
    changed = {
        **COMMON,
        "schedule": Value(theirs.schedule.value, AMSS),
        "epochs": Value(theirs.epochs.value, AMSS),
        **own,
    }
    return replace(
        theirs,
        name=theirs.name.replace("amss", "dus"),
        converter={**_named(theirs.converter), **(converter or {})},
        columns={m: {**_named(v), **(columns or {}).get(m, {})} for m, v in theirs.columns.items()},
        **changed,
    )


def _named(values: Values) -> dict[str, Value]:
    """The values, with AMSS named where its code is the source."""
    return {n: Value(v.value, v.source.replace(amss.CODE, AMSS)) for n, v in values.items()}
