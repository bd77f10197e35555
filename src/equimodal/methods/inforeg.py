r"""InfoReg: early in training, the modality that is ahead is pulled back to its last epoch.

While the information in an encoder's weights still grows, and as far as its modality is ahead of
the others, the encoder is pulled towards its weights at the end of the epoch before.

Huang, Wei, Yang, Hu: adaptive unimodal regulation for balanced multimodal information acquisition.
CVPR 2025; https://arxiv.org/abs/2503.18595

===================  ==============  =========================================================
symbol               name here       shape and meaning
===================  ==============  =========================================================
:math:`s^m`          ``scores``      (M,) mean log-likelihood by own logits; higher is better
:math:`\Delta^m`     ``leads``       (M,) mean lead over the modalities that are behind
:math:`T^m_t`        ``traces``      (M,) trace of the Fisher matrix in epoch t
:math:`\alpha^m`     ``strengths``   (M,) strength of the pull, 0 for none
:math:`K`            ``threshold``   least growth of the trace in the prime learning window
===================  ==============  =========================================================

The paper's equation 8 has the sign of the score reversed, against its text and code;
``docs/methods/inforeg.md`` says what else differs, and which argument selects the release.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_flag, require_number, require_tensor
from equimodal.methods.inforeg_weights import as_one, pull
from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.gradients import encoder_norms
from equimodal.parts.modalities import ModalityMap

_STRENGTHS = "inforeg"


class InfoReg(Method):
    r"""Pull an encoder towards its weights of the epoch before, as far as it is ahead.

    .. math:: L + \sum_m \frac{\alpha^m}{2} \|w^m - w_0^m\|^2, \quad
        \alpha^m = c^m e^{\beta \tanh \Delta^m} \;\text{if}\; \Delta^m > 0
        \;\text{and}\; \frac{T^m_{t-1} - T^m_{t-2}}{T^m_{t-1}} > K, \;\text{else}\; 0

    The pull of a step is the rate times alpha, so it depends on the learning rate and on the number
    of steps of an epoch. Its strength is that of a forward pass, over all ranks.

    Records: ``strength`` of every pass that pulls, ``trace`` and ``window`` of every epoch.

    Args:
        beta: sharpness, >= 0; the paper's best is 0.9.
        threshold: K, the paper's best is 0.04; None for the whole training.
        strength: None for the rule; a number > 0, the same for every modality in its window: the
            control.
        score: "log_likelihood", the mean; "sum_probability", the sum over the batch of the true
            classes' probabilities, as released.
        scale: c, > 0: one number, or a list of one each; the release has 0.95 and 0.1, and beta 1.
        decoupled: pull the weights themselves by the learning rate, beside the optimizer's update,
            as decoupled weight decay does: under Adam the pull is then not normalised; ours.

    Raises:
        BalanceError: an argument out of range.

    Example::

        Balancer(model, InfoReg(), encoders, LinearSplit("fc"))
    """

    needs: frozenset[str] = frozenset({"unimodal_logits"})
    per_forward = True

    def __init__(
        self,
        beta: float = 0.9,
        *,
        threshold: float | None = 0.04,
        strength: float | None = None,
        score: str = "log_likelihood",
        scale: float | Sequence[float] = 1.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold
        self.strength = strength
        self.score = score
        self.scale = scale
        require_number("InfoReg beta", beta, low=0)
        if threshold is not None:
            require_number("InfoReg threshold", threshold)
        require_choice("InfoReg score", score, ("log_likelihood", "sum_probability"))
        for one in scale if isinstance(scale, (list, tuple)) else [scale]:
            require_number("A scale of InfoReg", one, above=0)
        if strength is not None:
            require_number("InfoReg strength", strength, above=0)
            self.refuse_set("beta", "score", "scale", why="with a strength=... of its own")
            self.needs = frozenset()
        self.decoupled = require_flag("InfoReg decoupled", decoupled)
        if decoupled:
            self.needs, self.normalised = self.needs | {"optimizers"}, False

    def unsuited(self, task: Task) -> str:
        """Its score is a likelihood."""
        if self.strength is None and "likelihood" in task.lacks:
            return "its score is the likelihood of a discrete label"
        return ""

    def on_start(self, modalities: ModalityMap) -> None:
        """Nothing is known of any epoch."""
        count = len(modalities.names)
        scale = list(self.scale) if isinstance(self.scale, (list, tuple)) else [self.scale] * count
        rule = f"InfoReg needs a scale for each of {list(modalities.names)}"
        require(len(scale) == count, rule, self.scale)
        self._scale = torch.tensor(scale, dtype=torch.float64)
        self.state = {"sum": None, "updates": 0, "traces": [], "window": [False] * count,
                      "pulled": False}  # fmt: skip

    @property
    def acted(self) -> bool:
        """Whether a modality was ever in its window."""
        return bool(self.state["pulled"])

    def on_loss(self, step: Step) -> Tensor:
        """The objective, and the pull of the modalities that are in their window."""
        if not any(self.state["window"]):
            return step.objective_loss
        self.state["pulled"] = True
        strengths = self._strengths(step, torch.tensor(self.state["window"]))
        step.record("strength", strengths)
        if self.decoupled:
            step.drawn[_STRENGTHS] = strengths
            return step.objective_loss
        names, inside = step.modalities.names, self.state["window"]
        terms = [
            0.5 * strength * self._squared_way(step.modalities, m)
            for m, strength, pulls in zip(names, strengths, inside, strict=True)
            if pulls
        ]
        return step.objective_loss + torch.stack(terms).sum()

    def on_gradients(self, step: Step) -> None:
        """The traces of this epoch, and the pull where it is none of the loss."""
        names = step.modalities.names
        squares = encoder_norms({m: step.modalities.parameters(m) for m in names}).square()
        seen = self.state["sum"]
        self.state["sum"] = squares if seen is None else seen.to(squares) + squares
        self.state["updates"] += 1
        if self.decoupled and all(_STRENGTHS in drawn for drawn in step.every_drawn):
            mean = torch.stack([drawn[_STRENGTHS] for drawn in step.every_drawn]).mean(0)
            # What a loss scaler skips is no update, and is not pulled either.
            for m, strength in zip(names, mean * squares.isfinite().all(), strict=True):
                pull(step, m, strength, self.snapshots[m]["weights"])

    def _strengths(self, step: Step, window: Tensor) -> Tensor:
        if self.strength is not None:
            return self.strength * window.float()
        given = [(m, z.detach()) for m, z in step.unimodal_logits.items()]
        targets = step.targets
        if self.score == "log_likelihood":
            each = {m: -step.task.log_loss(z, targets[m]) for m, z in given}
        else:
            each = {m: step.task.score(z, targets[m]) for m, z in given}
        sums = [step.task.summed(each[m], z, targets[m]) for m, z in given]
        total, counts = sum_over_ranks(torch.stack(sums)).unbind(1)
        scores = total / counts if self.score == "log_likelihood" else total
        leads = modality_leads(scores)
        found = regulation_strengths(leads, self.beta) * self._scale.to(leads)
        return found * window.to(found, non_blocking=True)

    def _squared_way(self, modalities: ModalityMap, modality: str) -> Tensor:
        """Squared distance of an encoder from its weights of the epoch before. -> ()"""
        moved = as_one(modalities, modality) - self.snapshots[modality]["weights"]
        squares: Tensor = moved.square().sum()
        return squares

    def on_epoch_end(self, epoch: Epoch) -> None:
        """The traces, who is in its window in the next epoch, and the weights to go back to."""
        names = epoch.modalities.names
        if self.state["updates"]:
            mean = (self.state["sum"] / self.state["updates"]).double().cpu()
            self.state["traces"] = [*self.state["traces"], mean.tolist()][-2:]
            self.state["sum"], self.state["updates"] = None, 0
            epoch.record("trace", mean)
        self.state["window"] = self._window(len(names))
        epoch.record("window", [float(w) for w in self.state["window"]])
        self.snapshots = {m: {"weights": as_one(epoch.modalities, m).detach()} for m in names}

    def _window(self, modalities: int) -> list[bool]:
        """Which modalities are in their prime learning window."""
        if self.threshold is None:
            return [True] * modalities
        if len(self.state["traces"]) < 2:
            return [False] * modalities
        before, now = torch.tensor(self.state["traces"], dtype=torch.float64)
        found: list[bool] = in_window(now, before, self.threshold).tolist()
        return found


def modality_leads(scores: Tensor) -> Tensor:
    """Mean lead of each modality over those behind it, 0 for the last. (M,) -> (M,)

    Equations 9 and 10 of the paper, for any number of modalities.

    Raises:
        BalanceError: ``scores`` is no vector of real numbers.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    ahead = (scores[:, None] - scores).nan_to_num(0.0).clamp_min(0)
    behind = (ahead > 0).sum(1)
    return ahead.sum(1) / behind.clamp_min(1)


def regulation_strengths(leads: Tensor, beta: float) -> Tensor:
    r"""Strength of the pull, :math:`e^{\beta \tanh \Delta}` for a lead, else 0. (M,) -> (M,)

    Equation 16 of the paper.

    Raises:
        BalanceError: ``leads`` is no vector of real numbers, or ``beta`` out of range.
    """
    require_tensor("leads", leads, axes="M", floating=True)
    require_number("beta", beta, low=0)
    return torch.where(leads > 0, torch.exp(beta * torch.tanh(leads)), 0.0)


def in_window(traces: Tensor, before: Tensor, threshold: float) -> Tensor:
    """Whether the trace of each Fisher matrix still grows fast. (M,), (M,) -> (M,) bool

    Equation 11 of the paper: the growth over the trace itself exceeds the threshold; a trace of 0
    does not.

    Raises:
        BalanceError: no vectors of one length.
    """
    require_tensor("traces", traces, axes="M", floating=True)
    require_tensor("before", before, axes="M", floating=True)
    require(len(traces) == len(before), "Both traces must be of one length", len(before))
    require_number("threshold", threshold)
    return (traces > 0) & ((traces - before) > threshold * traces)
