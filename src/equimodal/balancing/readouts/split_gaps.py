"""Why the parts of a linear head do not sum to the logits."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts.separation import layers_around
from equimodal.parts.cosine_head import CosineHead
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.sharding import whole

_ABLATION = "or use Ablation('zero'), which takes any head."


def is_close(gap: float, logits: Tensor) -> bool:
    """Whether a difference to the logits is one of rounding, in half precision too."""
    return gap <= 0.02 * float(logits.detach().abs().max()) + 1e-4


@torch.no_grad()
def gap_reason(
    modalities: ModalityMap,
    heads: str | Mapping[str, str],
    features: Mapping[str, Tensor],
    logits: Tensor,
) -> str:
    """What lies between the features and the logits beside the heads, and what to write."""
    named = [heads] if isinstance(heads, str) else list(heads.values())
    names = list(dict.fromkeys(named))
    calls = {name: modalities.record.calls_of(name) for name in names}
    given = {name: [args[0] for args, _ in made if args] for name, made in calls.items()}
    for name, runs in given.items():
        if len(runs) != named.count(name):  # a layer that modalities share runs once for each
            return (
                f"The layer {name!r} ran {len(runs)} times in this forward pass, and not "
                f"{named.count(name)}, so that the logits are not what it gives. Name the layer "
                f"that gives them, {_ABLATION}"
            )
    outputs = [_output(modalities, name, x) for name, runs in given.items() for x in runs]
    wanted = logits.detach().float()
    if any(made.shape != wanted.shape for made in outputs):
        return f"Name the layer that gives them, {_ABLATION}"
    made = torch.stack(outputs).sum(0)
    if is_close(float((made - wanted).abs().max()), wanted):
        return _before(modalities, names[0], given[names[0]][0], list(features.values()))
    return _after(modalities, names, made, wanted)


def _output(modalities: ModalityMap, name: str, given: Tensor) -> Tensor:
    """What a head gives. (N, ..., D) -> (N, ..., C)"""
    head = modalities.model.get_submodule(name)
    assert isinstance(head, nn.Linear)
    if isinstance(head, CosineHead):
        blocks = zip(
            torch.split(given, head.widths, dim=-1),
            torch.split(whole(head.weight), head.widths, dim=1), strict=True,
        )  # fmt: skip
        return torch.stack([head.part(x, w).float() for x, w in blocks]).sum(0)
    bias = None if head.bias is None else whole(head.bias).float()
    return nn.functional.linear(given.float(), whole(head.weight).float(), bias)


def _before(modalities: ModalityMap, head: str, given: Tensor, features: list[Tensor]) -> str:
    """The reason where the head gives the logits, and reads something else than the features."""
    model, layers = type(modalities.model).__name__, layers_around(modalities, head)[0]
    own = f"{model}.forward itself takes {_operation(given, features)}"
    between = f"ran {', '.join(layers)}" if layers else own
    return (
        f"Between the encoders and the head {between}: the head must read the concatenation of the "
        "features in the order of encoders, or their plain sum. Do what is done there inside the "
        f"encoders, {_ABLATION}"
    )


def _operation(given: Tensor, features: list[Tensor]) -> str:
    """What was made of a sum of features before a head read it."""
    if all(f.shape == given.shape for f in features):
        total = torch.stack([f.detach() for f in features]).sum(0)
        kept = given != 0
        factor = _ratio(total[kept], given[kept])
        if factor is not None and bool(total[~kept].any()):
            return "a dropout of the sum of the features"
        if factor is not None:
            mean = abs(factor * len(features) - 1) < 1e-3
            return f"{'the mean' if mean else f'{factor:.4g} times the sum'} of the features"
    made = given.grad_fn.name().partition("Backward")[0] if given.grad_fn is not None else ""
    named = made and not made.startswith("Compiled")
    return "no sum of the features" + (f", but ends in {made}" if named else "")


def _after(modalities: ModalityMap, heads: list[str], made: Tensor, logits: Tensor) -> str:
    """The reason where the logits are not what the heads give."""
    layers = layers_around(modalities, heads[-1])[1]
    what = f"the layer {heads[0]!r}" if len(heads) == 1 else f"the sum of the layers {heads}"
    by = ", ".join(layers) if layers else f"{type(modalities.model).__name__}.forward itself"
    return (
        f"The logits are not what {what} gives: after it comes {by}{_factor(made, logits)}. Do "
        f"that before the head or leave it to the loss, name the layer that gives the logits, "
        f"{_ABLATION}"
    )


def _factor(made: Tensor, logits: Tensor) -> str:
    """By what number the logits are larger, where it is one number."""
    factor = _ratio(made, logits)
    return "" if factor is None else f", which makes them {factor:.4g} times as large"


def _ratio(one: Tensor, other: Tensor) -> float | None:
    """The number by which all of one is multiplied in the other; None where there is none."""
    if not one.numel():
        return None
    one, other = one.detach().float(), other.detach().float()
    factor = float((one * other).sum() / one.square().sum().clamp_min(1e-12))
    return factor if is_close(float((other - factor * one).abs().max()), other) else None
