r"""DGL: disentangled gradient learning.

Fusion damps the gradient that each encoder receives. So encoders learn from unimodal losses alone
and all that comes after them from the fused loss alone: no gradient crosses either way.

Wei, Luo, Luo: boosting multimodal learning via disentangled gradient learning. ICCV 2025;
https://arxiv.org/abs/2507.10213

==================  ===========  =========================================================
symbol              shape        meaning
==================  ===========  =========================================================
:math:`f_m`         (N, ...)     encoder outputs
:math:`F`                        everything after the encoders, with parameters phi
:math:`o_m`         (N, C)       F with every other modality's features zero
:math:`\alpha`      > 0          weight of the unimodal losses
==================  ===========  =========================================================

.. math::
    \nabla \theta_m = \alpha \nabla_{\theta_m} \ell(o_m, y), \qquad
    \nabla \phi = \nabla_\phi \ell(F(\mathrm{sg}(f_1), \ldots, \mathrm{sg}(f_M)), y)

Differences: the released code tells the fusion by a part of its parameters' names and cuts its
gated fusion behind layers that then never train; here everything outside the encoders is F, and
features are cut at the encoders' outputs. The full text was not available to us: one alpha for all
modalities, and all unimodal passes in every step, are the released code's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.checks import require_choice, require_number
from equimodal.numerics.blanking import blanked


class DGL(Method):
    """Train encoders by unimodal losses alone, and what comes after them by the fused loss alone.

    Args:
        alpha: weight of the sum of the unimodal losses; released: 2 to 5 by data set. Encoders and
            head share no loss, so it is a ratio of their learning rates under SGD, and nearly
            without effect under Adam.
        cut: which gradients are cut: "both"; the "fused" loss's to the encoders alone, or the
            "unimodal" losses' to the head alone, or "none": the controls.
    """

    needs = frozenset({"features"})
    objective = "fused"

    def __init__(self, alpha: float = 4.0, *, cut: str = "both") -> None:
        super().__init__()
        self.alpha = require_number("DGL alpha", alpha, low=0)
        self.cut = require_choice("DGL cut", cut, ("both", "fused", "unimodal", "none"))

    def on_loss(self, step: Step) -> Tensor:
        """The fused loss for the head, the unimodal losses for the encoders."""
        loss = step.fused_loss
        if self.cut in ("both", "fused"):
            assert step.target is not None
            cut = {m: f.detach() for m, f in step.outputs.items()}
            loss = step.task.loss(step.logits_of(cut), step.target)
        for m, labels in step.targets.items():
            if len(labels):
                loss = loss + self._unimodal(step, m)
        return loss

    def _unimodal(self, step: Step, modality: str) -> Tensor:
        """The weighted loss of one modality's logits. -> ()"""
        own = step.outputs[modality]
        read = own if self.cut in ("none", "fused") else own.detach().requires_grad_()
        logits = step.logits_of(blanked({**step.outputs, modality: read}, {modality}))
        if step.rows is not None:
            logits = logits[step.rows[modality].to(logits.device)]
        loss = self.alpha * step.task.loss(logits, step.targets[modality])
        return loss if read is own else headless(loss, [read], [own])


def headless(loss: Tensor, read: Sequence[Tensor], features: Sequence[Tensor]) -> Tensor:
    """A scalar of the value of ``loss`` whose gradient reaches nothing but ``features``: by the
    gradients of ``loss`` for ``read``, leaves of their values. -> ()"""
    gradients = torch.autograd.grad(loss, list(read))
    routed = torch.stack([(g * f).sum() for g, f in zip(gradients, features, strict=True)]).sum()
    return routed + (loss - routed).detach()
