"""Settings of a Hugging Face Trainer that no method can work with."""

import warnings
from typing import Any

from torch import nn

from equimodal.balancing.balancer import Balancer
from equimodal.balancing.task import Task
from equimodal.balancing.windows import EXPANDED
from equimodal.errors import BalanceError

_UNCOUNTED = -100


def warn_of_clipping(balancer: Balancer, args: Any) -> None:
    """Warn where the Trainer clips gradients that a method scales afterwards."""
    if not args.max_grad_norm > 0:
        return
    balancer.watch.clips_first = True
    if balancer.setting.on == "gradient" and balancer.setting.method.edits_gradients():
        warnings.warn(
            f"The Trainer clips gradients to max_grad_norm={args.max_grad_norm:g} before "
            f"{type(balancer.setting.method).__name__} scales them: pass "
            "TrainingArguments(max_grad_norm=0), or Balancer(..., on='update').",
            stacklevel=3,
        )


def refuse_setting(balancer: Balancer, args: Any, model: nn.Module, optimizer: Any) -> None:
    """Refuse, before the first update, what would be silently wrong. Raises BalanceError."""
    if args.n_gpu > 1:
        raise BalanceError(
            f"nn.DataParallel over {args.n_gpu} GPUs runs copies of the model, whose features the "
            "balancer does not see; start one process a GPU: torchrun --nproc-per-node "
            f"{args.n_gpu} train.py."
        )
    _refuse_task(balancer.setting.task, args.label_smoothing_factor)
    if args.deepspeed or "DeepSpeed" in type(optimizer).__name__:
        raise BalanceError(
            "DeepSpeed keeps gradients and updates to itself, so that no method can change them; "
            "use DDP or FSDP2."
        )
    if balancer.setting.method.lists_items and balancer.setting.steps == EXPANDED:
        raise BalanceError(
            f"{type(balancer.setting.method).__name__} lists the rows of every epoch, whose number "
            "of batches changes, and the Trainer plans all its steps at the start: write "
            "Balancer(..., steps='nominal')."
        )
    mine = balancer.setting.modalities.model
    if not any(module is mine for module in model.modules()):
        raise BalanceError(
            f"The Trainer trains a {type(model).__name__} that is not the model of the balancer: "
            "pass the same object to both, and model=... instead of model_init=...."
        )
    if balancer.watch.pending:
        raise BalanceError(
            "A training was cut off between loss() and before_step(); build the model and the "
            "balancer anew, and resume from a checkpoint."
        )


def _refuse_task(task: Task, smoothing: float) -> None:
    """Refuse labels that the balancer and the Trainer would treat in two ways. BalanceError."""
    own = getattr(task, "label_smoothing", 0.0)
    if smoothing and smoothing != own:
        raise BalanceError(
            f"label_smoothing_factor={smoothing:g} would do nothing: the loss is the balancer's, "
            f"which smooths labels by {own:g}. Leave it out of TrainingArguments and write "
            f"Balancer(..., task=Classification(label_smoothing={smoothing:g}))."
        )
    ignored = getattr(task, "ignore_index", None)
    if ignored not in (None, _UNCOUNTED):
        raise BalanceError(
            f"The Trainer counts the labels of an update but for {_UNCOUNTED}, and the task "
            f"ignores {ignored}, so that parts of an update would weigh too much: mark them by "
            f"{_UNCOUNTED}, and write Classification(ignore_index={_UNCOUNTED})."
        )


def refuse_loss(labels: Any, *, counted: bool, parts: int) -> None:
    """Refuse a loss that no update could use. Raises BalanceError.

    Args:
        labels: what the Trainer gave as such.
        counted: whether it counted them.
        parts: micro-batches of an update; 0 where the callback was not told that training begins.
    """
    if not parts:
        raise BalanceError("The callback is missing: pass callbacks=[callback] to Trainer.")
    if labels is None:
        raise BalanceError(
            "The Trainer gave no labels: name the target 'labels' in the data set, and pass "
            "TrainingArguments(label_names=['labels']) if the model's forward has no such argument."
        )
    if parts > 1 and not counted:
        raise BalanceError(
            f"The Trainer cannot count labels of type {type(labels).__name__}, so that the {parts} "
            "micro-batches of an update cannot be averaged; use gradient_accumulation_steps=1."
        )
