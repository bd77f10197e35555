r"""MSLR: a learning rate of its own for each modality's encoder.

Each encoder starts at the rate that is best for it alone, and its rate then follows the recent
trend of that modality's own validation accuracy.

Yao, Mihalcea: modality-specific learning rates for effective multimodal additive late-fusion.
Findings of ACL 2022, pp. 1824-1834; https://doi.org/10.18653/v1/2022.findings-acl.143

================  ==============  =============================================================
symbol            name here       shape and meaning
================  ==============  =============================================================
:math:`A^m_t`     ``scores``      (M,) validation accuracy of own logits after epoch t
:math:`\rho^m`    ``ratios``      (M,) accuracy over the mean of the n before it
:math:`b^m`       ``base``        starting factor on the optimizer's rate
:math:`c^m`       ``factors``     (M,) factor on the rate of encoder m
================  ==============  =============================================================

No official code was found and the definitions of the paper were not available to us: this is the
rule of one of two codes of others, which disagree. ``docs/methods/mslr.md`` says how.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from equimodal.balancing.epochs.epoch import Epoch
from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_flag, require_number, require_tensor
from equimodal.parts.modalities import ModalityMap


class MSLR(Method):
    r"""Multiply the updates of each encoder by a factor that follows its accuracy.

    .. math:: c^m_{t+1} = b^m \rho^m_t, \quad
        \rho^m_t = \frac{A^m_t}{\frac{1}{n} \sum_{k=1}^{n} A^m_{t-k}}

    The factor is on the whole update, which is what a learning rate is: with momentum, weight
    decay and Adam too. Until n accuracies are known it is the base. A mean of 0 leaves the base.

    Records: ``accuracy`` and ``factor`` of every epoch.

    Args:
        base: starting factor: one number for all, or a list of one each.
        strategy: "dynamic", the rule; "keep", the base throughout: the control.
        history: accuracies of which the mean is taken, from 1.
        cumulative: every so many epochs the base itself moves, by the accuracy over the mean of the
            latest ones with it: the rule of the second code.
        released: multiply gradients in place of updates, as the first code does.

    Raises:
        BalanceError: an argument out of range.

    Example::

        Balancer(model, MSLR(base=[0.9, 1.1]), encoders, LinearSplit("fc"), optimizers=[optimizer],
                 loaders={"val": val_loader})
    """

    needs: frozenset[str] = frozenset({"unimodal_logits", "val_loader"})
    on: str | None = "update"

    def __init__(
        self,
        base: float | Sequence[float] = 1.0,
        *,
        strategy: str = "dynamic",
        history: int = 5,
        cumulative: bool = False,
        released: bool = False,
    ) -> None:
        super().__init__()
        self.base = base
        self.strategy = strategy
        self.history = history
        self.cumulative = cumulative
        self.released = released
        for one in base if isinstance(base, (list, tuple)) else [base]:
            require_number("A base of MSLR", one, above=0)
        require_choice("MSLR strategy", strategy, ("dynamic", "keep"))
        require_number("MSLR history", history, low=1, whole=True)
        require_flag("MSLR cumulative", cumulative)
        require_flag("MSLR released", released)
        self.on = None if released else "update"
        if strategy == "keep":
            self.refuse_set("history", "cumulative", why='with strategy="keep"')
            self.needs = frozenset()

    def unsuited(self, task: Task) -> str:
        """Its trend is that of an accuracy."""
        if self.strategy == "dynamic" and "classes" in task.lacks:
            return "its rates follow the accuracy of classes"
        return ""

    def on_start(self, modalities: ModalityMap) -> None:
        """Hold the base against the modalities."""
        count = len(modalities.names)
        base = list(self.base) if isinstance(self.base, (list, tuple)) else [self.base] * count
        rule = f"MSLR needs a base for each of {list(modalities.names)}"
        require(len(base) == count, rule, self.base)
        self.state = {"base": base, "factors": base, "scores": []}

    @property
    def acted(self) -> bool:
        """Whether a rate was ever another one."""
        return bool(self.state.get("changed")) or any(f != 1 for f in self.state["factors"])

    def on_gradients(self, step: Step) -> None:
        """Apply the factors of this epoch."""
        given = zip(step.modalities.names, self.state["factors"], strict=True)
        step.scale({m: torch.tensor(f) for m, f in given if f != 1}, "all")

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Accuracies, and the factors of the next epoch."""
        if self.strategy == "keep":
            return
        scores = epoch.accuracies("val")
        base = torch.tensor(self.state["base"], dtype=torch.float64)
        seen = [*self.state["scores"], scores.tolist()]
        factors = base
        if self.cumulative:
            if len(seen) % self.history == 0:
                latest = torch.tensor(seen[-self.history :], dtype=torch.float64)
                factors = base = base * trend_ratios(scores, latest)
            kept = seen if len(seen) % self.history else []
        else:
            if len(seen) > self.history:
                before = torch.tensor(seen[:-1], dtype=torch.float64)
                factors = base * trend_ratios(scores, before)
            kept = seen[-self.history :]
        changed = self.state.get("changed", False) or bool((factors != 1).any())
        self.state = {"base": base.tolist(), "factors": factors.tolist(), "scores": kept,
                      "changed": changed}  # fmt: skip
        epoch.record("accuracy", scores)
        epoch.record("factor", factors)


def trend_ratios(scores: Tensor, history: Tensor) -> Tensor:
    """Each score over the mean of its history; 1 where that is 0 or no number.

    (M,), (n, M) -> (M,)

    Raises:
        BalanceError: other shapes.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    require_tensor("history", history, axes="n,M", floating=True)
    fits = history.shape[1] == len(scores) and len(history) > 0
    require(fits, f"history must be (n, {len(scores)})", tuple(history.shape))
    mean = history.mean(0)
    return torch.where(mean > 0, scores / mean, 1.0).nan_to_num(1.0)
