"""Diagnosis of a user's own model, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from equimodal.balancing.collection import Forward, default_forward
from equimodal.balancing.readouts import Readout
from equimodal.checks import require_number
from equimodal.diagnosis.diagnosis import Diagnosis
from equimodal.diagnosis.document import document
from equimodal.diagnosis.own_model.budget import MakeOptimizer, MakeSchedule, budget_of
from equimodal.diagnosis.own_model.findings import JUDGED, Findings
from equimodal.diagnosis.own_model.subject import Subject
from equimodal.diagnosis.own_model.weights import Weights, restored, uncompiled
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.selection import Encoder


def diagnose(
    model: nn.Module,
    loaders: Mapping[str, Iterable[Any]],
    encoders: Mapping[str, str | nn.Module | Encoder],
    readout: Readout | None = None,
    *,
    forward: Forward = default_forward,
    untrained: Weights | None = None,
    alone: Mapping[str, Weights] | None = None,
    train_alone_epochs: int = 0,
    optimizer: MakeOptimizer | Optimizer | None = None,
    batch_size: int | str | None = None,
    schedule: MakeSchedule | None = None,
    train_alone_seeds: int = 3,
    seed: int = 0,
    groups: Sequence[int] | Tensor | None = None,
    name: str = "your data",
) -> Diagnosis:
    """Is a modality of your own trained model under-trained? Reads the model, and changes nothing.

    That needs the same encoders trained alone. Pass them as ``alone``; or pass the model's initial
    weights as ``untrained`` and a number of epochs, and copies are trained here. Without either the
    diagnosis holds what can be measured inside the model, and says what it cannot.

    A modality that tells little is also trained for twice and four times the updates, to tell
    `weak by itself` from a training that was too short.

    Args:
        model: a trained classifier with one label a sample; where it is compiled, the module inside
            is run.
        loaders: ``{"train": ..., "test": ...}``: probes are fitted on the first, and all is judged
            on the second, which must keep its order. Samples with all modalities only.
        encoders: as in :class:`equimodal.Balancer`.
        readout: where unimodal logits come from; None: each modality with all others at their mean.
        forward: ``forward(model, batch) -> (output, target)``.
        untrained: the model, or its state dict, as it was before training.
        alone: modality -> its encoder, or the encoder's state dict, after training alone.
        train_alone_epochs: train a copy of each encoder alone for so many passes over ``train``,
            from ``untrained``; as many as the model had make a fair reference.
        optimizer: of these trainings: the optimizer of your loop, whose class and settings are
            taken over with the rate that it began with, or ``optimizer(parameters)``. Another one
            than the model was trained with makes another reference.
        batch_size: samples of one update of the model's training, accumulated batches counted
            together; the batches of the loader are put together or divided to that, whatever
            their size. ``"loader"``: each of them is an update.
        schedule: ``schedule(optimizer, updates)`` of the rate, stepped after every update. None:
            it is constant.
        train_alone_seeds: trainings of each reference, from ``seed`` on.
        seed: of their heads, of shuffles and of dropout.
        groups: the source of each sample of ``test`` as a number, (N,), where several come from
            one, such as a speaker: intervals then resample sources.
        name: of the data, for the text.

    Returns:
        A dictionary as docs/diagnosis-schema.md describes it, whose ``print`` is its text.

    Raises:
        BalanceError: a loader, an encoder or weights that do not fit; the message says which.

    Example::

        print(equimodal.diagnose(model, {"train": train, "test": test},
                                 {"audio": "audio_net", "video": "video_net"},
                                 LinearSplit("fc"), untrained=initial, train_alone_epochs=20,
                                 optimizer=optimizer, batch_size=32))
    """
    _check(loaders, untrained, alone, train_alone_epochs)
    require_number("train_alone_seeds", train_alone_seeds, low=1, whole=True)
    seeds = range(seed, seed + train_alone_seeds)
    budget = budget_of(train_alone_epochs, batch_size, optimizer, schedule, seeds)
    modalities = ModalityMap(model, encoders)
    subject = Subject(modalities.model, modalities, forward, readout)
    try:
        with restored(modalities.model), uncompiled(modalities.model):
            found = Findings(subject, loaders, seed, groups)
            found.add_alone(alone or {})
            if untrained is not None:
                found.add_untrained(untrained)
                if budget is not None:
                    found.train_alone(untrained, budget)
        return document(found.case(name))
    finally:
        modalities.record.remove()


def _check(loaders: Mapping[str, Any], untrained: object, alone: object, epochs: object) -> None:
    missing = [split for split in ("train", JUDGED) if split not in loaders]
    if missing:
        raise BalanceError(
            f"diagnose needs the loaders 'train' and 'test'; found {sorted(loaders)}. Write "
            "loaders={'train': ..., 'test': ...}; the second may hold validation data."
        )
    require_number("train_alone_epochs", epochs, low=0, whole=True)
    if epochs and untrained is None:
        raise BalanceError(
            "train_alone_epochs needs the weights that training began with: pass "
            "untrained=initial, a copy.deepcopy(model.state_dict()) from before training."
        )
    if epochs and alone:
        raise BalanceError("Give either alone=... or train_alone_epochs=..., not both.")
