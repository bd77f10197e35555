r"""Trace of the empirical Fisher information of each encoder: how much its weights still learn.

.. math:: \mathrm{tr}(F^m) = \frac{1}{N} \sum_i \|\nabla_{\theta^m} \log p(y_i | x_i)\|^2

Achille, Rovere, Soatto: critical learning periods in deep networks. ICLR 2019. By modality: Huang,
Wei, et al.: adaptive unimodal regulation for balanced multimodal information acquisition (InfoReg).
CVPR 2025; https://arxiv.org/abs/2503.18595
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from equimodal.parts.gradients import gradient_norm


def fisher_traces(losses: Tensor, parameters: Mapping[str, Sequence[Tensor]]) -> Tensor:
    """Mean over samples of the squared gradient norm. (N,), {m: parameters} -> (M,)

    Takes one backward pass a sample; the graph of ``losses`` is kept.

    Args:
        losses: of each sample, in a pass in which samples do not mix (evaluation mode).
        parameters: trained parameters of each modality's encoder.
    """
    total = torch.zeros(len(parameters), dtype=torch.float64)
    wanted = [p for own in parameters.values() for p in own]
    for loss in losses:
        found = torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
        by_parameter = dict(zip(map(id, wanted), found, strict=True))
        for i, own in enumerate(parameters.values()):
            given = [g for p in own if (g := by_parameter[id(p)]) is not None]
            total[i] += float(gradient_norm(given)) ** 2
    return total / len(losses)
