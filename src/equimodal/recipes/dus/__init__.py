"""DUS: Jiang, Chi, Ma, Mao, Yang and Tang, arXiv 2503.03792, 2025.

Of the paper only the score and the names of its two samplers are public, and neither its settings
nor its numbers. THE SAMPLING RULE AND THE LEARNED POLICY ARE OUR DESIGN (docs/methods/dus.md). What
is trained with are the settings of papers by the same authors: AUG (NeurIPS 2025, same first
author), which very probably shares them, and AMSS (same group). Their tables are not DUS's, so no
number stands beside but those that others printed for joint training.
"""

from equimodal.recipes.recipe import OURS, Value

PAPER = (
    "DUS: Jiang, Chi, Ma, Mao, Yang and Tang, 2025, arXiv 2503.03792, "
    "https://arxiv.org/abs/2503.03792"
)
AUG = "AUG paper, same first author"
AMSS = "released code of AMSS, same group"
ROWS = (
    "untrained", "alone:*", "ensemble", "joint", "joint+unimodal", "dus-uniform", "dus", "dus-rl",
)  # fmt: skip
FUSED = Value("fused", f"{OURS}: DUS brings its own loss, this is that of joint")
CONCAT = Value("concat", f"{OURS}: the head of every row, so that rows differ in training alone")
DESIGN = f"{OURS}: the sampling rule is our design"
RULES = {
    "dus.rule": Value("inverse", DESIGN),
    "dus.minimum": Value(0.125, DESIGN),
    "dus.dead_zone": Value(0.01, f"{AUG}: its dead zone"),
    "dus.warm_up": Value(1, DESIGN),
}
SGD = {"sgd.momentum": Value(0.9, AUG), "sgd.weight_decay": Value(1e-4, AUG)}
ADAM = {"adam.weight_decay": Value(0.0, f"{OURS}: the default of Adam; none is stated")}
TINY = {"dus.warm_up": Value(0, "so that batches differ in the only epoch")}
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
