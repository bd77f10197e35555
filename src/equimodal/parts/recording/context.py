"""What PyTorch is at while an encoder runs."""

import torch


def autocast_on(device: str) -> tuple[str, torch.dtype] | None:
    """Device and type of the autocast that is in force there."""
    if not torch.is_autocast_enabled(device):
        return None
    return device, torch.get_autocast_dtype(device)


def is_recomputing() -> bool:
    """Whether activation checkpointing runs the forward pass again inside the backward pass."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1
