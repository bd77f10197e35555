"""Diagnosing & Re-learning: Wei, Li, Feng and Hu, ECCV 2024.

The values of CREMA-D are those of the released code (GeWu-Lab/Diagnosing_Relearning_ECCV2024). For
the other data sets nothing was released: they have the defaults of the same lab's other codes
(InfoReg, MMPareto) where there are some, and our choice elsewhere. The numbers beside are those
that others quote or measured; the paper's own tables could not be read.
"""

from equimodal.recipes.recipe import Value

PAPER = (
    "Diagnosing & Re-learning: Wei, Li, Feng and Hu, ECCV 2024, arXiv 2407.09705, "
    "https://arxiv.org/abs/2407.09705"
)
CODE = "released code"
CREMAD = "released code, of CREMA-D"
LAB = "other released codes of the lab"
QUOTED = "quoted by CLCR (CVPR 2026 note)"
BENCHMARK = "BalanceBenchmark, table"
ROWS = (
    "untrained", "alone:*", "ensemble", "joint", "joint+unimodal", "relearn-fixed", "relearn",
)  # fmt: skip
FUSED = Value("fused", CODE)
CONCAT = Value("concat", CODE)


def method_settings(source: str) -> dict[str, Value]:
    """When and how strongly encoders are pulled back, the same moments for the control."""
    found = {}
    for row in ("relearn-fixed", "relearn"):
        found[f"{row}.every"] = Value(20, source)
        found[f"{row}.times"] = Value(3, source)
    found["relearn.lam"] = Value(3.0, source)
    found["relearn.match_sizes"] = Value(False, source)
    return found


TINY = {
    "epochs": Value(3, "so that encoders are pulled back once"),
    "relearn.every": Value(1, "so that encoders are pulled back once"),
    "relearn-fixed.every": Value(1, "so that encoders are pulled back once"),
}
SELECTION = (
    "The released code reports the best TEST accuracy over epochs; here the epoch is chosen on "
    "validation, which the paper keeps for the diagnosis alone."
)
SIZES = (
    "The purity gap also measures the sizes of the two splits, as released; with "
    "--set relearn.match_sizes=true the training features are subsampled."
)
FEATURES = (
    "Features are diagnosed without augmentation, as in the released code, whose method trains "
    "without any."
)
TOOLKIT = (
    "BalanceBenchmark trains 30 epochs with AdamW and re-initialises once; on CREMA-D and "
    "Kinetics-Sounds its diagnosis reads the test split."
)
UNRELEASED = "Only CREMA-D was released; these settings are the lab's defaults and our choices."
