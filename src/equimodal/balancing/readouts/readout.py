"""What a readout is, and where the logits are in a model's output."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from equimodal.errors import BalanceError
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


def logits_of(output: Any, name: Any = None) -> Tensor | None:
    """The logits in a model's output: a tensor, ``.logits``, ``["logits"]`` or the first entry; or
    those of another name or position, or of several tasks (`TaskOutputs`)."""
    if hasattr(name, "joined"):
        found: Tensor | None = name.joined(output)
        return found
    if name is not None:
        return named_logits(output, name)
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


def named_logits(output: Any, name: str | int) -> Tensor | None:
    """The entry of an output by its name or position; None where it holds None there.

    Raises:
        BalanceError: there is no such entry, or it is no tensor.
    """
    sequence = isinstance(output, (tuple, list))
    names = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
    if isinstance(name, int) and sequence and -len(output) <= name < len(output):
        found = output[name]
    elif name in names:
        found = names[name]
    elif isinstance(name, str) and hasattr(output, name):
        found = getattr(output, name)
    else:
        held = f"{len(output)} entries" if sequence else f"{list(names)}"
        raise BalanceError(
            f"The model's output of type {type(output).__name__} has no {name!r}; it holds {held}."
        )
    if found is None or isinstance(found, Tensor):
        return found
    raise BalanceError(f"{name!r} must be a tensor or None; found {type(found).__name__}.")


def _tensor_or_none(value: Any) -> Tensor | None:
    if value is None or isinstance(value, Tensor):
        return value
    raise BalanceError(f"'logits' must be a tensor or None; found {type(value).__name__}.")


def required_logits(logits: Tensor | None) -> Tensor:
    """The logits of an ablated batch. Raises BalanceError if there are none."""
    if logits is None:
        raise BalanceError("The model gave no logits for an ablated batch; it must fuse its input.")
    return logits
