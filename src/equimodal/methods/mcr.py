r"""MCR: multimodal competition regularizer.

If permuting one modality's features within the batch hardly changes the prediction, that modality
is not used. Each encoder raises the change that its own permutation makes and, greedily, lowers
that of the others'. A supervised contrastive term holds what the modalities share.

Kontras, Strypsteen, Chatzichristos, Liang, Blaschko, De Vos: balancing multimodal training through
game-theoretic regularization. NeurIPS 2025; https://arxiv.org/abs/2411.07335

======================  =======  ==============================================================
symbol                  shape    meaning
======================  =======  ==============================================================
:math:`\sigma_e`        (N,)     permutations of the batch, drawn anew each step
:math:`J_m`             ()       mean Jensen-Shannon divergence of the fused prediction from that
                                 with modality m permuted, in nats
:math:`k`                        strategy: -1 greedy, 0 independent, 1 collaborative
======================  =======  ==============================================================

.. math::
    L = L_\mathrm{fused} + w \sum_m L^m + \lambda \sum_j G_j + c\,L_\mathrm{con}, \qquad
    G_j = -J_j - \tfrac{k}{M - 1} \sum_{m \ne j} J_m

where the gradient of :math:`G_j` reaches encoder j alone. For two modalities this is the paper's;
for more the mean over the others is ours. Differences: the released scalar is another one than the
paper's formula (``variant="released"``), may leave rows out of a permutation (``rows``), takes
perturbed features of a second pass of the encoders, and has an optional bottleneck network: the
last two are not here. Of a linear head, block :math:`W_m` counts as modality
m's; of any other, the head is not pushed.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_number, require_tensor, require_whole
from equimodal.errors import BalanceError
from equimodal.methods.dgl import headless
from equimodal.methods.mcr_game import Draw, player, sum_of_players
from equimodal.numerics.scores import widened


def supervised_contrast(features: Tensor, labels: Tensor, temperature: float = 0.5) -> Tensor:
    """Contrast of every two rows of one label with those of other labels; 0 without any. -> ()

    (R, D), (R,) -> (), a mean over the ordered pairs.

    Raises:
        BalanceError: features are no floating-point tensor (R, D), or labels no (R,).
    """
    require_tensor("features", features, axes="R,D", floating=True)
    require_tensor("labels", labels, axes="R")
    require(len(labels) == len(features), "There must be a label for each row", len(labels))
    require_number("temperature", temperature, above=0)
    rows = functional.normalize(widened(features), dim=1)
    likeness = rows @ rows.T / temperature
    same = labels[:, None] == labels
    others = likeness.masked_fill(same, -torch.inf).logsumexp(1, keepdim=True)
    losses = torch.logaddexp(likeness, others) - likeness
    pairs = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return losses.masked_fill(~pairs, 0).sum() / pairs.sum().clamp_min(1)


class MCR(Method):
    """Let each encoder raise what its own permutation changes, and lower what the others' does.

    Args:
        lam: weight of the game; released: 0.1 or 0.01 by data set. 0 is a control.
        k: strategy: -1, greedy, the paper's; 0, independent; 1, collaborative.
        unimodal_weight: of the sum of the unimodal losses; released: 0.01, or 1 where encoders are
            pretrained transformers.
        contrast: weight of the contrastive term, which takes features of equal widths.
        temperature: of the contrastive term.
        labels: what makes a pair: the same "class", or the same sample, "instance".
        permutations: of the batch in a step; released: 32.
        variant: "paper"; "released", whose prediction without permutation keeps its whole graph.
        rows: which count in a permutation: "all"; "moved", those that it moves; "other", those that
            get the features of another class. The released code has all three.
    """

    needs = frozenset({"unimodal_logits", "features"})
    objective = "fused+unimodal"
    per_forward = True

    def __init__(
        self,
        lam: float = 0.1,
        k: int = -1,
        *,
        unimodal_weight: float = 0.01,
        contrast: float = 1.0,
        temperature: float = 0.5,
        labels: str = "class",
        permutations: int = 8,
        variant: str = "paper",
        rows: str = "all",
    ) -> None:
        super().__init__()
        self.lam = require_number("MCR lam", lam, low=0)
        self.k = require_whole("MCR k", k, low=-1)
        if k > 1:
            raise BalanceError(f"MCR k must be -1, 0 or 1; found {k}.")
        self.unimodal_weight = require_number("MCR unimodal_weight", unimodal_weight, low=0)
        self.contrast = require_number("MCR contrast", contrast, low=0)
        self.temperature = require_number("MCR temperature", temperature, above=0)
        self.labels = require_choice("MCR labels", labels, ("class", "instance"))
        self.permutations = require_whole("MCR permutations", permutations, low=1)
        self.variant = require_choice("MCR variant", variant, ("paper", "released"))
        self.rows = require_choice("MCR rows", rows, ("all", "moved", "other"))
        if lam == 0:
            self.refuse_set("k", "permutations", "variant", "rows", why="with lam=0")
        if contrast == 0:
            self.refuse_set("temperature", "labels", why="with contrast=0")

    def unsuited(self, task: Task) -> str:
        """It compares distributions over classes."""
        return "it compares predictions of one class" if "classes" in task.lacks else ""

    def on_loss(self, step: Step) -> Tensor:
        """The objective, the game and the contrastive term."""
        loss = step.objective_loss
        if self.lam:
            loss = loss + self.lam * self._game(step)
        if self.contrast:
            loss = loss + self.contrast * self._contrast(step)
        return loss

    def _game(self, step: Step) -> Tensor:
        """What every encoder descends, each by itself. -> ()"""
        assert step.target is not None
        draws = [self._draw(step.target, step.generator(e)) for e in range(self.permutations)]
        readout, released = step.readout, self.variant == "released"
        if readout is not None and readout.additive:
            parts = readout(step.modalities, step.outputs)
            zeros = {m: torch.zeros_like(f) for m, f in step.outputs.items()}
            # The bias belongs to nobody: its own gradient is taken out again.
            shared = readout.fused(step.modalities, zeros, training=False) / len(parts)
            own = {m: part - shared + shared.detach() for m, part in parts.items()}
            return sum_of_players(own, _added, draws, self.k, released=released)
        read = {m: f.detach().requires_grad_() for m, f in step.outputs.items()}
        total = step.outputs[next(iter(read))].new_zeros(())
        for m in read:
            goal = player(read, step.logits_of, draws, self.k, m, released=released)
            reached = list(read) if released else [m]
            total = total + headless(
                goal, [read[x] for x in reached], [step.outputs[x] for x in reached]
            )
        return total

    def _draw(self, labels: Tensor, generator: torch.Generator) -> Draw:
        """A permutation of the batch, and the rows that count in it."""
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        if self.rows == "all":
            return Draw(order)
        if self.rows == "other":
            return Draw(order, labels[order] != labels)
        return Draw(order, order != torch.arange(len(labels), device=labels.device))

    def _contrast(self, step: Step) -> Tensor:
        """The contrastive term of all features that are present. -> ()"""
        rows = {m: f.flatten(1) for m, f in step.features.items() if len(f)}
        widths = {m: f.shape[1] for m, f in rows.items()}
        if len(set(widths.values())) > 1:
            raise BalanceError(
                f"MCR contrasts features of equal widths; found {widths}. Write contrast=0, or "
                "let encoders end in projections of one width."
            )
        labels = [step.targets[m] for m in rows]
        if self.labels == "instance":
            assert step.target is not None
            every = torch.arange(len(step.target), device=step.target.device)
            held = step.rows
            labels = [every if held is None else held[m].to(every.device) for m in rows]
        return supervised_contrast(
            torch.cat(list(rows.values())), torch.cat(labels), self.temperature
        )


def _added(parts: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(parts.values())).sum(0)
