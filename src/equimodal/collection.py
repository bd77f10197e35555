"""Features of a whole split, read without a trace on the training."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .errors import BalanceError
from .modalities import ModalityMap, evaluating


@torch.no_grad()
def collect_features(
    modalities: ModalityMap,
    loader: Iterable[Any],
    forward: Callable[[nn.Module, Any], tuple[Any, Tensor]],
) -> tuple[dict[str, Tensor], Tensor]:
    """Features by modality and labels of all batches, on the CPU. -> {m: (N, D)}, (N,)

    In evaluation mode; the global random stream is left as it was.
    """
    model = modalities.model
    devices = {p.device for p in model.parameters() if p.is_cuda}
    features: list[dict[str, Tensor]] = []
    labels: list[Tensor] = []
    with evaluating(model), torch.random.fork_rng(list(devices)):
        for batch in loader:
            labels.append(forward(model, batch)[1].cpu())
            taken = modalities.take_features()
            features.append({m: f.float().flatten(1).cpu() for m, f in taken.items()})
    if not labels:
        raise BalanceError(
            "A loader of the balancer gave no batch: it must be iterable again and again, so pass "
            "a DataLoader or a list, not a generator."
        )
    return {m: torch.cat([f[m] for f in features]) for m in modalities.names}, torch.cat(labels)
