r"""MMPareto: a direction for each encoder that hurts neither the fused nor its own loss.

Every encoder gets two gradients, of the fused loss and of its own unimodal loss. Where they agree
they are summed; where they conflict the shortest convex combination of them is taken, lengthened
to the sum and enlarged by gamma, because the noise of SGD helps generalisation.

Wei, Hu: MMPareto: boosting multimodal learning with innocent unimodal assistance. ICML 2024 (PMLR
235); https://arxiv.org/abs/2405.17730

=================  ===============  ===========================================================
symbol             name here        shape and meaning
=================  ===============  ===========================================================
:math:`g^m`        ``joint``        (P_m,) gradient of the fused loss, encoder m's parameters
:math:`u^m`        ``own``          (P_m,) gradient of its own unimodal loss
:math:`(a, 1-a)`   ``weights``      (2,) of both, sum 1
:math:`h^m`        ``direction``    (P_m,) 2 a g + 2 (1 - a) u
:math:`\gamma`     ``gamma``        length beside that of the plain sum
=================  ===============  ===========================================================

An encoder is read by its own unimodal loss alone, so one backward pass of their sum gives every
:math:`u^m`, and :math:`g^m` is the rest of the gradient of all losses together. The paper's own
algorithm was not available to us; ``docs/methods/mmpareto.md`` says what is the release's.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from equimodal.balancing.method import Method
from equimodal.balancing.readouts.auxiliary_heads import AuxiliaryHeads
from equimodal.balancing.step import Step
from equimodal.checks import require, require_choice, require_number
from equimodal.errors import BalanceError
from equimodal.methods.mmpareto_equations import length_ratios, pareto_weights
from equimodal.parts.distributed import mean_over_ranks
from equimodal.parts.gradients import Room, flat
from equimodal.parts.modalities import ModalityMap

_OWN, _REST = "own gradients", "gradients of the rest"
_LARGEST_RESIDUAL, _LARGEST_IN_HALF = 1e-3, 0.05
_LIFT = 2.0**12
"""Keeps small gradients above what float16 can hold, as a loss scaler does."""


class MMPareto(Method):
    r"""Solve the conflict of each encoder's two gradients, and restore their length.

    .. math:: \nabla_p \leftarrow \gamma \max\Big(\frac{\|g_p + u_p\|}{\|h_p\|}, 1\Big) h_p, \quad
        h = 2 a g + 2 (1 - a) u

    with a = 1/2 where the two do not conflict. Heads and what encoders share are trained by the sum
    of all losses. One solution an update, of all its micro-batches and ranks.

    Records: ``weight``, that of the fused loss's gradient, of every update.

    Args:
        gamma: length beside that of the plain sum, > 0; the released code takes 1.5.
        weights: "pareto"; "equal" for gamma times the sum: the control.
        heads: whose losses the own gradients are of: "readout", those of the readout's logits;
            "own", of a linear head of its own for each modality, trained beside the model, as
            released.
        rescale: "tensor", each parameter by itself, as released; "encoder", one factor for all of
            an encoder, which keeps the direction; ours.

    Raises:
        BalanceError: an argument out of range, another loss than the balancer's was
            back-propagated, or nothing but encoders is trained.

    Example::

        Balancer(model, MMPareto(), encoders, LinearSplit("fc"))
    """

    needs: frozenset[str] = frozenset({"unimodal_logits"})
    objective: str | None = "fused+unimodal"

    def __init__(
        self,
        gamma: float = 1.5,
        *,
        weights: str = "pareto",
        rescale: str = "tensor",
        heads: str = "readout",
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.weights = weights
        self.rescale = rescale
        self.heads = require_choice("MMPareto heads", heads, ("readout", "own"))
        self._heads: AuxiliaryHeads | None = None
        if heads == "own":
            self.needs, self.objective = frozenset({"features", "widths"}), "fused"
        require_number("MMPareto gamma", gamma, above=0)
        require_choice("MMPareto weights", weights, ("pareto", "equal"))
        require_choice("MMPareto rescale", rescale, ("tensor", "encoder"))
        self.rewrites = weights == "pareto"
        if weights == "equal":
            self.refuse_set("rescale", why='with weights="equal"')
        self._checked = -1

    def modules(self, widths: Mapping[str, int], outputs: int) -> nn.Module | None:
        """Its own heads, on features that carry gradient."""
        self._heads = AuxiliaryHeads(widths, outputs, attached=True)
        return self._heads

    def on_start(self, modalities: ModalityMap) -> None:
        """The parameters of no encoder, which tell how the loss was scaled."""
        inside = {p for m in modalities.names for p in modalities.parameters(m).values()}
        self._rest = [p for p in modalities.model.parameters() if p not in inside]
        rule = "MMPareto needs trained parameters beside the encoders, such as a head"
        require(any(p.requires_grad for p in self._rest), rule, len(self._rest))

    def on_loss(self, step: Step) -> Tensor:
        """The sum of all losses; its parts' gradients are kept for the update."""
        own = torch.stack(list(self._losses(step).values())).sum()
        if self.weights == "pareto":
            rest = [p for p in self._rest if p.requires_grad]
            groups = [*(_trained(step.modalities, m) for m in step.modalities.names), rest]
            lifted = _LIFT if _in_half(step) else 1.0
            *found, unimodal = _gradients(own, groups, lifted)
            (fused,) = _gradients(step.fused_loss, [rest], lifted)
            both = (flat(g, like=rest) for g in (unimodal, fused))
            step.drawn |= {_OWN: found, _REST: torch.add(*both)}
        return step.objective_loss if self._heads is None else step.fused_loss + own

    def _losses(self, step: Step) -> dict[str, Tensor]:
        """Each modality's own, of those that have a row. -> {m: ()}"""
        if self._heads is None:
            return step.unimodal_losses
        found = self._heads.of_step(step).items()
        return {m: step.task.loss(z, step.targets[m]) for m, z in found}

    def on_gradients(self, step: Step) -> None:
        """Solve each encoder's conflict, and write its gradients."""
        names = step.modalities.names
        if self.weights == "equal":
            gamma = torch.tensor(self.gamma)
            step.scale(dict.fromkeys(names, gamma), "all")
            return
        factor = self._scale(step)
        weights = []
        for k, m in enumerate(names):
            parameters = _trained(step.modalities, m)
            given = [d[_OWN][k] for d in step.every_drawn]
            own, total, space = _vectors(step.modalities.room, given, parameters)
            joint = torch.sub(total.div_(factor), own, out=space)
            weights.append(self._write(parameters, joint, own, total, factor))
        step.record("weight", torch.stack(weights))

    def _scale(self, step: Step) -> Tensor:
        """What the loop did to the loss in between: a loss scale, a share of micro-batches. -> ()

        Raises:
            BalanceError: another loss was back-propagated, as far as it was looked: always on a
                CPU, else in the first update of an epoch, because a device has to wait.
        """
        rest = [p for p in self._rest if p.requires_grad]
        reference = mean_over_ranks(sum(d[_REST] for d in step.every_drawn))
        factor, residual = step.loss_scale(reference, rest)
        if residual.device.type == "cpu" or self._checked != step.epoch_index:
            self._checked = step.epoch_index
            if float(residual) > (_LARGEST_IN_HALF if _in_half(step) else _LARGEST_RESIDUAL):
                raise BalanceError(
                    "MMPareto found gradients that are not of the loss that it gave: another loss "
                    f"was back-propagated beside it (by {float(residual):.1%} of the heads' "
                    "gradients). Back-propagate what balancer.loss(...) gives, times a number at "
                    "most; weight decay belongs into the optimizer."
                )
        return factor

    def _write(
        self,
        parameters: list[Parameter],
        joint: Tensor,
        own: Tensor,
        total: Tensor,
        factor: Tensor,
    ) -> Tensor:
        """The rescaled direction as the parameters' gradients, in the room of the first two
        vectors; the weight of the first."""
        one, other = pareto_weights(joint, own).unbind()
        if not parameters:
            return one
        direction = joint.mul_(one).add_(own.mul_(other)).mul_(2)
        sizes = [p.numel() for p in parameters]
        parts = torch.split(direction, sizes)
        measured = (parts, torch.split(total, sizes))
        if self.rescale == "encoder":
            measured = ((direction,), (total,))
        lengths, totals = (torch.stack(torch._foreach_norm(list(x))) for x in measured)
        factors = (self.gamma * factor * length_ratios(totals, lengths)).expand(len(parts))
        torch._foreach_mul_(list(parts), list(factors.unbind()))
        written = [
            (p.grad, h) for p, h in zip(parameters, parts, strict=True) if p.grad is not None
        ]
        if written:  # none of a modality that the whole batch lacks
            torch._foreach_copy_([g for g, _ in written], [h.view_as(g) for g, h in written])
        return one


def _trained(modalities: ModalityMap, modality: str) -> list[Parameter]:
    return [p for p in modalities.parameters(modality).values() if p.requires_grad]


def _in_half(step: Step) -> bool:
    return step.logits is not None and step.logits.dtype.itemsize < 4


def _gradients(
    loss: Tensor, groups: list[list[Parameter]], lifted: float
) -> list[list[Tensor | None]]:
    """Gradients of a loss with respect to groups of parameters; None where it has none."""
    every = [p for group in groups for p in group]
    try:
        found = torch.autograd.grad(loss * lifted, every, retain_graph=True, allow_unused=True)
    except RuntimeError as error:
        if "fabric.backward" not in str(error):
            raise
        raise BalanceError(
            "MMPareto back-propagates single losses, which Fabric refuses under the precision that "
            "it was given: give Fabric none, and run forward pass and loss() under torch.autocast."
        ) from error
    each = iter(found if lifted == 1 else [None if g is None else g / lifted for g in found])
    return [list(islice(each, len(group))) for group in groups]


def _vectors(
    room: Room, given: Sequence[Sequence[Tensor | None]], parameters: list[Parameter]
) -> tuple[Tensor, Tensor, Tensor | None]:
    """An encoder's own gradient, of all micro-batches and ranks, the one that it has now, and room
    for a third where its parameters are of one type. -> (P,), (P,), (P,)"""
    kinds = {(p.dtype, p.device) for p in parameters}
    spaces: Sequence[Tensor | None] = (None, None, None)
    if len(kinds) == 1:
        ((dtype, device),) = kinds
        spaces = room.vectors(3, sum(p.numel() for p in parameters), dtype=dtype, device=device)
    own = flat(given[0], like=parameters, out=spaces[0])
    for more in given[1:]:
        own += flat(more, like=parameters)
    total = flat([p.grad for p in parameters], like=parameters, out=spaces[1])
    return mean_over_ranks(own), total, spaces[2]
