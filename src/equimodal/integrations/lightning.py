"""Lightning: a callback that runs the stages of a balancer and keeps its state in the checkpoint.

``lightning.pytorch`` and ``pytorch_lightning`` both serve; the one already imported is taken.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from equimodal.balancing.balancer import Balancer
from equimodal.balancing.windows import EXPANDED
from equimodal.errors import BalanceError

_KEY = "equimodal"
_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback_class() -> Any:
    """``Callback`` of the Lightning that is there. Raises ImportError with what to install."""
    for name in sorted(_PACKAGES, key=lambda name: name not in sys.modules):
        try:
            return import_module(name).Callback
        except ModuleNotFoundError as missing:
            cause = missing
    raise ImportError(
        'equimodal.integrations.lightning needs Lightning: pip install "equimodal[lightning]".'
    ) from cause


if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
else:
    Callback = _callback_class()


class BalanceCallback(Callback):
    """Runs a balancer's stages in ``Trainer.fit``: ``Trainer(callbacks=[BalanceCallback()])``.

    ``before_step()`` runs at the first optimizer step of an update, after Lightning has unscaled
    the gradients and before it clips them; ``epoch_end()`` after the last batch of an epoch, but
    not where ``max_steps`` or a stop cuts the epoch. Optimizers, planned epochs and loggers are
    the trainer's; epochs and log only where the balancer was given none.

    Args:
        balancer: the balancer; by default the attribute ``balancer`` of the LightningModule.

    Raises:
        BalanceError: no balancer, ``training_step`` never uses it, or the checkpoint lacks it.
    """

    def __init__(self, balancer: Balancer | None = None) -> None:
        self.balancer = balancer
        self._lends_log = self._lends_epochs = False
        self._open = False  # whether batches were trained since the last epoch_end()
        self._due = False  # whether a loaded checkpoint has left the end of an epoch to do
        self._first = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make optimizers, planned epochs and loggers known to the balancer."""
        balancer, callbacks = self._of(pl_module), getattr(trainer, "callbacks", [])
        if sum(isinstance(c, BalanceCallback) for c in callbacks) > 1:
            raise BalanceError("Two BalanceCallbacks would end every epoch twice: give one.")
        _refuse_fixed_length(balancer, trainer)
        balancer.attach(*trainer.optimizers)
        planned = trainer.max_epochs is not None and trainer.max_epochs > 0
        if trainer.is_global_zero and balancer.decisions.log is None:
            balancer.decisions.log, self._lends_log = _log_to(trainer), True
        if planned and balancer.setting.epochs is None:
            balancer.setting.epochs, self._lends_epochs = trainer.max_epochs, True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the epoch whose batches were all trained when the checkpoint was written."""
        if self._due:
            self._end(self._of(pl_module))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Open the epoch."""
        if not self._open:
            self._open, self._first = True, self._of(pl_module).step_index

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any
    ) -> None:
        """Run the gradient stage, once an update however many optimizers step."""
        if self._of(pl_module).watch.due:
            self._of(pl_module).before_step()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Run the epoch stage, if all batches of the epoch were trained."""
        balancer = self._of(pl_module)
        if self._open and balancer.step_index == self._first and not balancer.watch.pending:
            raise BalanceError(
                "No update of this epoch came from the balancer: return self.balancer.loss(output, "
                f"target) from {type(pl_module).__name__}.training_step()."
            )
        if self._open and trainer.is_last_batch:
            self._end(balancer)
        else:
            balancer.decisions.flush()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the balancer's state into Lightning's checkpoint."""
        due = self._open and trainer.is_last_batch
        checkpoint[_KEY] = {"balancer": self._of(pl_module).state_dict(), "due": due}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Continue from the state in Lightning's checkpoint, where a training is continued."""
        if trainer.state.fn != "fit":
            return
        if _KEY not in checkpoint:
            raise BalanceError(
                "The checkpoint holds no balancer: it was written without BalanceCallback. Start "
                "afresh, or load its weights alone: torch.load(path)['state_dict']."
            )
        self._of(pl_module).load_state_dict(checkpoint[_KEY]["balancer"])
        self._open, self._due = False, checkpoint[_KEY]["due"]

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take back what was lent, so that another trainer lends its own."""
        balancer = self._of(pl_module)
        if self._lends_log:
            balancer.decisions.log = None
        if self._lends_epochs:
            balancer.setting.epochs = None
        self._lends_log = self._lends_epochs = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """As at the end of a training."""
        self.on_fit_end(trainer, pl_module)

    def _end(self, balancer: Balancer) -> None:
        balancer.epoch_end()
        self._open = self._due = False

    def _of(self, pl_module: LightningModule) -> Balancer:
        found = self.balancer or getattr(pl_module, "balancer", None)
        if not isinstance(found, Balancer):
            raise BalanceError(
                f"BalanceCallback found no balancer in {type(pl_module).__name__}: write "
                "self.balancer = Balancer(...) in its __init__, or BalanceCallback(balancer)."
            )
        return found


def _refuse_fixed_length(balancer: Balancer, trainer: Trainer) -> None:
    """Refuse epochs of other lengths where the trainer asks for the length once. BalanceError."""
    setting = balancer.setting
    varies = setting.method.lists_items and setting.steps == EXPANDED
    if varies and getattr(trainer, "reload_dataloaders_every_n_epochs", 0) != 1:
        raise BalanceError(
            f"{type(setting.method).__name__} lists the rows of every epoch, whose number of "
            "batches changes, and the Trainer counts them once: write "
            "Trainer(reload_dataloaders_every_n_epochs=1), or Balancer(..., steps='nominal')."
        )


def _log_to(trainer: Trainer) -> Any:
    def log(values: dict[str, float], step: int) -> None:
        for logger in trainer.loggers:
            logger.log_metrics(values, step)

    return log
