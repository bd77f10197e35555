"""What is kept of the micro-batches of one update, and all of them as a single step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from equimodal.balancing.moment import without_graph
from equimodal.balancing.step import Step


def detached(step: Step, *, unimodal: bool) -> Step:
    """A step cut from the graph, with its unimodal logits if asked for."""
    seen = replace(
        step,
        logits=None if step.logits is None else step.logits.detach(),
        outputs={m: f.detach() for m, f in step.features.items()},
        rows=None,
    )
    if unimodal:
        with torch.no_grad():
            logits = step.unimodal_logits
        seen.__dict__["unimodal_logits"] = {m: without_graph(z) for m, z in logits.items()}
    return seen


def merged(parts: Sequence[Step], *, unimodal: bool) -> Step:
    """All micro-batches of one update as a single step."""
    first = parts[0]
    first.micro_batch, first.every_drawn = 0, tuple(s.drawn for s in parts)
    if len(parts) == 1:
        return first
    together = replace(
        first,
        logits=_joined([s.logits for s in parts]),
        target=_joined([s.target for s in parts]),
        targets=_joined_by_modality([s.targets for s in parts]),
        outputs=_joined_by_modality([s.features for s in parts]),
    )
    if unimodal:
        logits = _joined_by_modality([s.unimodal_logits for s in parts])
        together.__dict__["unimodal_logits"] = logits
    return together


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    """All rows; None where a part has none."""
    given = [p for p in parts if p is not None]
    return torch.cat(given) if len(given) == len(parts) else None


def _joined_by_modality(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """All rows of each modality, from the parts that have it."""
    names = dict.fromkeys(m for p in parts for m in p)
    return {m: torch.cat([p[m] for p in parts if m in p]) for m in names}
