r"""OGM and OGM-GE: the gradients of the encoder that predicts better are shrunk on the fly.

In every update the modality whose own logits give the true classes more probability than the
others' has its encoder's gradients multiplied by a coefficient below one. OGM-GE adds Gaussian
noise of each gradient's own spread to the gradients of all encoders, against what shrinking takes
from the noise of SGD.

Peng, Wei, Deng, Wang, Hu: balanced multimodal learning via on-the-fly gradient modulation. CVPR
2022, pp. 8238-8247; https://arxiv.org/abs/2203.15332

==================  ================  =========================================================
symbol              name here         shape and meaning
==================  ================  =========================================================
:math:`s^m`         ``scores``        (M,) mean probability of the true class in own logits
:math:`\rho^m`      ``ratios``        (M,) discrepancy ratio, >= 0
:math:`k^m`         ``coefficients``  (M,) factor on the gradients of encoder m, in (0, 1]
:math:`\alpha`      ``alpha``         strength of the modulation, > 0
==================  ================  =========================================================

The paper has two modalities, the released code as well; for more the ratio is the mean over the
others, as an author advises. Which weights are modulated and what a tie gives differs in the
released code: ``docs/methods/ogm.md`` says which argument selects it.
"""

import math

import torch
from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_flag, require_number, require_tensor
from equimodal.numerics.scores import discrepancy_ratios
from equimodal.parts.modalities import PARAMETERS, ModalityMap
from equimodal.parts.sharding import refuse_other_layouts


class OGM(Method):
    r"""Shrink the gradients of the modality that is ahead, and add noise to all (GE).

    .. math:: g^m \leftarrow k^m g^m + \lambda \varepsilon, \quad
        k^m = 1 - \tanh(\alpha \rho^m) \;\text{if}\; \rho^m > 1, \;\text{else}\; 1, \quad
        \varepsilon \sim N(0, \mathrm{std}(g^m)^2)

    with the spread of each weight's gradient over its own elements, before it is shrunk. Scores are
    of all samples of an update, over micro-batches and ranks. With ``on="update"`` the coefficient
    multiplies the update, and the noise stays on the gradient.

    Records: ``discrepancy`` (the ratio) and ``coefficient`` of every update.

    Args:
        alpha: strength, > 0; the paper's code takes 0.8 (CREMA-D) and 0.1 (VGGSound).
        noise: size of the noise in spreads of the gradient, >= 0: 0 for OGM, 1 for OGM-GE.
        coefficient: None for the modulation; a number > 0, or "fixed" for 1 - tanh(alpha) / M: the
            control, one coefficient for every encoder in every update.
        continuous: 1 - tanh(alpha (ratio - 1)) above a ratio of 1, which does not jump there; ours.
        parameters: what is modulated: "weights", all weights that have units; "conv", those of
            convolutions, as released; "all", biases and normalisation too.

    Raises:
        BalanceError: an argument out of range, or no encoder has such parameters.

    Example::

        Balancer(model, OGM(noise=1.0), encoders, LinearSplit("fc"))
    """

    needs: frozenset[str] = frozenset({"unimodal_logits"})

    def __init__(
        self,
        alpha: float = 0.8,
        *,
        noise: float = 0.0,
        coefficient: float | str | None = None,
        continuous: bool = False,
        parameters: str = "weights",
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.noise = noise
        self.coefficient = coefficient
        self.continuous = continuous
        self.parameters = parameters
        require_number("OGM alpha", alpha, above=0)
        require_number("OGM noise", noise, low=0)
        require_flag("OGM continuous", continuous)
        require_choice("OGM parameters", parameters, PARAMETERS)
        if coefficient is not None:
            if coefficient != "fixed":
                require_number("OGM coefficient", coefficient, above=0)
                self.refuse_set("alpha", why="with a coefficient=... of its own")
            self.refuse_set("continuous", why="with a coefficient=... of its own")
            self.needs = frozenset()

    def unsuited(self, task: Task) -> str:
        """Its score is the probability of the truth; of numbers, ours, their explained variance."""
        if self.coefficient is None and "score" in task.lacks:
            return "its ratio compares scores between 0 and 1"
        return ""

    def on_start(self, modalities: ModalityMap) -> None:
        """Look for what is modulated."""
        found = {m: modalities.selected(m, self.parameters) for m in modalities.names}
        rule = f"OGM(parameters={self.parameters!r}) must find some in an encoder"
        require(any(found.values()), rule, {m: 0 for m in found})
        for m in modalities.names:
            for name, parameter in modalities.parameters(m).items():
                refuse_other_layouts(name, parameter)

    def on_gradients(self, step: Step) -> None:
        """Scores, ratios, coefficients, noise: in the order of the paper."""
        coefficients, names = self._coefficients(step), step.modalities.names
        step.record("coefficient", coefficients)
        noisy = names if self.noise else ()
        spreads = {m: step.spreads(m, self.parameters) for m in noisy}
        step.scale(dict(zip(names, coefficients.unbind(), strict=True)), self.parameters)
        for m, found in spreads.items():
            step.add_noise(m, self.noise * found, self.parameters)

    def _coefficients(self, step: Step) -> Tensor:
        modalities = len(step.modalities.names)
        if self.coefficient is not None:
            fixed = 1 - math.tanh(self.alpha) / modalities
            value = fixed if isinstance(self.coefficient, str) else self.coefficient
            return torch.full((modalities,), value)
        ratios = discrepancy_ratios(step.scores())
        step.record("discrepancy", ratios)
        return modulation_coefficients(ratios, self.alpha, continuous=self.continuous)


def modulation_coefficients(ratios: Tensor, alpha: float, *, continuous: bool = False) -> Tensor:
    r"""Factor on the gradients of each encoder, in [0, 1]. (M,) -> (M,)

    .. math:: k = 1 - \tanh(\alpha \rho) \;\text{if}\; \rho > 1, \;\text{else}\; 1

    Equation 10 of the paper. It jumps at a ratio of 1; a ratio that is no number gives 1.

    Args:
        ratios: discrepancy ratio of every modality.
        alpha: strength, > 0.
        continuous: 1 - tanh(alpha (ratio - 1)) above 1 instead.

    Raises:
        BalanceError: ``ratios`` is no vector of real numbers, or ``alpha`` out of range.
    """
    require_tensor("ratios", ratios, axes="M", floating=True)
    require_number("alpha", alpha, above=0)
    lead = ratios - 1 if continuous else ratios
    return torch.where(ratios > 1, 1 - torch.tanh(alpha * lead), 1.0)
