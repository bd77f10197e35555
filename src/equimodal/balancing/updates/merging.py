"""What is kept of the micro-batches of one update, and all of them as a single step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from equimodal.balancing.moment import without_graph
from equimodal.balancing.step import Step
from equimodal.errors import BalanceError


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


def merged(parts: Sequence[Step], *, unimodal: bool, features: bool) -> Step:
    """All micro-batches of one update as a single step.

    Where they have other numbers of tokens, each token that has a label is a row of one token.

    Args:
        parts: of every micro-batch.
        unimodal: whether unimodal logits are read.
        features: whether features are read; else those that do not fit together are left out.

    Raises:
        BalanceError: targets, or features that are read, are of other shapes.
    """
    first = parts[0]
    first.micro_batch, first.every_drawn = 0, tuple(s.drawn for s in parts)
    if len(parts) == 1:
        return first
    if len({_tokens(s, unimodal) for s in parts}) > 1:
        parts = [_by_token(s, unimodal) for s in parts]
    outputs = [s.features for s in parts]
    if not features:
        outputs = _fitting(outputs)
    together = replace(
        first,
        logits=_joined("logits", [s.logits for s in parts]),
        target=_joined("targets", [s.target for s in parts]),
        targets=_joined_by_modality("targets", [s.targets for s in parts]),
        outputs=_joined_by_modality("features", outputs),
    )
    if unimodal:
        logits = _joined_by_modality("logits", [s.unimodal_logits for s in parts])
        together.__dict__["unimodal_logits"] = logits
    return together


def _tokens(step: Step, unimodal: bool) -> tuple[int, ...]:
    """Tokens of every sample of the logits; nothing with a label a sample."""
    given = [] if step.logits is None else [step.logits]
    given += list(step.unimodal_logits.values()) if unimodal else []
    return tuple({z.shape[1] for z in given if z.ndim > 2})


def _by_token(step: Step, unimodal: bool) -> Step:
    """A step with each token as a row of its own, of one token. (N, T, ...) -> (N T, 1, ...)"""

    def rows(value: Tensor) -> Tensor:
        return value.flatten(0, 1)[:, None]

    targets = step.targets
    aligned = {m: f.ndim > 2 and f.shape[:2] == targets[m].shape[:2]
               for m, f in step.features.items()}  # fmt: skip
    found = replace(
        step,
        logits=None if step.logits is None else rows(step.logits),
        target=None if step.target is None else rows(step.target),
        targets={m: rows(y) for m, y in targets.items()},
        outputs={m: rows(f) if aligned[m] else f for m, f in step.features.items()},
    )
    if unimodal:
        logits = {m: rows(z) for m, z in step.unimodal_logits.items()}
        found.__dict__["unimodal_logits"] = logits
    return found


def _fitting(parts: Sequence[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
    """What can be joined: tensors of those modalities whose rows are of one shape."""
    shapes: dict[str, set[torch.Size]] = {}
    for part in parts:
        for m, value in part.items():
            shapes.setdefault(m, set()).add(value.shape[1:])
    return [{m: x for m, x in part.items() if len(shapes[m]) == 1} for part in parts]


def _joined(what: str, parts: Sequence[Tensor | None]) -> Tensor | None:
    """All rows; None where a part has none."""
    given = [p for p in parts if p is not None]
    return _together(what, given) if len(given) == len(parts) else None


def _together(what: str, parts: Sequence[Tensor]) -> Tensor:
    shapes = {p.shape[1:]: tuple(p.shape) for p in parts}
    if len(shapes) > 1:
        raise BalanceError(
            f"The {what} of the micro-batches of one update must be of one shape but for their "
            f"rows; found {list(shapes.values())}. Give all targets in one form, and let encoders "
            "give features of one length, such as Encoder(..., pool='mean')."
        )
    return torch.cat(list(parts))


def _joined_by_modality(what: str, parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """All rows of each modality, from the parts that have it."""
    names = dict.fromkeys(m for p in parts for m in p)
    return {m: _together(f"{what} of {m!r}", [p[m] for p in parts if m in p]) for m in names}
