"""What a method needs of a balancer, checked before training starts."""

from collections.abc import Collection, Mapping

from torch import Tensor

from .arguments import require_choice
from .errors import BalanceError
from .method import Method
from .modalities import ModalityMap

OBJECTIVES = ("fused", "fused+unimodal")


def needs_readout(method: Method, objective: str) -> bool:
    """Whether unimodal logits are read, by the method or by the objective."""
    return "unimodal_logits" in method.needs or objective != "fused"


def check_arguments(
    method: Method,
    *,
    objective: str,
    on: str,
    readout: object,
    loaders: Collection[str],
) -> None:
    """Refuse what cannot work, by name. Raises BalanceError."""
    name = type(method).__name__
    require_choice("objective", objective, OBJECTIVES)
    require_choice("on", on, ("gradient", "update"))
    if needs_readout(method, objective) and readout is None:
        raise BalanceError(
            f"{name} with objective {objective!r} needs unimodal logits; pass "
            "readout=LinearSplit(...), Ablation(...), InputAblation(...) or AuxiliaryHeads(...)."
        )
    if objective != "fused" and not getattr(readout, "differentiable", True):
        raise BalanceError(
            f"{name} with objective {objective!r} back-propagates unimodal losses, which do not "
            f"reach the encoders through {type(readout).__name__}; pass LinearSplit(...) or "
            "Ablation(...)."
        )
    for split in ("train", "val"):
        if f"{split}_loader" in method.needs and split not in loaders:
            raise BalanceError(
                f"{name} reads the {split} set; found loaders for {sorted(loaders)}. Pass "
                "loaders={'train': ..., 'val': ...}."
            )


def check_optimizers(method: Method, on: str, optimizers: Collection[object]) -> None:
    """Refuse the first loss without the optimizers that the method needs. Raises BalanceError."""
    if optimizers or not (on == "update" or "optimizers" in method.needs):
        return
    name = type(method).__name__
    reason = (
        f"on='update' applies the decisions of {name} to the optimizer's update"
        if on == "update"
        else f"{name} resets the state of an optimizer"
    )
    raise BalanceError(
        f"{reason}; found no optimizer. Pass optimizers=[...], or call balancer.attach(optimizer) "
        "where it is made later."
    )


def check_modules(method: Method, modalities: ModalityMap) -> None:
    """Refuse a method that reads features where a modality has no module. Raises BalanceError."""
    absent = [m for m, module in modalities.modules.items() if module is None]
    if absent and "features" in method.needs:
        raise BalanceError(
            f"{type(method).__name__} needs the features of {absent}, which are named by "
            "parameters only. Name an encoder module for each."
        )


def check_forward(features: Mapping[str, Tensor], modalities: ModalityMap) -> None:
    """Refuse a loss without a forward pass through every encoder. Raises BalanceError."""
    modules = modalities.modules
    missing = [m for m in modalities.names if modules[m] is not None and m not in features]
    if missing:
        raise BalanceError(
            f"No forward pass through the encoders of {missing} since the last loss(): call "
            "model(...) before every loss(), and make the balancer before the first compiled call."
        )
