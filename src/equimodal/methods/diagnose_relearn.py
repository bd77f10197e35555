r"""Diagnosing & Re-learning: move an encoder back towards its start as far as it over-learned.

At a few moments of training the features of every encoder are clustered, on the training and on
the validation data. A large gap in purity means a well-learned or over-trained encoder, which is
re-initialised far; a small gap an under-fitted or uninformative one, which is hardly touched.

Wei, Li, Feng, Hu: diagnosing and re-learning for balanced multimodal learning. ECCV 2024;
https://arxiv.org/abs/2407.09705

========================  ====================  ===============================================
symbol                    name here             shape and meaning
========================  ====================  ===============================================
:math:`P_D, P_V`          ``train_purity``,     purity of k-means clusters, in (0, 1]
                          ``validation_purity``
:math:`g`                 ``gap``               :math:`|P_D - P_V|`
:math:`\lambda`           ``lam``               sharpness, 3 in the paper
:math:`\alpha`            ``strength``          in [0, 1): 0 keeps, 1 would restore the start
:math:`\theta^0`          ``constants``         weights before training
========================  ====================  ===============================================

Differences to the released code, each with its argument, stand in
``docs/methods/diagnose_relearn.md``.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.task import Task
from equimodal.balancing.updates.optimizers import forget
from equimodal.checks import require_number
from equimodal.errors import BalanceError
from equimodal.methods.relearn_arguments import check_arguments
from equimodal.numerics.purity import cluster_purity
from equimodal.parts.distributed import broadcast_from_first
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.normalisation import BATCH_NORM, is_normalisation
from equimodal.parts.sharding import local

__all__ = ["DiagnoseRelearn", "cluster_purity", "relearn_strength"]

_MOST_SAMPLES = 10_000


def relearn_strength(train_purity: float, validation_purity: float, lam: float = 3.0) -> float:
    r""":math:`\alpha = \tanh(\lambda |P_D - P_V|)`, in [0, 1).

    Args:
        train_purity: in (0, 1].
        validation_purity: in (0, 1].
        lam: sharpness, >= 0; 3 in the paper.

    Raises:
        BalanceError: an argument is out of range.
    """
    require_number("train_purity", train_purity, low=0, high=1)
    require_number("validation_purity", validation_purity, low=0, high=1)
    require_number("lam", lam, low=0)
    return math.tanh(lam * abs(train_purity - validation_purity))


class DiagnoseRelearn(Method):
    r"""Soft re-initialisation of every encoder by its purity gap.

    .. math:: \theta^k \leftarrow (1 - \alpha_k)\, \theta^k + \alpha_k\, \theta^k_0

    Args:
        at: moments as shares of training, in (0, 1): after 2/9, 4/9 and 6/9 of the epochs, the
            paper's 20, 40 and 60 of 90. Needs ``Balancer(..., epochs=...)``.
        every: instead of ``at``, after the epochs whose 0-based index is a multiple of it, the
            first and the last left out.
        times: most re-initialisations with ``every``.
        lam: sharpness of the strength, >= 0; 3 in the paper.
        strength: None for the purity gap; a number in [0, 1] for that strength always: the control.
        match_sizes: subsample the larger set, as a rule the training set, to the size of the
            smaller, by class. The gap also measures set sizes; False is the released behaviour.
        include_norm: also re-initialise scale and shift of normalisation layers, as released.
        reset_momentum: forget the optimizers' state of the encoder; needs ``optimizers``.
        reset_bn_stats: reset running statistics of batch normalisation inside the encoder, which
            must be named by its module.

    Raises:
        BalanceError: an argument out of range; a loader, epochs or optimizers missing;
            ``reset_bn_stats`` where an encoder has no module of its own.
    """

    needs: frozenset[str] = frozenset({"features", "train_loader", "val_loader"})

    def __init__(
        self,
        *,
        at: Sequence[float] = (2 / 9, 4 / 9, 6 / 9),
        every: int | None = None,
        times: int = 3,
        lam: float = 3.0,
        strength: float | None = None,
        match_sizes: bool = False,
        include_norm: bool = True,
        reset_momentum: bool = False,
        reset_bn_stats: bool = False,
    ) -> None:
        super().__init__()
        self.at = at
        self.every = every
        self.times = times
        self.lam = lam
        self.strength = strength
        self.match_sizes = match_sizes
        self.include_norm = include_norm
        self.reset_momentum = reset_momentum
        self.reset_bn_stats = reset_bn_stats
        check_arguments(self)
        if strength is not None:
            self.needs = frozenset()
        if every is None:
            self.needs = self.needs | {"epochs"}
        if reset_momentum:
            self.needs = self.needs | {"optimizers"}
        self.state = {"times": 0, "moved": False}

    def unsuited(self, task: Task) -> str:
        """Purity holds clusters against the target of each sample."""
        if self.strength is None and "purity" in task.lacks:
            return (
                "its purity holds clusters against the target of each sample; a fixed "
                "strength=... needs none"
            )
        return ""

    @property
    def acted(self) -> bool:
        """Whether a weight was moved; those of a frozen encoder are at their start already."""
        return bool(self.state["moved"])

    def on_start(self, modalities: ModalityMap) -> None:
        """Keep the initial weights, or this rank's shards of them, on the CPU."""
        if self.reset_bn_stats:
            _require_modules(modalities)
        self.constants = {
            m: {n: local(p.detach()).cpu().clone() for n, p in self._movable(modalities, m).items()}
            for m in modalities.names
        }

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Diagnose and re-learn, where the schedule says so."""
        if not self._due(epoch):
            return
        self.state["times"] += 1
        strengths = self._strengths(epoch)
        epoch.record("strength", strengths)
        for m, strength in zip(epoch.modalities.names, strengths, strict=True):
            self._move(epoch, m, strength)

    def _due(self, epoch: Epoch) -> bool:
        """Whether the schedule says so; never after the last epoch, which nothing could repair."""
        index, done = epoch.epoch_index, epoch.epoch_index + 1
        if epoch.total_epochs is not None and done >= epoch.total_epochs:
            return False
        if self.every is not None:
            return index > 0 and index % self.every == 0 and self.state["times"] < self.times
        if epoch.total_epochs is None:
            raise BalanceError(
                f"{type(self).__name__}(at={self.at}) is a schedule in shares of training: pass "
                "epochs=... to Balancer, or give every=... epochs."
            )
        return done in {round(s * epoch.total_epochs) for s in self.at}

    def _strengths(self, epoch: Epoch) -> list[float]:
        """Strength of every modality, the first rank's on all ranks."""
        names = epoch.modalities.names
        if self.strength is not None:
            return [float(self.strength)] * len(names)
        train, train_labels = epoch.features("train")
        validation, labels = epoch.features("val")
        sizes = [min(len(train_labels[m]), len(labels[m])) for m in names]
        sized = list(zip(names, sizes, strict=True))
        task = epoch.task
        learned = [self._purity(task, train[m], train_labels[m], size) for m, size in sized]
        unseen = [self._purity(task, validation[m], labels[m], size) for m, size in sized]
        purities = torch.tensor([learned, unseen], dtype=torch.float64)
        device = next(epoch.modalities.model.parameters()).device
        learned, unseen = broadcast_from_first(purities, device).tolist()
        gaps = [abs(p - q) for p, q in zip(learned, unseen, strict=True)]
        epoch.record("train_purity", learned)
        epoch.record("validation_purity", unseen)
        epoch.record("gap", gaps)
        return [0.0 if math.isnan(g) else relearn_strength(g, 0.0, self.lam) for g in gaps]

    def _purity(self, task: Task, features: Tensor, labels: Tensor, size: int) -> float:
        """Purity of at most 10,000 samples, or of ``size``; NaN where the features collapsed."""
        most = min(size if self.match_sizes else len(labels), _MOST_SAMPLES)
        purity = task.purity(features, labels, most)
        return float("nan") if purity is None else purity

    @torch.no_grad()
    def _move(self, epoch: Epoch, modality: str, strength: float) -> None:
        """Move one encoder in place, so that optimizers keep their parameters."""
        if strength <= 0:
            return
        for name, parameter in self._movable(epoch.modalities, modality).items():
            mine = local(parameter.data)
            start = self.constants[modality][name].to(mine)
            self.state["moved"] = self.state["moved"] or not torch.equal(mine, start)
            mine.lerp_(start, strength)
            if self.reset_momentum:
                forget(epoch.optimizers, [parameter])
        if self.reset_bn_stats:
            for layer in _own_batch_norms(epoch.modalities, modality):
                layer.reset_running_stats()
                self.state["moved"] = True

    def _movable(self, modalities: ModalityMap, modality: str) -> dict[str, nn.Parameter]:
        parameters = modalities.parameters(modality)
        if self.include_norm:
            return parameters
        layers = [x for x in modalities.model.modules() if is_normalisation(x)]
        kept = {id(p) for layer in layers for p in layer.parameters(recurse=False)}
        return {n: p for n, p in parameters.items() if id(p) not in kept}


def _require_modules(modalities: ModalityMap) -> None:
    """Refuse encoders without a module of their own, whose statistics cannot be told apart."""
    for m, pattern in modalities.patterns.items():
        raise BalanceError(
            "DiagnoseRelearn reset_bn_stats=True resets the running statistics inside an "
            f"encoder's module; found {m!r} named by its parameters only, "
            f"{pattern!r}. Write the name of a module, "
            f"encoders={{{m!r}: '{m}_net'}}, or reset_bn_stats=False."
        )


def _own_batch_norms(modalities: ModalityMap, modality: str) -> list[BATCH_NORM]:
    """Batch normalisation layers inside one modality's encoder and no other's."""
    inside = {
        m: {x for x in modalities.inside(m) if isinstance(x, BATCH_NORM)} for m in modalities.names
    }
    shared = set().union(*(layers for m, layers in inside.items() if m != modality))
    return [x for x in inside[modality] if x not in shared]
