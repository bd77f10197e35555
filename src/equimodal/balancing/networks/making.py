"""A method's own network, as wide as a batch shows the model to be."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from equimodal.balancing.collection import kept_draws
from equimodal.balancing.epochs.evaluation import observed
from equimodal.balancing.step import Step
from equimodal.errors import BalanceError, quoted
from equimodal.numerics.seeding import named_seed
from equimodal.parts.sharding import forget_gathered

if TYPE_CHECKING:
    from equimodal.balancing.setting import Setting


def own_network(setting: "Setting", example: Any) -> nn.Module | None:
    """What the method trains beside the model, where the features are and in their type; None
    where it trains nothing.

    Its weights depend on the seed and the method alone, and the model, the random streams and what
    was recorded of forward passes are left as they were.

    Args:
        setting: of the balancer.
        example: a batch that shows the sizes; None for the first of a loader.

    Raises:
        BalanceError: no batch, or one that lacks a modality or logits.
    """
    method, name = setting.method, type(setting.method).__name__
    if "widths" not in method.needs:
        return None
    given = [example] if example is not None else _first(setting.loaders, name)
    (widths, outputs, like), *_ = observed(setting, setting.moment(0, 0, []), given, _sizes)
    forget_gathered(setting.modalities.model)
    missing = [m for m in setting.modalities.names if m not in widths]
    if missing or not outputs:
        raise BalanceError(
            f"{name} trains a network beside the model whose size a batch shows; found one without "
            f"{missing or 'logits'}. Pass Balancer(..., example=batch) of a batch that holds all "
            "modalities."
        )
    with named_seed(setting.seed, f"method:{name}"):
        made = method.modules(widths, outputs)
    if made is not None and not isinstance(made, nn.Module):
        raise BalanceError(f"{name}.modules() must give a module or None; found {quoted(made)}.")
    return None if made is None else made.to(like.device, like.dtype)


def _sizes(step: Step) -> tuple[dict[str, int], int, Tensor]:
    """Width of every modality's features and of the logits, and features to be like."""
    widths = {m: f.shape[-1] for m, f in step.outputs.items()}
    outputs = 0 if step.logits is None else step.logits.shape[-1]
    return widths, outputs, next(iter(step.outputs.values()))


def _first(loaders: Mapping[str, Iterable[Any]], name: str) -> Iterator[Any]:
    """The first batch of a loader."""
    for loader in loaders.values():
        with kept_draws():
            batch = next(iter(loader), None)
        if batch is not None:
            yield batch
            return
    raise BalanceError(
        f"{name} trains a network beside the model whose size a batch shows: pass Balancer(..., "
        "example=batch), a batch as forward(model, batch) takes it, or loaders={'train': ...}."
    )
