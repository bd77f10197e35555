r"""The equations of AMSS as pure functions, in the order of the paper.

==============  ======================  =======================================================
symbol          name here               shape and meaning
==============  ======================  =======================================================
:math:`z^k`     ``features``            (N, D) output of encoder k
:math:`o^k`     ``unimodal_logits``     (N, C) what the head makes of :math:`z^k` alone
:math:`\rho`    ``significance``        (M,) mutual-information rate, nats per nat
:math:`\tau`    ``tau``                 temperature, > 0
:math:`r`       ``fractions``           (M,) share of units to update
:math:`F_j`     ``importance``          (units,) summed squared gradient of unit j
:math:`p_j`     ``probabilities``       (units,) importance, normalised and smoothed
:math:`m_j`     mask                    (units,) factor on the gradient of unit j
==============  ======================  =======================================================
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from equimodal.balancing.step import Step
from equimodal.balancing.task import Classification, Task
from equimodal.checks import is_number, require, require_flag, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.sampling import arrival_masks, drawn_counts, unit_probabilities
from equimodal.numerics.scores import softmax_entropy, widened
from equimodal.parts.distributed import sum_over_ranks


def modality_significance(
    unimodal_logits: Mapping[str, Tensor],
    features: Mapping[str, Tensor],
    target: Tensor,
    *,
    label_entropy: Tensor | None = None,
) -> Tensor:
    r"""Mutual-information rate of every modality. {m: (N, C)}, {m: (N, ...)}, (N,) -> (M,)

    .. math:: \rho^k = \frac{H(Y) - \mathrm{CE}(o^k, y)}{H(\mathrm{softmax}(z^k))}

    The numerator is the Barber-Agakov bound on :math:`I(z^k; y)`; all entropies in nats, the
    denominator at least 1e-3.

    Args:
        unimodal_logits: of every modality.
        features: of every modality.
        target: labels in [0, C).
        label_entropy: :math:`H(Y)` of the training labels, (); that of ``target`` if not given.
    """
    _check(unimodal_logits, features, target)
    task = Classification()
    target = task.prepared(target)
    outputs = next(iter(unimodal_logits.values())).shape[-1]
    if label_entropy is None:
        label_entropy = task.label_entropy(task.label_counts(target, outputs).double())
    losses = [task.log_loss(z, target).mean() for z in unimodal_logits.values()]
    entropies = [softmax_entropy(features[m]).mean() for m in unimodal_logits]
    return information_rate(label_entropy - torch.stack(losses), torch.stack(entropies))


def information_rate(information: Tensor, feature_entropy: Tensor) -> Tensor:
    """I / max(H(z), 1e-3). (M,), (M,) -> (M,)"""
    return information / feature_entropy.clamp_min(1e-3)


def update_fractions(
    significance: Tensor, tau: float, clamp: tuple[float, float] = (0.1, 0.9)
) -> Tensor:
    r"""Share of units to update: :math:`r = 1 - \mathrm{softmax}(\rho / \tau)`. (M,) -> (M,)

    Sums to M - 1 before the clamp. For two modalities this is
    :math:`r^a = \sigma((\rho^v - \rho^a) / \tau)`. A significance that is not a number gives
    1 - 1/M everywhere.

    Args:
        significance: of every modality.
        tau: temperature, > 0; the paper's code takes 0.2, for image and text 0.5.
        clamp: least and largest share.

    Raises:
        BalanceError: ``tau`` or ``clamp`` is out of range, or ``significance`` no vector or
            an empty one.
    """
    require_tensor("significance", significance, axes="M", floating=True)
    require(len(significance) > 0, "There must be a modality", 0)
    require_number("tau", tau, above=0)
    check_clamp("clamp", clamp)
    even = 1 - 1 / significance.numel()
    # The softmax of anything that is not a number is NaN everywhere.
    fractions = (1 - torch.softmax(significance / tau, dim=0)).clamp(*clamp)
    return fractions.nan_to_num(nan=even)


def check_clamp(name: str, clamp: object) -> None:
    """Refuse what is no least and largest share of units. Raises BalanceError."""
    sound = isinstance(clamp, Sequence) and len(clamp) == 2 and all(map(is_number, clamp))
    sound = sound and 0 <= clamp[0] <= clamp[1] <= 1  # type: ignore[index]
    require(sound, f"{name} must be (low, high) with 0 <= low <= high <= 1", clamp)


def unit_importance(grad: Tensor) -> Tensor:
    """Diagonal of the empirical Fisher information, summed over each unit. (units, ...) -> (units,)

    Units lie along the first axis: filters of a convolution, rows of a linear layer. Not finite for
    a unit whose gradient is not.
    """
    require_tensor("grad", grad, axes="units,...", floating=True)
    return widened(grad).square().flatten(1).sum(1) if grad.ndim > 1 else widened(grad).square()


def sample_units(
    importance: Tensor,
    fraction: float | Tensor,
    generator: torch.Generator,
    unbiased: bool = False,
    smoothing: float = 0.01,
) -> Tensor:
    """Mask of ceil(n * fraction) units, drawn by importance. (units,) -> (units,)

    Drawn without replacement; 0 for a unit that is not drawn.

    Args:
        importance: >= 0; zeros are allowed, all zeros give a uniform draw.
        fraction: share of units in (0, 1].
        generator: a CPU generator, whatever the device of ``importance``.
        unbiased: weight the drawn units so that every unit's mask has mean 1 (at least two units
            are then drawn). The weights have no cap.
        smoothing: share of the uniform distribution mixed into the probabilities.

    Raises:
        BalanceError: an importance is negative or not a number, or ``fraction`` is out of range.
    """
    require_tensor("importance", importance, axes="units", floating=True)
    require(len(importance) > 0, "There must be a unit to draw", 0)
    require_flag("unbiased", unbiased)
    require_number("smoothing", smoothing, low=0, high=1)
    drawing = isinstance(generator, torch.Generator) and generator.device.type == "cpu"
    require(drawing, "generator must be a torch.Generator of the CPU", generator)
    if not bool(((importance >= 0) & importance.isfinite()).all()):
        raise BalanceError("Importances must be finite and not negative; found some that are not.")
    number = fraction.item() if isinstance(fraction, Tensor) and fraction.numel() == 1 else fraction
    require(isinstance(number, (int, float)), "The fraction of units must be one number", fraction)
    require(bool(0 < number <= 1), "The fraction of units must lie in (0, 1]", number)
    rows = importance[None]
    sizes = torch.tensor([importance.numel()], device=importance.device)
    share = torch.as_tensor(fraction, device=importance.device).reshape(1)
    counts = drawn_counts(sizes, share, minimum=2 if unbiased else 1)
    probabilities = unit_probabilities(rows, sizes, smoothing)
    draws = torch.empty(rows.shape).exponential_(generator=generator).to(rows)
    return arrival_masks(probabilities, counts, draws, unbiased=unbiased)[0]


def feature_sums(
    task: Task, logits: Tensor, features: Tensor | None, target: Tensor
) -> tuple[Tensor, int | Tensor]:
    """Sum of H(softmax(z)) and of how many rows: of samples or, with a label and a feature a
    token, of the tokens whose labels count. (N, ..., C), (N, ...), (N, ...) -> (), number

    The entropy is 0 without features, which the significance must not read then.
    """
    if features is None:
        return logits.new_zeros(()), 1
    if features.ndim == 2 or features.shape[:-1] != logits.shape[:-1]:
        each = softmax_entropy(features)
        return each.sum(), len(each)
    each, kept = softmax_entropy(features.flatten(0, -2)), task.counted(logits, target)
    return (each.sum(), len(each)) if kept is None else ((each * kept).sum(), kept.sum().to(each))


def batch_information(step: Step) -> tuple[Tensor, Tensor, Tensor]:
    """Of all ranks' samples: counts of the labels, what the task's information reads of the
    predictions, and mean H(softmax(z)). -> (S,), (M, S), (M,)"""
    task, given, unimodal = step.task, step.targets, step.unimodal_logits
    sums = [task.information_sums(z, given[m]) for m, z in unimodal.items()]
    spread = [feature_sums(task, z, step.features.get(m), given[m]) for m, z in unimodal.items()]
    entropies = torch.stack([entropy for entropy, _ in spread]).to(sums[0])
    outputs = next(iter(unimodal.values())).shape[-1]
    counts = task.label_counts(_labels(step), outputs).to(entropies)
    parts = [*sums, entropies, _numbers([number for _, number in spread], entropies), counts]
    total = sum_over_ranks(torch.cat(parts))
    sizes = [len(sums) * len(sums[0]), len(spread), len(spread), len(counts)]
    predicted, entropy, rows, counts = torch.split(total, sizes)
    return counts, predicted.view(len(sums), -1), entropy / rows


def _numbers(values: Sequence[int | Tensor], like: Tensor) -> Tensor:
    """Numbers as a vector, in one operation where the host knows them and they are equal."""
    if isinstance(values[0], int) and len(set(values)) == 1:
        return like.new_full((len(values),), values[0])
    return torch.stack([v if isinstance(v, Tensor) else like.new_full((), v) for v in values])


def _check(
    unimodal_logits: Mapping[str, Tensor], features: Mapping[str, Tensor], target: Tensor
) -> None:
    """Refuse what is not of one batch. Raises BalanceError."""
    require_tensor("target", target, axes="N")
    for name, given in {"unimodal_logits": unimodal_logits, "features": features}.items():
        sound = isinstance(given, Mapping) and len(given) > 0
        require(sound, f"{name} must be a mapping with a tensor for each modality", given)
    require(set(features) == set(unimodal_logits), "Logits and features must be of the same "
            "modalities", (list(unimodal_logits), list(features)))  # fmt: skip
    require(len(target) > 0, "There must be a sample", 0)
    for m, logits in unimodal_logits.items():
        require_tensor(f"unimodal_logits of {m!r}", logits, axes="N,C", floating=True)
        Classification().check(logits, target)
        require_tensor(f"features of {m!r}", features[m], axes="N,D,...", floating=True)
        same = features[m].shape[0] == len(target)
        require(same, f"The features of {m!r} must have {len(target)} rows", len(features[m]))


def _labels(step: Step) -> Tensor:
    """Labels of the batch, or of all rows of all modalities where it is unpaired."""
    return step.target if step.target is not None else torch.cat(list(step.targets.values()))
