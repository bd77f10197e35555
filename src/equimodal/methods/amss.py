r"""AMSS and AMSS+: update only a sampled share of each modality's units.

After the ordinary backward pass every modality's encoder is updated in a sampled subnetwork. How
*many* of its units is set by the modal significance, a variational mutual-information rate: the
more significant a modality already is, the fewer. *Which* units is drawn by Fisher information.

Yang, Pan, Jiang, Xu, Tang: adaptive mask subnetworks considering modal significance. IEEE TPAMI
47(6), 2025, pp. 4553-4566, doi 10.1109/TPAMI.2025.3547417; https://arxiv.org/abs/2404.08347

:mod:`equimodal.methods.amss_equations` holds the symbols and a function for each equation,
:mod:`equimodal.methods.amss_released` what only replays the released scripts.

The full text was not available to us. This follows the public reviews and the released code, and
departs from that code where it contradicts itself; ``docs/methods/amss.md`` lists every
difference, its reason and the argument that selects the released behaviour.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.errors import BalanceError
from equimodal.methods.amss_arguments import check_arguments
from equimodal.methods.amss_equations import batch_information, information_rate, update_fractions
from equimodal.methods.amss_released import AMSSReleased, unit_pattern
from equimodal.methods.amss_tally import AmssTally, warn_of_switch
from equimodal.numerics.sampling import arrival_masks, drawn_counts, unit_probabilities
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.sharding import refuse_other_layouts
from equimodal.parts.unit_table import UnitTable


class AMSS(Method):
    r"""Update only a sampled share of each modality's units.

    .. math:: w^k \leftarrow w^k - \eta \, (g^k \odot m^k), \quad
        m_j = 1[j \in S] \;\text{(AMSS)}, \quad
        m_j = \frac{1[j \in S]}{1 - \exp(-p_j \kappa)} \;\text{(AMSS+)}

    with :math:`\kappa` the (m+1)-th arrival time of the sampling. Without the cap the AMSS+ mask
    has mean one, and in expectation AMSS+ is joint training plus noise. The cap, on by default,
    cuts the large weights of units that are seldom drawn: their mean is then below one. Momentum
    and weight decay are not masked, as released: a unit that is not drawn still moves by them;
    ``Balancer(..., on="update")`` masks the whole update instead.

    Records: ``significance`` and ``fraction`` of every step; of every epoch ``untouched_layers``
    and ``capped_weights`` (counts), ``at_clamp`` (share of its steps in which the modality's share
    of units was the least or the largest of ``clamp``; adaptive shares only) and ``passed``, the
    share of its squared gradients that passed the mask: the sum over its steps and the modality's
    covered units of :math:`F_j 1[m_j > 0]`, with ``mask="none"`` of :math:`F_j m_j^2`, over that of
    :math:`F_j`. Layers with a gradient that is not finite are left out of both sums.

    Args:
        tau: temperature of the fractions, > 0 (0.2; image and text 0.5).
        weighting: "none" for AMSS; "unbiased" for AMSS+, unbiased without the cap; "official", the
            released AMSS+ weight 1 / (p + 1/n + bias), neither unbiased nor of unit scale: clip
            gradients; "scaled", 1 / (n p + 1).
        fraction: None for the adaptive share; a number in (0, 1], or "fixed" for 1 - 1/M: the
            control, the same masks without significance.
        mask: "sampled"; "none" multiplies all covered gradients of a modality by its share
            instead, and draws nothing: the control without masks, of weighting "none" only.
        importance: "fisher"; "uniform" draws all units of a layer alike: the control without
            importance.
        significance: "reference", or "av", "it", "nv" for the formulas of the three released
            scripts, guards and constants included.
        direction: "weak": the more significant a modality, the fewer units; "strong": the more
            units, as the released image-text script does by an exchange of its outputs.
        clamp: least and largest share of units.
        units: which units may be masked: "all", "official_av" (the released filter: convolutions
            of residual blocks, without stem and downsampling), or a regular expression over names
            of layers.
        smoothing: share of the uniform distribution in the probabilities, in [0, 1].
        bias: of "official" only, >= 0: 0, and 0.2 in the released image-text script.
        cap: largest weight, > 0, or None; of "unbiased" only. Capped weights are counted.

    Raises:
        BalanceError: an argument out of range, or ``units`` matches nothing in an encoder.

    Example::

        Balancer(model, AMSS(tau=0.2), encoders, LinearSplit("fc"))
    """

    needs: frozenset[str] = frozenset({"unimodal_logits", "features"})

    def __init__(
        self,
        tau: float = 0.2,
        *,
        weighting: str = "none",
        fraction: float | str | None = None,
        mask: str = "sampled",
        importance: str = "fisher",
        significance: str = "reference",
        direction: str = "weak",
        clamp: Sequence[float] = (0.1, 0.9),
        units: str = "all",
        smoothing: float = 0.01,
        bias: float = 0.0,
        cap: float | None = 10.0,
    ) -> None:
        super().__init__()
        self.tau = tau
        self.weighting = weighting
        self.fraction = fraction
        self.mask = mask
        self.importance = importance
        self.significance = significance
        self.direction = direction
        self.clamp = clamp
        self.units = units
        self.smoothing = smoothing
        self.bias = bias
        self.cap = cap
        self._released = AMSSReleased(significance, direction, weighting, bias)
        self._units = unit_pattern(units)
        self._tally = AmssTally()
        check_arguments(self)
        if fraction is not None:
            self.needs = frozenset()
        elif not self._released.reads_features:
            self.needs = frozenset({"unimodal_logits"})

    def unsuited(self, task: Task) -> str:
        """Its significance bounds the information about a target."""
        if self.fraction is not None:
            return ""
        if "information" in task.lacks:
            return (
                "its significance bounds the information about the target; a fixed "
                "fraction=... needs none"
            )
        return self._released.unsuited(task)

    def on_start(self, modalities: ModalityMap) -> None:
        """Collect the units that may be masked."""
        chosen = {}
        for m in modalities.names:
            for name, parameter in modalities.parameters(m).items():
                refuse_other_layouts(name, parameter)
            # Frozen units too, which a fine-tuning schedule may set free later.
            everything = modalities.units(m, trained=False)
            chosen[m] = [u for u in everything if self._units.fullmatch(u.name)]
            if not chosen[m] and (modalities.trained(m) or not modalities.parameters(m)):
                raise BalanceError(
                    f"AMSS(units={self.units!r}) matches no layer with units of its own in the "
                    f"encoder of {m!r}; it has {[u.name for u in everything]}, and shares "
                    f"{len(modalities.shared)} parameters with other modalities. Embeddings and "
                    "normalisations have no units: take a linear, convolutional, recurrent or "
                    "attention layer into the encoder, such as "
                    "Encoder(['embedding', 'projection'], features='projection')."
                )
        if not any(map(modalities.trained, modalities.names)):
            raise BalanceError(
                "AMSS masks the updates of encoders, and all of them are frozen; train one, or use "
                "a method that needs no encoder's gradient."
            )
        self._table = UnitTable(chosen)

    def on_gradients(self, step: Step) -> None:
        """Significance, fractions, importance, masks: in the order of the paper."""
        fractions = self._fractions(step)
        importance = self._table.importance()
        totals = importance.sum(1)
        finite = totals < torch.inf
        shares = fractions.to(importance)[self._table.modality]
        if self.mask == "none":
            masks, capped = shares[:, None].expand_as(importance), None
            reached = masks.square()
        else:
            masks, capped = self._sampled(step, importance, totals, shares)
            reached = masks > 0
        step.apply(self._table.factors(torch.where(finite[:, None], masks, 1.0)))
        self._tally.saw_masks(importance, reached, totals=totals, finite=finite, capped=capped)

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Record the epoch's counts and shares; warn once where tau is a hard switch."""
        modalities = len(epoch.modalities.names)
        for name, values in self._tally.records(self._table, modalities).items():
            epoch.record(name, values)
        if self._tally.switched() and not self.state.get("told_of_switch"):
            self.state["told_of_switch"] = True
            warn_of_switch(self.tau, features=self._released.reads_features)
        self._tally = AmssTally()

    def _sampled(
        self, step: Step, importance: Tensor, totals: Tensor, shares: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Masks of the drawn units, and how many weights a layer were cut, where they are.

        (L, W), (L,), (L,) -> (L, W), (L,)
        """
        sizes = self._table.sizes
        counts = drawn_counts(sizes, shares, 2 if self.weighting == "unbiased" else 1)
        smoothing = 1.0 if self.importance == "uniform" else self.smoothing
        probabilities = unit_probabilities(
            importance, sizes, smoothing, totals=totals, valid=self._table.valid
        )
        draws = torch.empty(importance.shape).exponential_(generator=step.generator())
        draws = draws.to(importance.device, importance.dtype, non_blocking=True)
        masks = arrival_masks(probabilities, counts, draws, unbiased=self.weighting == "unbiased")
        if self._released.weights:
            return self._released.weighted(masks, probabilities, sizes), None
        if self.weighting == "none" or self.cap is None:
            return masks, None
        return masks.clamp_max(self.cap), (masks > self.cap).sum(1)

    def _fractions(self, step: Step) -> Tensor:
        modalities = len(step.modalities.names)
        if self.fraction is None:
            rho, fractions = self._adaptive(step)
            step.record("significance", rho)
            self._tally.saw_shares(fractions, self.clamp[0], self.clamp[1])
        else:
            share = 1 - 1 / modalities if self.fraction == "fixed" else float(self.fraction)
            device = next(iter(step.targets.values())).device
            fractions = torch.full((modalities,), share, device=device)
        step.record("fraction", fractions)
        return fractions

    def _adaptive(self, step: Step) -> tuple[Tensor, Tensor]:
        """Significance and fractions from all ranks' samples. -> (M,), (M,)"""
        batch, sums, feature_entropy = batch_information(step)
        low, high = self.clamp
        if self._released.script:
            return self._released.fractions(
                batch, sums[:, 0] / sums[:, 1], feature_entropy, tau=self.tau, clamp=(low, high)
            )
        seen = self.state.get("label_counts")
        self.state["label_counts"] = seen = batch if seen is None else seen.to(batch) + batch
        rho = information_rate(step.task.information(seen, sums), feature_entropy)
        return rho, update_fractions(self._released.towards(rho), self.tau, (low, high))
