"""The evidence of one seed: the diagnosed run, its references, and what is measured inside it."""

from __future__ import annotations

from collections.abc import Sequence

from equimodal.comparison.ensemble import mean_log_probability
from equimodal.comparison.rows import ENSEMBLE, UNIMODAL, UNTRAINED, alone_row
from equimodal.diagnosis.evidence import Evidence, Judged
from equimodal.diagnosis.inside import Inside, inside_of, own_hits, own_measures
from equimodal.diagnosis.recorded import training_summary
from equimodal.diagnosis.run_files import RunFiles
from equimodal.measures.coalitions import summed


def evidence_of(
    subject: RunFiles,
    runs: Sequence[RunFiles],
    names: Sequence[str],
    split: str,
    inside: Inside,
) -> Evidence:
    """The diagnosed run and its references of the same seed and budget."""
    wanted = (UNTRAINED, UNIMODAL, *map(alone_row, names))
    models = {subject.row: subject.judged(split)}
    for run in runs:
        if run.row in wanted and run.seed == subject.seed and run.fits(subject):
            models.setdefault(run.row, run.judged(split))
    if all(alone_row(m) in models for m in names):
        models[ENSEMBLE] = ensemble([models[alone_row(m)] for m in names])
    judged = models[subject.row]
    found = measured_inside(judged)
    measured = {**found.measured, **inside.measured}
    if records := subject.diagnosis():
        measured["training"] = training_summary(records)
    every = {**found.contributions, **inside.contributions}
    return Evidence(subject.seed, models, every, measured)


def measured_inside(judged: Judged) -> Inside:
    """What the kept predictions say; less where the modalities' parts do not sum to the logits."""
    given = (judged.unimodal, judged.labels)
    if not judged.adds_up:
        return Inside(own_hits(*given), own_measures(judged.logits, *given))
    return inside_of(summed, judged.unimodal, *given)


def ensemble(members: Sequence[Judged]) -> Judged:
    """The mean of the members' softmax outputs."""
    return Judged(mean_log_probability([m.logits for m in members]), members[0].labels)
