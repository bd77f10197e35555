"""The methods' pure functions, one for each equation."""

from equimodal.methods.amss_equations import (
    modality_significance,
    sample_units,
    unit_importance,
    update_fractions,
)
from equimodal.methods.diagnose_relearn import relearn_strength
from equimodal.methods.dus_counts import cumulative_score, sample_counts
from equimodal.numerics.purity import cluster_purity
from equimodal.numerics.sampling import inclusion_probabilities

__all__ = [
    "cluster_purity",
    "cumulative_score",
    "inclusion_probabilities",
    "modality_significance",
    "relearn_strength",
    "sample_counts",
    "sample_units",
    "unit_importance",
    "update_fractions",
]
