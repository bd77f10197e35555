r"""IGM: interactive learning by flat gradient modification.

Modalities are trained in turn, in stages of many epochs, each through a head of its own. While one
trains, the gradient of its head is multiplied by a matrix that keeps the directions in which the
features of the one before vary little, and damps the others.

Jiang, Chi, Yang: interactive multimodal learning via flat gradient modification. IJCAI 2025,
pp. 5489-5497; https://doi.org/10.24963/ijcai.2025/611

=======================  ======  ============================================================
symbol                   shape   meaning
=======================  ======  ============================================================
:math:`x`                (D,)    features of the modality of the stage before
:math:`A`                (D, D)  :math:`\sum x x^\top` over the training set
:math:`\lambda, V`               its eigenvalues and eigenvectors
:math:`P`                (D, D)  modification of the head's gradient
=======================  ======  ============================================================

.. math::
    P = V\, \mathrm{diag}\, e^{-\tau (\lambda_i - \lambda_\min) / (\lambda_\max - \lambda_\min)}\,
    V^\top, \qquad \nabla_{W^m} \leftarrow \nabla_{W^m} P

Differences: heads of the released code have three layers and a matrix each, here they are linear;
its inputs are means of batches, of which a matrix has at most as many ranks as there are batches,
here rows. It begins a stage from the epoch that was best on test; here from the last. Its matrices
of convolutions are computed and not used, and a flattening step is of size 1e-10 and never undone:
both are left out. Where all eigenvalues are equal its matrix is no number; here the identity. The
paper's equations were not available to us.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.moment import Moment
from equimodal.balancing.readouts import AuxiliaryHeads
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.balancing.updates.optimizers import forget
from equimodal.checks import require, require_number, require_tensor, require_whole
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened
from equimodal.parts.distributed import sum_over_ranks


def flat_modification(moments: Tensor, temperature: float) -> Tensor:
    """What keeps flat directions and damps steep ones: 1 in the flattest, exp(-temperature) in the
    steepest; the identity where all are alike. (D, D) -> (D, D), symmetric

    Args:
        moments: second moments, symmetric and positive semi-definite.
        temperature: how much is damped, at least 0.

    Raises:
        BalanceError: another shape or kind.
    """
    require_tensor("moments", moments, axes="D,D", floating=True)
    square = moments.shape[0] == moments.shape[1]
    require(square, "moments must be (D, D)", tuple(moments.shape))
    require_number("temperature", temperature, low=0)
    values, vectors = torch.linalg.eigh(widened(moments))
    span = values[-1] - values[0]
    place = (values - values[0]) / torch.where(span > 0, span, torch.ones_like(span))
    kept: Tensor = vectors @ torch.diag((-temperature * place).exp()) @ vectors.T
    return kept


class IGM(Method):
    """Train one modality after the other through its own head, whose gradient keeps what is flat.

    Args:
        temperature: how much steep directions are damped, at least 0; released: 0.4. 0 is the
            control.
        stage_epochs: epochs of a stage, at least 1; released: 25 to 50.
    """

    needs = frozenset({"unimodal_logits", "features", "widths", "train_loader", "optimizers"})
    objective = "fused"
    windowed = False
    brings_heads = True

    def __init__(self, temperature: float = 0.4, *, stage_epochs: int = 5) -> None:
        super().__init__()
        self.temperature = require_number("IGM temperature", temperature, low=0)
        self.stage_epochs = require_whole("IGM stage_epochs", stage_epochs, low=1)
        self.rewrites = temperature > 0
        self.needs -= set() if temperature else {"train_loader"}
        self.state = {"stage": -1, "modalities": 0, "matrix": None}
        self._heads: AuxiliaryHeads

    def unsuited(self, task: Task) -> str:
        """Its predictions are means of distributions."""
        return "it averages distributions over one class" if "classes" in task.lacks else ""

    def has_stage(self, stage: str) -> bool:
        """At temperature 0 gradients are left alone."""
        return super().has_stage(stage) and (stage != "on_gradients" or self.rewrites)

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module:
        """The heads of all modalities."""
        if self.temperature and len(set(widths.values())) > 1:
            raise BalanceError(
                f"IGM multiplies a head's gradient by a matrix of another modality's features; "
                f"found the widths {dict(widths)}. Let the encoders give equal ones, or write "
                "temperature=0."
            )
        self._heads = AuxiliaryHeads(widths, outputs, attached=True)
        return self._heads

    def turn(self, moment: Moment) -> tuple[str, ...]:
        """One modality in a stage."""
        names = moment.modalities.names
        return (names[self._stage(moment) % len(names)],)

    def on_epoch_start(self, epoch: Epoch) -> None:
        """At a new stage: the matrix of the modality before, and optimizers that begin anew."""
        stage, names = self._stage(epoch), epoch.modalities.names
        if stage == self.state["stage"]:
            return
        self.state["stage"], self.state["modalities"] = stage, len(names)
        if not stage:
            return
        forget(epoch.optimizers)
        if self.temperature:
            rows = epoch.features("train")[0][names[(stage - 1) % len(names)]].double()
            like = widened(next(self._heads.parameters()))
            moments = sum_over_ranks((rows.T @ rows).to(like.device))
            self.state["matrix"] = flat_modification(moments, self.temperature).to(like.dtype)

    def on_loss(self, step: Step) -> Tensor:
        """The loss of the modality whose stage it is. -> ()"""
        (m,) = self.turn(step)
        own = step.unimodal_logits[m]
        loss = step.task.loss(own, step.targets[m]) if len(own) else own.sum()
        # So that under DDP every parameter of the output has a gradient, which is zero.
        return loss if step.logits is None else loss + 0 * step.logits.sum()

    def on_gradients(self, step: Step) -> None:
        """Modify the gradient of the head that is trained; its bias keeps its own."""
        grad = self._heads.heads[self.turn(step)[0]].get_parameter("weight").grad
        matrix = self.state["matrix"]
        if grad is not None and matrix is not None:
            matrix = matrix.to(grad.device)
            grad.copy_(grad.to(matrix.dtype) @ matrix)

    def predict(self, unimodal_logits: Mapping[str, Tensor], logits: Tensor) -> Tensor:
        """The logarithm of the mean of the modalities' distributions. {m: (N, C)} -> (N, C)"""
        own = widened(torch.stack(list(unimodal_logits.values()))).log_softmax(-1)
        found: Tensor = own.logsumexp(0) - torch.tensor(float(len(own))).log()
        return found.to(logits.dtype)

    @property
    def note(self) -> str:
        """Where the training ended before each modality had a stage."""
        stages, count = self.state["stage"] + 1, self.state["modalities"]
        return f"only {stages} of {count} modalities had a stage" if 0 < stages < count else ""

    def _stage(self, moment: Moment) -> int:
        """Number of the stage, from 0."""
        return moment.epoch_index // self.stage_epochs
