"""The verdict: which word each modality gets, which state the model is in, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from equimodal.comparison.rows import ENSEMBLE, UNIMODAL, UNTRAINED, alone_row
from equimodal.diagnosis import rules
from equimodal.diagnosis.evidence import Case, Evidence
from equimodal.numerics.resampling import Resampled, estimate

Json = dict[str, Any]


def resampled(case: Case) -> Resampled:
    """All means over samples and seeds that a diagnosis reports, with their resamplings."""
    tables = [_columns(case, evidence) for evidence in case.seeds]
    return Resampled(tables, groups=case.groups)


def _columns(case: Case, evidence: Evidence) -> dict[str, Tensor]:
    """Columns of one seed: accuracies, probes, and what each sample owes to each modality."""
    models = [m for m in evidence.models if case.has(m)]
    found = {f"accuracy/{name}": evidence.models[name].hits for name in models}
    for m in case.modalities:
        for name in (case.row, UNTRAINED, alone_row(m)):
            if name in models and m in evidence.models[name].probed:
                found[f"probe/{name}/{m}"] = evidence.models[name].probe_hits(m)
    return found | dict(evidence.contributions)


def verdict(case: Case, sample: Resampled) -> Json:
    """State of the model, word of each modality, and the cost, as plain data.

    Without the modalities trained alone there is neither state nor word: they are None.
    """
    state: Json = {"state": None, "sure": None}
    state, words = _judged(case, sample) if case.referenced else (state, {})
    return {
        **state,
        "modalities": {m: _modality(case, sample, m, words.get(m)) for m in case.modalities},
        "cost": _cost(case, sample),
    }


def _judged(case: Case, sample: Resampled) -> tuple[Json, dict[str, Json]]:
    """The state with its certainty, and the same for every modality's word."""
    point, draws = _words(case, sample, draws=False), _words(case, sample, draws=True)
    words = {
        m: {"word": rules.WORDS[int(point[i])], "sure": _share(draws[:, i] == point[i])}
        for i, m in enumerate(case.modalities)
    }
    lead, leads = _lead(case, sample)
    state = model_states(point, torch.tensor(lead))
    states = model_states(draws, leads)
    return {"state": rules.STATES[int(state)], "sure": _share(states == state)}, words


def _lead(case: Case, sample: Resampled) -> tuple[float, Tensor]:
    """What the ensemble is ahead by, and in every resampling; 0 where it is not there."""
    rival, own = f"accuracy/{ENSEMBLE}", f"accuracy/{case.row}"
    if rival not in sample:
        return 0.0, torch.zeros_like(sample.column(own))
    return sample.mean(rival) - sample.mean(own), sample.column(rival) - sample.column(own)


def _words(case: Case, sample: Resampled, *, draws: bool) -> Tensor:
    """Positions of the words, of the means (M,) or of every resampling (draws, M)."""

    def columns(kind: str) -> Tensor:
        names = [f"probe/{kind or alone_row(m)}/{m}" for m in case.modalities]
        if draws:
            return torch.stack([sample.column(name) for name in names], 1)
        return torch.tensor([sample.mean(name) for name in names], dtype=torch.float64)

    return modality_words(columns(case.row), columns(""), case.chance)


def _share(agrees: Tensor) -> float:
    return float(agrees.double().mean())


def _modality(case: Case, sample: Resampled, m: str, word: Mapping[str, Any] | None) -> Json:
    fused, own, floor = (f"probe/{name}/{m}" for name in (case.row, alone_row(m), UNTRAINED))
    return {
        **(word or {"word": None, "sure": None}),
        "probe": {
            "fused": _estimate(sample, fused),
            "alone": _estimate(sample, own),
            "untrained": _estimate(sample, floor),
            "lost": _estimate(sample, own, fused) if fused in sample else None,
        },
        "kept": _kept(sample, fused, own, floor),
        "above_chance": sample.mean(own) - case.chance if own in sample else None,
        "chance": case.chance,
    }


def _estimate(sample: Resampled, name: str, minus: str | None = None) -> Json | None:
    """The estimate of a column, None where it is not there."""
    return sample.estimate(name, minus) if name in sample else None


def _kept(sample: Resampled, fused: str, own: str, floor: str) -> Json | None:
    """Share that the fused training gives of what training alone adds to the untrained encoder.

    None without a floor, or where training alone adds less than a point.
    """
    if not all(name in sample for name in (fused, own, floor)):
        return None
    added = sample.mean(own) - sample.mean(floor)
    draws = sample.column(own) - sample.column(floor)
    if added < 0.01 or float(draws.min()) <= 0:
        return None
    ratio = (sample.column(fused) - sample.column(floor)) / draws
    return estimate((sample.mean(fused) - sample.mean(floor)) / added, ratio)


def _cost(case: Case, sample: Resampled) -> Json:
    """The model's accuracy, and what each simple alternative is ahead by."""
    own = f"accuracy/{case.row}"
    rivals = [name for name in (ENSEMBLE, UNIMODAL) if f"accuracy/{name}" in sample]
    singles = [alone_row(m) for m in case.modalities if f"accuracy/{alone_row(m)}" in sample]
    best = max(singles, key=lambda name: sample.mean(f"accuracy/{name}"), default=None)
    return {
        "accuracy": sample.estimate(own),
        "ahead": {
            name: {
                "accuracy": sample.estimate(f"accuracy/{name}"),
                "difference": sample.estimate(f"accuracy/{name}", own),
            }
            for name in [*rivals, *([best] if best else [])]
            if name != case.row
        },
        "best_alone": best,
    }


def modality_words(fused: Tensor, alone: Tensor, chance: float) -> Tensor:
    """Position in `WORDS` of each modality's word. (..., M), (..., M) -> (..., M)

    Args:
        fused: probe accuracy of each encoder in the fused model.
        alone: probe accuracy of the same encoders trained alone.
        chance: accuracy of naming the most frequent class always.
    """
    tells = alone - chance
    speechless = tells < rules.TELLS_FROM
    starved = (alone - fused >= rules.LOST_FROM) & ~speechless
    weak = speechless | (tells < rules.WEAK_BELOW * tells.amax(-1, keepdim=True))
    word = torch.full_like(fused, rules.WORDS.index(rules.WELL_TRAINED), dtype=torch.long)
    word[weak] = rules.WORDS.index(rules.WEAK)
    word[starved] = rules.WORDS.index(rules.UNDER_TRAINED)
    return word


def model_states(words: Tensor, lead: Tensor) -> Tensor:
    """Position in `STATES` of the model's state. (..., M), (...) -> (...)

    Args:
        words: of its modalities.
        lead: accuracy of the ensemble of modalities trained alone, minus that of the model.
    """
    starved = (words == rules.WORDS.index(rules.UNDER_TRAINED)).any(-1)
    state = torch.full_like(lead, rules.STATES.index(rules.BALANCED), dtype=torch.long)
    state[lead >= rules.BEHIND_FROM] = rules.STATES.index(rules.BEHIND)
    state[starved] = rules.STATES.index(rules.UNDER_TRAINED)
    return state
