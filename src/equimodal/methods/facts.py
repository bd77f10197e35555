"""The words in which the registry says what a method costs, needs and takes, and as sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from equimodal.methods.entry import Entry

COSTS: Mapping[str, str] = {
    "own logits": "each modality's own logits: small products where the head is linear, else a "
    "run of the head for each",
    "gradients": "a pass over the encoders' gradients or weights in every step",
    "sets": "further runs of the head on changed features; products where it is linear",
    "backward": "a second backward pass, or a part of one, in every step",
    "own rows": "rows that every modality draws for itself",
    "own items": "rows of an epoch that it lists itself, more or fewer than there are",
    "updates": "several updates a batch",
    "epoch": "passes over training or validation data between epochs",
    "memory": "a copy of the encoders' weights",
    "trainings": "every modality trained alone first, and its encoder run in every step",
}
"""What a training costs beside joint training, the dearest last."""
NEEDS: Mapping[str, str] = {
    "readout": "readout=..., which gives each modality's own logits",
    "differentiable readout": "a readout that gradients pass: no InputAblation, no AuxiliaryHeads",
    "linear head": "LinearSplit, whose blocks it reads",
    "encoder modules": "a module for every encoder, no pattern of parameter names",
    "train loader": "loaders={'train': ...}",
    "val loader": "loaders={'val': ...}, never test data",
    "optimizers": "optimizers=[...]",
    "epochs": "epochs=..., the planned number",
    "own batches": "batches of balancer.batches, loader or repeat, or of an adapter",
    "own head": "a model with the head that its card names",
    "own networks": "networks of its own in an optimizer",
    "teachers": "teachers={...}, encoders of modalities that were trained alone",
}
"""What a balancer is refused without."""
CLASSES = ("classes",)
ANY = (
    "classes", "soft targets", "one logit", "tokens", "ignored labels", "several labels", "numbers",
    "several tasks",
)  # fmt: skip
"""Every kind of target: one class a sample, probabilities of classes, one logit of two classes, a
label a token, labels that do not count, several labels a sample, numbers, several tasks."""
_ORIGINS = {"paper": "a paper's", "practice": "in use, of no single paper", "ours": "ours"}


def but(*left_out: str) -> tuple[str, ...]:
    """Every kind of target but these."""
    return tuple(kind for kind in ANY if kind not in left_out)


def told_cost(entry: Entry) -> str:
    """What it costs, in keys of `COSTS`."""
    return ", ".join(entry.cost) or "as joint"


def told_needs(entry: Entry) -> str:
    """What it needs, in keys of `NEEDS`."""
    return ", ".join(entry.needs) or "nothing"


def told_targets(entry: Entry) -> str:
    """Which of `ANY` it takes."""
    left_out = [kind for kind in ANY if kind not in entry.targets]
    if not left_out:
        return "any target"
    if len(left_out) < len(entry.targets):
        return f"any target but {', '.join(left_out)}"
    return "one class a sample" if entry.targets == CLASSES else ", ".join(entry.targets)


def told_origin(entry: Entry) -> str:
    """Whose it is."""
    if entry.is_control or entry.family in ("baseline", "combination"):
        return "control" if entry.is_control else entry.family
    return _ORIGINS[entry.origin]


def in_order(given: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Words once each, in the order of those that are known."""
    found = set(given)
    return tuple(word for word in known if word in found)
