"""Hugging Face Trainer: a callback that runs the stages of a balancer and keeps its state."""

import copy
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from equimodal.balancing.balancer import Balancer
from equimodal.errors import BalanceError
from equimodal.integrations.huggingface_checks import refuse_loss, refuse_setting, warn_of_clipping
from equimodal.integrations.huggingface_state import load_state, mark, save_state

try:
    from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback
except ImportError as missing:
    raise ImportError(
        "equimodal.integrations.huggingface needs transformers and accelerate: "
        'pip install "equimodal[huggingface]".'
    ) from missing


class BalanceCallback(TrainerCallback):
    """Runs a balancer's stages in ``Trainer.train``::

        callback = BalanceCallback(balancer)
        Trainer(..., callbacks=[callback], compute_loss_func=callback.compute_loss)

    The Trainer clips gradients *before* ``before_step()``; ``max_grad_norm=0`` switches that off.
    ``epoch_end()`` runs at the end of every epoch that ``max_steps`` or a stop did not cut short.
    Every checkpoint holds the state as ``equimodal.pt``, which is read where a training resumes.
    Optimizer and planned epochs are the Trainer's, where the balancer was given none.

    Args:
        balancer: the balancer of the model that is trained.

    Raises:
        BalanceError: a setting of the Trainer that no method can work with, one of the two
            arguments is missing, or a checkpoint lacks the balancer's state.
    """

    def __init__(self, balancer: Balancer) -> None:
        self.balancer = balancer
        self._epochs = balancer.setting.epochs
        self._parts = 0
        self._run = ""
        self._open = False

    def compute_loss(
        self, outputs: Any, labels: Any, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        """The balancer's loss, times the share that this micro-batch has in the update. -> ()

        The Trainer adds the gradients of micro-batches and divides nothing. Shares are of the
        labels that it has counted, in all micro-batches and on all ranks. Where modalities are
        missing, the outputs hold ``present``, (N, M) bool, beside ``logits``.
        """
        if torch.is_grad_enabled():
            refuse_loss(labels, counted=num_items_in_batch is not None, parts=self._parts)
        seen = outputs if isinstance(outputs, Mapping) else getattr(outputs, "__dict__", {})
        loss = self.balancer.loss(outputs, labels, seen.get("present"))
        if num_items_in_batch is None:
            return loss
        counted = labels.ne(-100).sum().to(torch.promote_types(loss.dtype, torch.float32))
        weighted: Tensor = loss * (counted / num_items_in_batch)
        return weighted

    def log_to(self, trainer: Trainer) -> None:
        """Send decisions to the trainer's ``report_to`` loggers, under the update they belong to.

        The progress bar and ``log_history`` are spared.
        """
        spared = (PrinterCallback, ProgressCallback, BalanceCallback)

        def log(values: dict[str, float], step: int) -> None:
            state = copy.copy(trainer.state)
            state.global_step = step
            for callback in trainer.callback_handler.callbacks:
                if not isinstance(callback, spared):
                    callback.on_log(
                        trainer.args, state, trainer.control, logs=dict(values), model=trainer.model
                    )

        self.balancer.decisions.log = log

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Refuse what cannot work, attach the optimizer, and continue where a checkpoint ended."""
        refuse_setting(self.balancer, args, kwargs["model"], kwargs["optimizer"])
        warn_of_clipping(self.balancer, args)
        self.balancer.attach(kwargs["optimizer"])
        planned = state.num_train_epochs
        self.balancer.setting.epochs = self._epochs or (planned if planned < sys.maxsize else None)
        self._parts, self._open = args.gradient_accumulation_steps, False
        if state.global_step and load_state(self.balancer, args, state):
            self.balancer.epoch_end()
        self._run = mark(args, state)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the epoch."""
        self._open = True

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Run the gradient stage."""
        if not self.balancer.watch.pending:
            raise BalanceError(
                "No loss of this update came from the balancer: pass "
                "compute_loss_func=callback.compute_loss to Trainer."
            )
        self.balancer.before_step()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Run the epoch stage, unless the epoch was cut short."""
        if (control.should_training_stop or control.should_epoch_stop) and state.epoch % 1:
            return self.balancer.decisions.flush()
        self.balancer.epoch_end()
        self._open = False

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Put the balancer's state beside the Trainer's."""
        if args.should_save:
            # Saved by steps, the last update of an epoch comes before the end of that epoch.
            due = self._open and not state.epoch % 1
            save_state(self.balancer, args, state, run=self._run, due=due)
