"""Frozen teachers of modalities: encoders, perhaps with a head, that were trained before."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError, quoted
from equimodal.parts import layout
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.outputs import features_in
from equimodal.parts.sharding import local, own_rows

_WHAT = (
    "teachers must hold for each modality an encoder of the same form as the model's, or a pair "
    "(encoder, head), such as {'audio': audio_teacher, 'video': (video_teacher, video_head)}"
)


@dataclass(frozen=True)
class Teacher:
    """One modality's: the head gives logits of the encoder's features, where it is known."""

    encoder: nn.Module
    head: nn.Module | None = None

    @property
    def networks(self) -> list[nn.Module]:
        """All of it."""
        return [n for n in (self.encoder, self.head) if n is not None]


class Teachers:
    """The teachers of all modalities, frozen and in evaluation mode. They are no part of the model.

    Args:
        modalities: of the model that is taught.
        given: modality -> its encoder, which is called as the model's own one is, or a pair
            ``(encoder, head)``.

    Raises:
        BalanceError: a modality without one, or one that shares weights with the model; an encoder
            of the model whose inputs are not known.
    """

    def __init__(self, modalities: ModalityMap, given: Mapping[str, Any]) -> None:
        if not isinstance(given, Mapping) or set(given) != set(modalities.names):
            found = sorted(map(str, given)) if isinstance(given, Mapping) else quoted(given)
            raise BalanceError(f"{_WHAT}; the model has {list(modalities.names)}; found {found}.")
        self._modalities = modalities
        self._of = {m: _teacher(m, given[m]) for m in modalities.names}
        own = {id(p) for p in modalities.model.parameters()}
        for m, teacher in self._of.items():
            for network in teacher.networks:
                if any(id(p) in own for p in network.parameters()):
                    raise BalanceError(
                        f"The teacher of {m!r} shares weights with the model that it teaches, and "
                        "a teacher is frozen: give a copy, copy.deepcopy(model.audio_net)."
                    )
                network.requires_grad_(False).eval()
            encoder, module = modalities.encoders[m], modalities.modules[m]
            if module is None or len(encoder.parts) > 1 or encoder.features is not None:
                raise BalanceError(
                    f"The teacher of {m!r} is called as the model's encoder is, which must be one "
                    "module; found an encoder of several parts, or named by parameters."
                )
            modalities.record.watch(_key(m), module)
        self._digests: dict[str, str] = {}

    def lacking_heads(self) -> list[str]:
        """Modalities whose teacher gives no logits."""
        return [m for m, teacher in self._of.items() if teacher.head is None]

    def inputs(self, modality: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Positional and named arguments of the calls of a modality's encoder that made its
        features, in the pass whose loss is taken.

        Raises:
            BalanceError: it did not run inside the model's own forward pass.
        """
        calls = self._modalities.record.calls_of(_key(modality))
        which = self._modalities.encoders[modality].calls
        if isinstance(which, int):
            calls = calls[which : which + 1]
        if not calls:
            raise BalanceError(
                f"The teacher of {modality!r} takes what the model's encoder was given, and that "
                "encoder did not run inside the model's own forward pass: let the model's forward "
                "call it, and call model(...) before loss()."
            )
        return calls

    @torch.no_grad()
    def taught(self, modality: str, rows: int | None) -> tuple[Tensor, Tensor | None]:
        """Features of a modality's teacher for what the model's encoder was given, as these are
        read, and its logits where it has a head. -> (N, ...), (N, C) or None

        Args:
            modality: its name.
            rows: samples of the batch, where they are known.
        """
        teacher, encoder = self._of[modality], self._modalities.encoders[modality]
        calls = self.inputs(modality)
        for network in teacher.networks:
            if network.training:  # a host that trains all that it holds
                network.eval()
        _follow(teacher, calls)
        values = [
            features_in(teacher.encoder(*args, **kwargs), encoder.output, modality)
            for args, kwargs in calls
        ]
        one = layout.one_of_calls(modality, encoder, values, len(values))
        features = layout.samples_first(one, encoder, modality, teacher.encoder, rows)
        return features, None if teacher.head is None else teacher.head(features)

    @torch.no_grad()
    def start_from(self) -> None:
        """Let the model's encoders begin at their teachers' weights.

        Raises:
            BalanceError: an encoder of another form, or one that shares weights with another.
        """
        modalities = self._modalities
        for m, teacher in self._of.items():
            own = layout.named_module(m, modalities.modules[m]).state_dict()
            theirs = teacher.encoder.state_dict()
            forms = [{name: w.shape for name, w in state.items()} for state in (own, theirs)]
            if modalities.shared or forms[0] != forms[1]:
                reason = "which is of another form"
                if modalities.shared:
                    reason = "as it shares some with another modality"
                raise BalanceError(
                    f"The encoder of {m!r} cannot begin at its teacher's weights, {reason}."
                )
            for name, weight in own.items():
                local(weight).copy_(own_rows(weight, theirs[name]))

    def digests(self) -> dict[str, str]:
        """What tells the teachers' weights apart, for a checkpoint that does not hold them."""
        if not self._digests:
            self._digests = {m: _digest(teacher) for m, teacher in self._of.items()}
        return dict(self._digests)


def _key(modality: str) -> str:
    """Under which what goes into a modality's encoder is recorded; no module has such a name."""
    return f"encoder: {modality}"


def _teacher(modality: str, given: Any) -> Teacher:
    """What was given for one modality. Raises BalanceError."""
    pair = given if isinstance(given, (tuple, list)) else (given,)
    if not 1 <= len(pair) <= 2 or not all(isinstance(n, nn.Module) for n in pair):
        raise BalanceError(f"{_WHAT}; found {quoted(given)} for {modality!r}.")
    return Teacher(*pair)


def _follow(teacher: Teacher, calls: list[tuple[tuple[Any, ...], dict[str, Any]]]) -> None:
    """Bring a teacher to the device of what it is given."""
    first = next(teacher.encoder.parameters(), None)
    given = [x for args, kwargs in calls for x in (*args, *kwargs.values())]
    tensor = next((x for x in given if isinstance(x, Tensor)), None)
    if first is not None and tensor is not None and first.device != tensor.device:
        for network in teacher.networks:
            network.to(tensor.device)


def _digest(teacher: Teacher) -> str:
    found = hashlib.sha256()
    for network in teacher.networks:
        for name, value in network.state_dict().items():
            found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            plain = value.detach().cpu().reshape(-1).contiguous()
            found.update(plain.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]
