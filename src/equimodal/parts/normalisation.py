"""Which layers normalise: the one place that knows them."""

import re

from torch import nn

BATCH_NORM = nn.modules.batchnorm._BatchNorm
_OF_TORCH = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_NAME = re.compile(r"Norm(\dd)?$")


def is_normalisation(layer: nn.Module) -> bool:
    """Whether the layer's own parameters are the scale and shift of a normalisation.

    Every normalisation of torch: batch (synchronised and lazy too), instance, layer, group and RMS.
    Of other libraries by its name: a class called ``...Norm`` (``LlamaRMSNorm``, ``T5LayerNorm``),
    or one derived from such, whose own parameters have one axis longer than 1 at most. So a layer
    that is merely called so, and holds a matrix, is none.
    """
    if isinstance(layer, _OF_TORCH):
        return True
    kinds = (k for k in type(layer).__mro__ if not k.__module__.startswith("torch."))
    if not any(_NAME.search(kind.__name__) for kind in kinds):
        return False
    own = list(layer.parameters(recurse=False))
    return bool(own) and all(sum(n > 1 for n in p.shape) <= 1 for p in own)
