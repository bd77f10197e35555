r"""MSES: each modality's encoder stops when its own validation loss has stopped improving.

Modalities overfit at different times. Each encoder is watched by its modality's own validation
loss, and is frozen at its best epoch while the others go on.

Modality-specific learning rate control for multimodal classification. ACPR 2019, part 2;
https://openreview.net/forum?id=On2HBy27Y5a

=================  ============  ==============================================================
symbol             name here     shape and meaning
=================  ============  ==============================================================
:math:`V^m_t`      ``losses``    (M,) validation loss of own logits after epoch t
:math:`S^m_t`      ``smooth``    (M,) its mean with the one before
=================  ============  ==============================================================

Only the abstract was available to us, and no official code was found: this follows a code of
others, and departs from it where ``docs/methods/mses.md`` says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.checks import require, require_choice, require_number, require_tensor
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.sharding import local


class MSES(Method):
    r"""Freeze an encoder for good when its own validation loss has not fallen for some epochs.

    .. math:: S^m_1 = V^m_1, \quad S^m_t = (1 - \alpha) V^m_{t-1} + \alpha V^m_t

    An encoder stops when more than ``patience`` epochs have passed since its least smoothed loss.
    Its weights are then those of that epoch, and its updates are multiplied by 0: nothing moves
    it, neither momentum nor weight decay. Batch statistics are held at those of that epoch.

    Records: ``loss``, ``smooth`` and ``stopped`` of every epoch.

    Args:
        patience: epochs without improvement that are waited for, from 1.
        smoothing: alpha, weight of the latest loss, in (0, 1].
        restore: "encoder", its weights of the best epoch; "model", as in the code that we know: all
            weights, buffers and the optimizers' state of that epoch, so that the others lose what
            they learned since, but for encoders that stopped before; "none".

    Raises:
        BalanceError: an argument out of range.

    Example::

        Balancer(model, MSES(patience=5), encoders, LinearSplit("fc"), optimizers=[optimizer],
                 objective="fused+unimodal", loaders={"val": val_loader})
    """

    needs: frozenset[str] = frozenset({"unimodal_logits", "val_loader"})
    on = "update"

    def __init__(
        self, patience: int = 10, *, smoothing: float = 0.4, restore: str = "encoder"
    ) -> None:
        super().__init__()
        self.patience = patience
        self.smoothing = smoothing
        self.restore = restore
        require_number("MSES patience", patience, low=1, whole=True)
        require_number("MSES smoothing", smoothing, above=0, high=1)
        require_choice("MSES restore", restore, ("encoder", "model", "none"))
        if restore == "model":
            self.needs = self.needs | {"optimizers"}

    def on_start(self, modalities: ModalityMap) -> None:
        """Nothing has stopped yet."""
        self._modalities = modalities
        self.state = {
            "epochs": 0, "previous": {}, "best": {}, "best_epoch": {},
            "stopped": dict.fromkeys(modalities.names, False),
        }  # fmt: skip

    @property
    def acted(self) -> bool:
        """Whether an encoder has stopped."""
        return any(self.state["stopped"].values())

    @property
    def note(self) -> str:
        """Whether nothing but the head is trained any more."""
        return "every encoder has stopped" if all(self.state["stopped"].values()) else ""

    def on_gradients(self, step: Step) -> None:
        """Let encoders that have stopped stand still."""
        stopped = [m for m, done in self.state["stopped"].items() if done]
        step.scale({m: torch.zeros(()) for m in stopped}, "all")
        for m in stopped:
            _restore(self._buffers(m), self.snapshots[m]["buffers"])

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Losses, and who stops."""
        names = epoch.modalities.names
        losses = epoch.losses("val")[: len(names)]
        self.state["epochs"] += 1
        smooth = []
        for m, loss in zip(names, losses.tolist(), strict=True):
            smooth.append(self._smoothed(m, loss))
            self._judge(m, smooth[-1], epoch.optimizers)
        epoch.record("loss", losses)
        epoch.record("smooth", smooth)
        epoch.record("stopped", [float(done) for done in self.state["stopped"].values()])

    def _smoothed(self, modality: str, loss: float) -> float:
        """The mean of a loss with the one before it, which it becomes."""
        before = self.state["previous"].get(modality, loss)
        self.state["previous"][modality] = loss
        pair = torch.tensor([before, loss], dtype=torch.float64)
        return float(smoothed_losses(pair, self.smoothing)[-1])

    def _judge(self, modality: str, smooth: float, optimizers: Sequence[Optimizer] = ()) -> None:
        """Remember a best epoch, or stop."""
        state, now = self.state, self.state["epochs"]
        if state["stopped"][modality]:
            return
        if not smooth >= state["best"].get(modality, torch.inf):
            state["best"][modality], state["best_epoch"][modality] = smooth, now
            self._remember(modality, optimizers)
        elif now - state["best_epoch"][modality] > self.patience:
            state["stopped"][modality] = True
            if self.restore == "none":
                self._remember(modality)
            if self.restore == "model":
                self._restore_all(modality, optimizers)
            _restore(self._modalities.parameters(modality), self.snapshots[modality]["weights"])

    def _remember(self, modality: str, optimizers: Sequence[Optimizer] = ()) -> None:
        """Keep the encoder as it is now, and all that is to be restored."""
        weights = self._modalities.parameters(modality)
        kept = {"weights": _copied(weights), "buffers": _copied(self._buffers(modality))}
        if self.restore == "model":
            kept["model"] = _copied(_tensors(self._modalities.model))
            kept["optimizers"] = _copied(_states(optimizers))
        self.snapshots = {**self.snapshots, modality: kept}

    def _restore_all(self, modality: str, optimizers: Sequence[Optimizer]) -> None:
        """Put model and optimizers back to the best epoch of a modality; those that stopped before
        stay as they stopped."""
        kept = self.snapshots[modality]
        _restore(_tensors(self._modalities.model), kept["model"])
        _restore(_states(optimizers), kept["optimizers"])
        for m, done in self.state["stopped"].items():
            if done:
                _restore(self._modalities.parameters(m), self.snapshots[m]["weights"])
                _restore(self._buffers(m), self.snapshots[m]["buffers"])

    def _buffers(self, modality: str) -> dict[str, Tensor]:
        """Batch statistics and other buffers inside an encoder."""
        inside = self._modalities.inside(modality)
        named = self._modalities.model.named_modules()
        return {
            f"{name}.{key}": buffer
            for name, module in named
            if module in inside
            for key, buffer in module.named_buffers(recurse=False)
        }


def smoothed_losses(losses: Tensor, smoothing: float) -> Tensor:
    """Each loss averaged with the one before it, the first as it is. (T,) -> (T,)

    Args:
        losses: of one modality, epoch by epoch.
        smoothing: weight of the later one, in (0, 1].

    Raises:
        BalanceError: ``losses`` is no vector of real numbers or empty, or a weight out of range.
    """
    require_tensor("losses", losses, axes="T", floating=True)
    require(len(losses) > 0, "There must be a loss", 0)
    require_number("smoothing", smoothing, above=0, high=1)
    return torch.cat([losses[:1], (1 - smoothing) * losses[:-1] + smoothing * losses[1:]])


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _states(optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """Tensors of the optimizers' states, by optimizer, parameter and name."""
    return {
        f"{k}.{place}.{name}": value
        for k, optimizer in enumerate(optimizers)
        for place, p in enumerate(p for g in optimizer.param_groups for p in g["params"])
        for name, value in optimizer.state.get(p, {}).items()
        if isinstance(value, Tensor)
    }


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: local(t.detach()).clone() for name, t in tensors.items()}


def _restore(tensors: Mapping[str, Any], kept: Mapping[str, Tensor]) -> None:
    """Copy what was kept into the tensors."""
    for name, tensor in tensors.items():
        local(tensor.data).copy_(kept[name])
