"""What a readout is, and where the logits are in a model's output."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from equimodal.errors import BalanceError, quoted
from equimodal.numerics.blanking import blanked
from equimodal.parts.modalities import ModalityMap


class Readout:
    """Turns features into unimodal logits. A subclass is called, and declares what it can."""

    additive: bool = False
    """Whether the unimodal logits sum to the fused logits."""
    differentiable: bool = True
    """Whether a loss on the unimodal logits trains the encoders."""

    serves_several: bool = False
    """Whether it reads all that the model gives, so that it serves several tasks."""

    def of(self, task: str) -> "Readout":
        """The readout of one of several tasks."""
        return self

    def attach(self, modalities: ModalityMap) -> None:
        """Once, when the balancer is made: hooks that it needs on the model."""

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits of one forward pass. {m: (N, ...)} -> {m: (N, C)}"""
        raise NotImplementedError

    def weights(
        self, modalities: ModalityMap, features: Mapping[str, Tensor]
    ) -> dict[str, Tensor] | None:
        """What it multiplies the features of each modality by, with a graph; None where its logits
        are no such product. {m: (N, D_m)} -> {m: (C, D_m)}"""
        return None

    def fused(
        self, modalities: ModalityMap, features: Mapping[str, Tensor], *, training: bool = True
    ) -> Tensor:
        """Fused logits of features in place of the encoders' outputs, with a graph: the layers
        after the encoders run again. {m: (N, ...)} -> (N, C)

        Args:
            modalities: of the model, whose latest inputs serve.
            features: of all modalities.
            training: in the mode that the model is in; else in evaluation mode.
        """
        output = modalities.rerun(features, training=training)
        return required_logits(logits_of(output, modalities.record.logits_name))

    def coalitions(
        self,
        modalities: ModalityMap,
        features: Mapping[str, Tensor],
        sets: Collection[frozenset[str]],
        *,
        training: bool = True,
        fill: str = "zero",
    ) -> dict[frozenset[str], Tensor]:
        """Fused logits of every set of modalities, all others blanked. -> {set: (N, C)}"""
        return {
            s: self.fused(modalities, blanked(features, s, fill), training=training) for s in sets
        }

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """Raise BalanceError where the fused logits of a batch show that it does not fit."""

    def check_trained(self, modalities: ModalityMap, features: dict[str, Tensor]) -> None:
        """Raise BalanceError where losses of a batch's unimodal logits reach no encoder."""

    @property
    def title(self) -> str:
        """As a check of the balancer shows it."""
        return type(self).__name__

    def __repr__(self) -> str:
        return self.title

    @property
    def kind(self) -> str:
        """As files and reports name it."""
        return type(self).__name__


def require_vectors(title: str, features: Mapping[str, Tensor]) -> None:
    """Raise BalanceError unless the features of every modality are one vector a sample, where the
    logits are one too."""
    for m, found in features.items():
        if found.ndim != 2:
            raise BalanceError(
                f"{title} reads one vector a sample, (N, D); found features of shape "
                f"{tuple(found.shape)} of {m!r}. Let the encoder pool what is left over, such as "
                ".mean(1) over time, name the pooled output, Encoder(..., output=...), or use "
                "Ablation('zero')."
            )


def require_form_of(
    fused: Tensor, logits: Mapping[str, Tensor], features: Mapping[str, Tensor], title: str
) -> None:
    """Raise BalanceError where unimodal logits are of another form than the fused ones."""
    if any(z.ndim > fused.ndim for z in logits.values()):
        require_vectors(title, features)
    for m, z in logits.items():
        if z.shape[1:] != fused.shape[1:]:
            raise BalanceError(
                f"{title} gives {m!r} logits of shape {tuple(z.shape)}, and loss() was given "
                f"{tuple(fused.shape)}: let the model itself return its logits in the form that "
                "loss() is given, such as output[:, None]."
            )


def logits_of(output: Any, name: Any = None) -> Tensor | None:
    """The logits in a model's output: a tensor, ``.logits``, ``["logits"]`` or the first entry; or
    those of another name or position, or of several tasks (`TaskOutputs`)."""
    if hasattr(name, "joined"):
        found: Tensor | None = name.joined(output)
        return found
    if name is not None:
        return named_logits(output, name, "logits=...")
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "logits"):
        return _tensor_or_none(output.logits)
    if isinstance(output, Mapping) and "logits" in output:
        return _tensor_or_none(output["logits"])
    if isinstance(output, tuple) and output and isinstance(output[0], Tensor):
        return output[0]
    raise BalanceError(
        f"No logits in the model's output of type {type(output).__name__}. Return a tensor, a "
        "tuple that starts with it, or an object or mapping with 'logits'; where the logits have "
        "another name, write loss(output, target, logits='name')."
    )


def require_logits_name(argument: str, name: object) -> None:
    """Refuse what is no name or position of logits in an output. Raises BalanceError."""
    if type(name) not in (str, int):
        raise BalanceError(
            f"{argument} takes the name or the position of the logits in the model's output, such "
            f"as 'scores' or 0; found {quoted(name)}."
        )


def named_logits(output: Any, name: str | int, argument: str) -> Tensor | None:
    """The entry of an output by its name or position; None where it holds None there.

    ``argument``: where the user names it, for a message.

    Raises:
        BalanceError: there is no such entry, or it is no tensor.
    """
    if isinstance(output, Tensor):
        raise BalanceError(
            f"The output is one tensor, which has no {name!r}. Leave {argument} out where it is "
            "the logits, or give loss() all that the model returned."
        )
    sequence = isinstance(output, (tuple, list))
    names = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
    if isinstance(name, int) and sequence and -len(output) <= name < len(output):
        found = output[name]
    elif name in names:
        found = names[name]
    elif isinstance(name, str) and hasattr(output, name):
        found = getattr(output, name)
    else:
        held = f"{len(output)} entries, from 0" if sequence else quoted(list(names))
        raise BalanceError(
            f"The model's output of type {type(output).__name__} has no {name!r}; it holds {held}. "
            f"Name one of them in {argument}."
        )
    if found is None or isinstance(found, Tensor):
        return found
    raise BalanceError(
        f"{name!r} must be a tensor or None; found {type(found).__name__}. Name the logits in "
        f"{argument}."
    )


def _tensor_or_none(value: Any) -> Tensor | None:
    if value is None or isinstance(value, Tensor):
        return value
    raise BalanceError(f"'logits' must be a tensor or None; found {type(value).__name__}.")


def required_logits(logits: Tensor | None) -> Tensor:
    """The logits of an ablated batch. Raises BalanceError if there are none."""
    if logits is None:
        raise BalanceError("The model gave no logits for an ablated batch; it must fuse its input.")
    return logits
