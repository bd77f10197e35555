r"""G-Blending: gradient blending by overfitting and generalisation.

Every modality alone and the fused prediction are streams that overfit at different rates. The loss
of each is weighted by how much it generalises for how much it overfits, estimated on held-out data
over a super-epoch of several epochs.

Wang, Tran, Feiszli: what makes training multi-modal classification networks hard? CVPR 2020;
https://arxiv.org/abs/1905.12681

=======================  ======  ===============================================================
symbol                   shape   meaning
=======================  ======  ===============================================================
:math:`L^T_k, L^V_k`     (K,)    mean loss a sample of stream k on training and held-out data
:math:`G_k`              (K,)    held-out loss that fell over the super-epoch
:math:`O_k`              (K,)    growth of the gap between held-out and training loss
:math:`w_k`              (K,)    weight of stream k, K = M + 1; the fused one is the last
=======================  ======  ===============================================================

.. math::
    w_k \propto \max(G_k, 0) / \max(O_k^2, \varepsilon), \qquad L = \sum_k w_k L_k

The paper's own formulas were not available to us; these are the common form of two ports, from whom
we differ: both lose the sign of G, so that a stream whose held-out loss rises is rewarded
(``sign="lost"``), and hold out test or training data. The losses are those of the blended training
itself; the ports train a copy for each stream, K times the epochs. That, and the floor of O, is
ours.
"""

import torch
from torch import Tensor

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.checks import require_choice, require_tensor, require_whole
from equimodal.errors import BalanceError

FLOOR = 1e-4
"""Least squared overfitting, of losses of order 1."""
SIGNS = ("kept", "lost")


def blending_weights(
    train_start: Tensor,
    validation_start: Tensor,
    train_end: Tensor,
    validation_end: Tensor,
    *,
    sign: str = "kept",
) -> Tensor:
    """Weights of the streams from their losses around a super-epoch. 4 times (K,) -> (K,), sum 1

    Where no stream gained, or a loss is no number, all are equal.

    Args:
        train_start: losses on training data at its start.
        validation_start: on held-out data.
        train_end: on training data at its end.
        validation_end: on held-out data.
        sign: "kept"; "lost", as ported: a stream whose held-out loss rises is rewarded.

    Raises:
        BalanceError: losses that are not of the same streams, or an unknown sign.
    """
    losses = [train_start, validation_start, train_end, validation_end]
    for found in losses:
        require_tensor("losses", found, axes="K", floating=True)
    if len({len(found) for found in losses}) > 1:
        raise BalanceError(
            f"Losses must be of the same streams; found {[len(found) for found in losses]}."
        )
    require_choice("sign", sign, SIGNS)
    gained = validation_start - validation_end
    overfitted = (validation_end - train_end) - (validation_start - train_start)
    gained = gained.abs() if sign == "lost" else gained.clamp_min(0)
    worth = gained / overfitted.square().clamp_min(FLOOR)
    equal = torch.full_like(worth, 1 / len(worth))
    return torch.where((worth.sum() > 0) & worth.isfinite().all(), worth / worth.sum(), equal)


class GBlending(Method):
    """Weight the losses of all streams by how much they generalise for how much they overfit.

    Args:
        every: epochs of a super-epoch, at whose end the weights are estimated anew; ported: 10, 20.
        weights: "estimated"; "equal", 1 / (M + 1) each: the control.
        sign: of the generalisation; "lost" as in the ports.
    """

    needs = frozenset({"unimodal_logits", "train_loader", "val_loader"})
    objective = "fused+unimodal"

    def __init__(self, every: int = 10, *, weights: str = "estimated", sign: str = "kept") -> None:
        super().__init__()
        self.every = require_whole("GBlending every", every, low=1)
        self.weights = require_choice("GBlending weights", weights, ("estimated", "equal"))
        self.sign = require_choice("GBlending sign", sign, SIGNS)
        if weights == "equal":
            self.refuse_set("every", "sign", why="with weights='equal'")
            self.needs = frozenset({"unimodal_logits"})
        self.state = {"weights": None, "start": None, "epochs": 0}

    def on_epoch_start(self, epoch: Epoch) -> None:
        """The losses at the start of the first super-epoch."""
        if self.weights == "estimated" and self.state["start"] is None:
            self.state["start"] = self._losses(epoch)

    def on_loss(self, step: Step) -> Tensor:
        """The weighted losses of all streams."""
        names = step.modalities.names
        found = self.state["weights"]
        weights = [1 / (len(names) + 1)] * (len(names) + 1) if found is None else found
        loss = weights[-1] * step.fused_loss
        own = step.unimodal_losses
        for weight, m in zip(weights, names, strict=False):
            if m in own:
                loss = loss + weight * own[m]
        return loss

    def on_epoch_end(self, epoch: Epoch) -> None:
        """At the end of a super-epoch: the weights of the next one."""
        if self.weights == "equal":
            return
        self.state["epochs"] += 1
        if self.state["epochs"] < self.every:
            return
        end = self._losses(epoch)
        given = [torch.tensor(x, dtype=torch.float64) for x in (*self.state["start"], *end)]
        weights = blending_weights(*given, sign=self.sign).tolist()
        self.state = {"weights": weights, "start": end, "epochs": 0}
        epoch.record("weight", weights[:-1])
        epoch.record("fused_weight", weights[-1:] * len(epoch.modalities.names))

    def _losses(self, epoch: Epoch) -> list[list[float]]:
        """Mean losses of all streams on training and on held-out data, over all ranks."""
        return [epoch.losses(split).tolist() for split in ("train", "val")]
