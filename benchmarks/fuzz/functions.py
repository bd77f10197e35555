"""Good arguments of every pure function of `equimodal.functional`, in their order."""

from typing import Any

import torch


def good_arguments() -> dict[str, dict[str, Any]]:
    """Function -> argument -> value, made anew."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    two = torch.tensor([0.6, 0.4])
    logits, other = (torch.randn(6, 3, generator=draw) for _ in range(2))
    chances, guess = logits.softmax(1), other.softmax(1)
    losses = {"train_start": 2.0, "validation_start": 2.2, "train_end": 1.0, "validation_end": 1.5}
    return {
        "update_fractions": {"significance": two, "tau": 0.2},
        "unit_importance": {"grad": torch.ones(3, 2)},
        "inclusion_probabilities": {"probabilities": two, "count": 1},
        "sample_units": {"importance": torch.ones(4), "fraction": 0.5, "generator": draw},
        "cumulative_score": {"previous": two, "score": two, "t": 1},
        "sample_counts": {"scores": two, "budget": 8, "minimum": 1},
        "cluster_purity": {"labels": labels, "clusters": labels},
        "relearn_strength": {"train_purity": 0.9, "validation_purity": 0.7},
        "modality_significance": {
            "unimodal_logits": {"a": logits}, "features": {"a": other}, "target": labels,
        },
        "discrepancy_ratios": {"scores": two},
        "modulation_coefficients": {"ratios": torch.tensor([1.5, 0.7]), "alpha": 0.8},
        "certainty_shares": {"entropies": two},
        "asymmetry_weights": {"certainty": two, "dependence": two, "temperature": 0.5},
        "balancing_coefficients": {"scores": two, "before": two / 2},
        "weight_cosine": {"one": logits, "other": other},
        "direction_loss": {"coefficients": two, "cosines": two},
        "modality_leads": {"scores": two},
        "regulation_strengths": {"leads": two, "beta": 0.9},
        "in_window": {"traces": two, "before": two / 2, "threshold": 0.1},
        "trend_ratios": {"scores": two, "history": torch.ones(2, 2)},
        "smoothed_losses": {"losses": two, "smoothing": 0.5},
        "pareto_weights": {"joint": two, "unimodal": two.flip(0)},
        "kept_modalities": {"probabilities": two, "draws": torch.rand(6, 3, generator=draw)},
        "true_drop_rates": {"probabilities": two},
        "drop_probabilities": {"scores": two, "base": 0.2, "sharpness": 1.0},
        "mixed": {"features": logits, "partners": torch.arange(5, -1, -1), "weight": 0.3},
        "class_prototypes": {"features": logits, "labels": labels, "classes": 2},
        "prototype_probabilities": {"features": logits, "prototypes": other[:2]},
        "rebalance_weights": {"scores": two},
        "confidence_rises": {"full": logits, "subset": other, "labels": labels},
        "drop_rates": {"ratios": torch.tensor([1.5, 0.7]), "base": 0.2, "lam": 0.5},
        "blending_weights": {name: torch.full((3,), value) for name, value in losses.items()},
        "mono_modal_responses": {
            "logits": {frozenset("a"): logits, frozenset("b"): other, frozenset("ab"): logits},
        },
        "response_coefficients": {"losses": two, "reference": two.flip(0)},
        "teaching_weights": {"one": logits, "other": other, "labels": labels},
        "alignment": {"one": logits, "other": other},
        "matching_weight": {"epoch": 1},
        "matching_slope": {"held_out": two, "matching": two.flip(0), "classes": two / 3},
        "label_shares": {"confidences": chances},
        "boosting_loss": {"parts": torch.stack([logits, other]), "labels": labels, "lam": 0.5},
        "conditional_speeds": {"exchange": two, "branch": two.flip(0)},
        "energy_confidence": {"logits": logits},
        "lagging": {"scores": two, "tau": 0.1},
        "learning_speed": {"parameters": [torch.nn.Parameter(logits)]},
        "mask_share": {"progress": 0.1, "eps": 0.3},
        "modality_masses": {"logits": torch.stack([logits, other])},
        "ranking_loss": {"confidences": logits[:, 0], "hardness": chances[:, 0]},
        "row_hardness": {"history": logits[:, 0], "items": torch.arange(3)},
        "residual_weights": {"others": logits, "labels": labels, "w1": 5.0, "w2": 1.0},
        "dimension_accuracies": {"features": logits, "labels": labels, "classes": 2},
        "drawn_to": {"pupil": logits, "teacher": other, "temperature": 1.0},
        "certainty_mixture": {"logits": torch.stack([logits, other]), "temperature": 1.0},
        "flat_modification": {"moments": torch.diag(two), "temperature": 0.4},
        "next_projection": {"projection": torch.eye(2), "mean": two, "alpha": 0.1},
        "confidence_weights": {"logits": torch.stack([logits, other])},
        "cosine_logits": {"features": logits, "weight": other},
        "misaligned_losses": {
            "logits": logits, "labels": torch.stack([labels, 1 - labels], 1),
            "shares": guess[:, :2] / guess[:, :2].sum(1, keepdim=True), "alpha": torch.ones(2),
        },
        "feature_distance": {"features": logits, "taught": other},
        "distilled": {"logits": logits, "taught": other},
        "open_gates": {"sureness": two},
        "jensen_shannon": {"one": logits, "other": other},
        "sample_contributions": {"right": torch.rand(4, 6, generator=draw) > 0.5},
        "extra_copies": {"contributions": chances},
        "repeated_share": {"means": two},
        "separation": {"logits": logits},
        "hardest_modality": {"separations": chances},
        "agreement": {"logits": [logits, other]},
        "spread_out": {"values": two},
        "curriculum_share": {"epoch": 1, "epochs": 4},
        "draw_chances": {"agreements": two, "losses": two.flip(0)},
        "supervised_contrast": {"features": logits, "labels": labels},
    }  # fmt: skip
