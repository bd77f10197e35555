"""What a method needs of a balancer, checked before training starts."""

from collections.abc import Collection, Mapping

from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.readouts import Readout
from equimodal.balancing.task import Regression, Task
from equimodal.checks import require_choice, require_number
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap

OBJECTIVES = ("fused", "fused+unimodal")


def needs_readout(method: Method, objective: str) -> bool:
    """Whether unimodal logits are read, by the method or by the objective."""
    return "unimodal_logits" in method.needs or objective != "fused"


def check_arguments(
    method: Method,
    *,
    task: Task,
    objective: str,
    on: str,
    readout: Readout | None,
    loaders: Collection[str],
    log_every: int | None,
    diagnose: int | None,
) -> None:
    """Refuse what cannot work, by name. Raises BalanceError."""
    name = type(method).__name__
    require_choice("objective", objective, OBJECTIVES)
    require_choice("on", on, ("gradient", "update"))
    for argument, value in {"log_every": log_every, "diagnose": diagnose}.items():
        if value is not None:
            require_number(argument, value, low=1, whole=True)
    if readout is not None and not isinstance(readout, Readout):
        raise BalanceError(
            f"readout must be LinearSplit(...), Ablation(...), InputAblation(...), "
            "AuxiliaryHeads(...), or of a class of your own derived from "
            f"equimodal.balancing.readouts.Readout; found {readout!r}."
        )
    if needs_readout(method, objective) and readout is None:
        raise BalanceError(
            f"{name} with objective {objective!r} needs unimodal logits; pass "
            "readout=LinearSplit(...), Ablation(...), InputAblation(...) or AuxiliaryHeads(...)."
        )
    if reason := method.unsuited(task):
        raise BalanceError(f"{name} does not work for {task.name}: {reason}.")
    if objective != "fused" and isinstance(task, Regression) and readout and readout.additive:
        raise BalanceError(
            f"objective {objective!r} asks every modality for the whole number, and the parts of "
            f"{type(readout).__name__} sum to it, so that no weights serve both; use "
            "objective='fused', or a readout whose parts do not sum, such as Ablation('mean')."
        )
    if objective != "fused" and readout and not readout.differentiable:
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


def check_parameters(modalities: ModalityMap, *, gradients: bool) -> None:
    """Refuse parameters that were replaced since, or that have no ``gradients`` where a method
    edits them. Raises BalanceError."""
    gone = modalities.replaced()
    if gone:
        raise BalanceError(
            f"{len(gone)} parameters of the encoders, such as {gone[0]!r}, were replaced after the "
            "balancer was made, as fully_shard() does: make the balancer afterwards. Where it was, "
            "let the model's forward return the features whose losses are trained, so that FSDP2 "
            "sees the backward pass."
        )
    found = [p.grad for m in modalities.names for p in modalities.parameters(m).values()]
    if gradients and not any(g is not None for g in found):
        raise BalanceError(
            "before_step() found no gradient in any encoder: call it after loss.backward() and "
            "before optimizer.zero_grad()."
        )


def check_features(
    features: Mapping[str, Tensor],
    modalities: ModalityMap,
    rows: Mapping[str, Tensor] | None,
    *,
    trained: bool,
) -> None:
    """Refuse a loss without a forward pass through every encoder. Raises BalanceError.

    ``trained``: unimodal losses must reach the encoders through their features.
    """
    for m, module in modalities.modules.items():
        if module is None or (rows is not None and not len(rows[m])):
            continue
        if m not in features:
            raise BalanceError(
                f"No forward pass through the encoder of {m!r} since the last loss(): call "
                "model(...) before every loss(), make the balancer before the first compiled "
                "call, and tell missing modalities by loss(..., present=...)."
            )
        if trained and not features[m].requires_grad and modalities.trained(m):
            raise BalanceError(
                f"The features of {m!r} carry no gradient, so that its own loss cannot reach its "
                "encoder: found an encoder that runs without gradient. Remove torch.no_grad() "
                "or .detach(), or write checkpoint(..., use_reentrant=False)."
            )
