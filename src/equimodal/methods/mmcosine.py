r"""MMCosine: one cosine classifier a modality.

A linear head over concatenated features lets the modality with the larger features and weights own
the logits. Brought to length 1, features and class weights of each modality by itself, every
modality speaks between -s and s.

Xu, Feng, Zhang, Hu: MMCosine, multi-modal cosine loss towards balanced audio-visual fine-grained
learning. ICASSP 2023; https://arxiv.org/abs/2303.05338

=================  =========  ==================================================================
symbol             shape      meaning
=================  =========  ==================================================================
:math:`f_m`        (N, D_m)   features that the head reads
:math:`W_m`        (C, D_m)   the modality's block of the head's weight; there is no bias
:math:`s`          ()         scale, the same for all modalities, not trained
=================  =========  ==================================================================

.. math::
    z = \sum_m o_m, \qquad o_m = s\,\frac{\langle f_m, W_m \rangle}
        {\max(\lVert f_m \rVert, \epsilon) \max(\lVert W_m \rVert, \epsilon)}

The loss is that of z: plain joint training of another head. So the head is a part of the model,
`CosineHead`, and what is trained is what predicts. Differences: the released script for CREMA-D
trains cosines and tests the linear logits of the same weights with a bias that nothing trained;
rows of zeros have no gradient here, where it would be of order 1e12. Its further contrastive loss,
which is off in its commands, is not here.
"""

from equimodal.balancing.method import Method
from equimodal.balancing.task import Task
from equimodal.checks import require_choice, require_number
from equimodal.errors import BalanceError
from equimodal.numerics.cosines import NORMALISED
from equimodal.parts.cosine_head import CosineHead
from equimodal.parts.modalities import ModalityMap


class MMCosine(Method):
    """Joint training of a model whose head is a `CosineHead`, which it scales.

    Args:
        scale: s, above 0: what a cosine of 1 is worth. Released 10; more classes need more.
        normalise: what is brought to length 1: "both"; "features" or "weights" alone, the controls.

    Raises:
        BalanceError: a value out of its range or, when a balancer is made, no cosine head.

    Example::

        model.fc = CosineHead([512, 512], classes)
        Balancer(model, MMCosine(), encoders, CosineSplit("fc"))
    """

    def __init__(self, scale: float = 10.0, *, normalise: str = "both") -> None:
        super().__init__()
        self.scale = require_number("MMCosine scale", scale, above=0)
        self.normalise = require_choice("MMCosine normalise", normalise, tuple(NORMALISED))

    def unsuited(self, task: Task) -> str:
        """A cosine is bounded, and a number is not."""
        return "its outputs are bounded by scale times modalities" if task.whole_numbers else ""

    def on_start(self, modalities: ModalityMap) -> None:
        """Set the heads."""
        heads = [x for x in modalities.model.modules() if isinstance(x, CosineHead)]
        if not heads:
            raise BalanceError(
                f"MMCosine trains a model with a cosine head; found none in "
                f"{type(modalities.model).__name__}. Write CosineHead([512, 512], classes), with "
                "the widths of the encoders, in the place of the linear layer over the "
                "concatenation, and readout=CosineSplit(...)."
            )
        for head in heads:
            head.set(self.scale, self.normalise)
