"""The methods' pure functions, one for each equation."""

from .methods.amss import (
    modality_significance,
    sample_units,
    unit_importance,
    update_fractions,
)
from .methods.diagnose_relearn import cluster_purity, relearn_strength
from .methods.dus import cumulative_score, sample_counts
from .numerics.sampling import inclusion_probabilities

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
