"""The targets that a loss is given."""

import copy
from collections.abc import Collection, Mapping

from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.requirements.arguments import require_suited
from equimodal.balancing.task import Task
from equimodal.errors import BalanceError


def check_target(target: Tensor | Mapping[str, Tensor]) -> None:
    """Raise `BalanceError` unless these are labels, of at least one sample."""
    given = list(target.values()) if isinstance(target, Mapping) else [target]
    odd = [type(y).__name__ for y in given if not isinstance(y, Tensor)]
    if odd or not given:
        raise BalanceError(
            "The target must be a tensor, or a mapping with a tensor for each modality; found "
            f"{odd[0] if odd else 'an empty mapping'}. Write torch.as_tensor(target)."
        )
    if any(y.ndim == 0 for y in given):
        raise BalanceError("The target must hold one entry a sample; found a single number.")
    if not any(map(len, given)):
        raise BalanceError(
            "The batch holds no sample, so that it has no loss; found 0 labels. Leave empty "
            "batches out (DataLoader(..., drop_last=True) where the last one is)."
        )


def check_fitting(
    target: Tensor | Mapping[str, Tensor],
    logits: Tensor | None,
    method: Method,
    task: Task,
    names: Collection[str],
) -> None:
    """Raise `BalanceError` unless labels fit the logits, the method and the modalities' names."""
    if isinstance(target, Tensor):
        if logits is not None:
            task.check(logits, target)
            require_form(method, task, logits, target)
        return
    if not method.unpaired:
        raise BalanceError(
            f"{type(method).__name__} needs paired batches with one label tensor; found "
            "labels by modality. Use a method that draws its own rows, or iterate over "
            "balancer.batches(...)."
        )
    if set(target) != set(names):
        raise BalanceError(f"Labels by modality must name {list(names)}; found {sorted(target)}.")


def require_form(method: Method, task: Task, logits: Tensor, target: Tensor) -> None:
    """Refuse outputs of a form for which the method has no meaning. Raises BalanceError."""
    words, lacking = task.form(logits, target)
    if lacking:
        narrowed = copy.copy(task)
        narrowed.name, narrowed.lacks = words, task.lacks | lacking
        require_suited(method, narrowed)
