"""The methods' pure functions, one for each equation: those that the registry names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from equimodal.methods import functions
from equimodal.numerics.sampling import inclusion_probabilities

if TYPE_CHECKING:  # for type checkers alone
    from equimodal.methods.agm import mono_modal_responses as mono_modal_responses
    from equimodal.methods.agm import response_coefficients as response_coefficients
    from equimodal.methods.amco import mask_share as mask_share
    from equimodal.methods.amco import modality_masses as modality_masses
    from equimodal.methods.amss_equations import modality_significance as modality_significance
    from equimodal.methods.amss_equations import sample_units as sample_units
    from equimodal.methods.amss_equations import unit_importance as unit_importance
    from equimodal.methods.amss_equations import update_fractions as update_fractions
    from equimodal.methods.aug import boosting_loss as boosting_loss
    from equimodal.methods.aug import lagging as lagging
    from equimodal.methods.bss import agreement as agreement
    from equimodal.methods.bss import curriculum_share as curriculum_share
    from equimodal.methods.bss import draw_chances as draw_chances
    from equimodal.methods.bss import spread_out as spread_out
    from equimodal.methods.cml import confidence_rises as confidence_rises
    from equimodal.methods.diagnose_relearn import relearn_strength as relearn_strength
    from equimodal.methods.dus_counts import cumulative_score as cumulative_score
    from equimodal.methods.dus_counts import sample_counts as sample_counts
    from equimodal.methods.gblend import blending_weights as blending_weights
    from equimodal.methods.greedy import conditional_speeds as conditional_speeds
    from equimodal.methods.greedy import learning_speed as learning_speed
    from equimodal.methods.lfm import alignment as alignment
    from equimodal.methods.lfm import matching_weight as matching_weight
    from equimodal.methods.lfm_learned import matching_slope as matching_slope
    from equimodal.methods.mbsd import teaching_weights as teaching_weights
    from equimodal.methods.mcr import supervised_contrast as supervised_contrast
    from equimodal.methods.mcr_game import jensen_shannon as jensen_shannon
    from equimodal.methods.midas import label_shares as label_shares
    from equimodal.methods.midas import misaligned_losses as misaligned_losses
    from equimodal.methods.ogm import modulation_coefficients as modulation_coefficients
    from equimodal.methods.opm import drop_rates as drop_rates
    from equimodal.methods.pmr import rebalance_weights as rebalance_weights
    from equimodal.methods.pmr_prototypes import class_prototypes as class_prototypes
    from equimodal.methods.pmr_prototypes import prototype_probabilities as prototype_probabilities
    from equimodal.methods.qmf import energy_confidence as energy_confidence
    from equimodal.methods.qmf import ranking_loss as ranking_loss
    from equimodal.methods.qmf import row_hardness as row_hardness
    from equimodal.methods.remix import hardest_modality as hardest_modality
    from equimodal.methods.remix import separation as separation
    from equimodal.methods.smv import extra_copies as extra_copies
    from equimodal.methods.smv import repeated_share as repeated_share
    from equimodal.methods.smv import sample_contributions as sample_contributions
    from equimodal.numerics.cosines import cosine_logits as cosine_logits
    from equimodal.numerics.purity import cluster_purity as cluster_purity
    from equimodal.numerics.scores import discrepancy_ratios as discrepancy_ratios

_HOMES = functions()

__all__ = ["inclusion_probabilities", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'equimodal.functional' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
