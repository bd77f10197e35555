r"""Greedy: balanced learning by conditional learning speed, on a network with exchange.

Where branches exchange what they see, compare for each how fast its exchange learns with how fast
the branch itself does; the one that leans more on the exchange is cut off from it for some updates,
so that it must learn from its own modality.

Wu, Jastrzebski, Cho, Geras: characterizing and overcoming the greedy nature of learning in
multi-modal deep neural networks. ICML 2022, PMLR 162; https://arxiv.org/abs/2202.05306

===========================  ==============================================================
symbol                       meaning
===========================  ==============================================================
:math:`\theta_m`             parameters of branch m: encoder and classifier
:math:`\theta'_m`            of its exchange: its own excitations and the shared squeezes
:math:`\mu(\theta)`          :math:`\lVert \nabla\theta \rVert^2 / \lVert\theta\rVert^2`
:math:`S_m`                  conditional speed, over all regular updates t so far
===========================  ==============================================================

.. math::
    L = \sum_m \mathrm{CE}(o_m, y), \qquad
    S_m = \log_{10} \frac{\sum_t \mu_t(\theta'_m)}{\sum_t \mu_t(\theta_m)}, \qquad
    d = \max_m S_m - \min_m S_m

Where d exceeds a threshold after a regular update, the branch of the largest S is cut off in the Q
updates that follow: its gates are their running means. The prediction is the mean of the branches.
Differences: in the released code the second branch's running mean is made of the first one's gates,
and validation and test batches count in it; here each has its own, in training alone. A parameter
without gradient makes it crash; here it is left out of both norms. Max and min for more than two
branches are ours, as is one exchange in front of the classifiers: the paper's networks have three,
within the branches, and `MMTM` may stand wherever a model of yours exchanges.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from equimodal.balancing.method import Method
from equimodal.balancing.readouts import BranchSplit
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.checks import require, require_choice, require_number, require_tensor, require_whole
from equimodal.errors import BalanceError
from equimodal.parts.exchange.mmtm import MMTM, BranchHead
from equimodal.parts.gradients import gradient_norm
from equimodal.parts.modalities import ModalityMap

_TINY = torch.finfo(torch.float32).tiny
SWITCHES = ("speed", "random", "off")


def learning_speed(parameters: Iterable[Tensor]) -> Tensor:
    """Squared norm of the gradients over that of the weights, of those that have one. -> ()

    0 where none has a gradient.

    Raises:
        BalanceError: something that is no tensor.
    """
    parameters = list(parameters) if isinstance(parameters, Iterable) else [parameters]
    if not all(isinstance(p, Tensor) for p in parameters):
        raise BalanceError("parameters must be tensors, such as model.parameters().")
    held = [p for p in parameters if p.grad is not None]
    grads = [p.grad for p in held if p.grad is not None]
    return (gradient_norm(grads) / gradient_norm(held).clamp_min(_TINY)).square()


def conditional_speeds(exchange: Tensor, branch: Tensor) -> Tensor:
    """Decimal logarithm of how much faster each branch's exchange learns. (M,), (M,) -> (M,)

    Args:
        exchange: summed speeds of the exchange of each branch.
        branch: of the branches themselves.

    Raises:
        BalanceError: no vectors of one length.
    """
    require_tensor("exchange", exchange, axes="M", floating=True)
    require_tensor("branch", branch, axes="M", floating=True)
    same = len(exchange) == len(branch)
    require(same, "There must be a speed of each branch", (len(exchange), len(branch)))
    return (exchange.clamp_min(_TINY) / branch.clamp_min(_TINY)).log10()


class ConditionalSpeed(Method):
    """Cut the branch off from the exchange that learns by it most, now and then.

    Records: ``speed``, S of each branch, and ``cut``, 1 for the one that is cut off next.

    Args:
        eps: difference of the speeds above which a branch is cut off, at least 0; released: 0.01,
            2 %, which is nearly always exceeded; a port: 0.001.
        updates: Q, for how many updates, at least 1; released: 5.
        starts: epochs before it does so at all, at least 0; released: 1.
        switch: by "speed"; at "random", the authors' control: a branch by lot after every regular
            update; "off", the same network as it is.

    Raises:
        BalanceError: a value out of its range or, when a balancer is made, no exchange.

    Example::

        model.fc = BranchHead([512, 512], classes)
        Balancer(model, ConditionalSpeed(), encoders, BranchSplit("fc"))
    """

    needs = frozenset({"unimodal_logits"})
    objective = "fused+unimodal"
    normalised = False
    per_forward = True
    windowed = False

    def __init__(
        self, eps: float = 0.01, *, updates: int = 5, starts: int = 1, switch: str = "speed"
    ) -> None:
        super().__init__()
        self.eps = require_number("ConditionalSpeed eps", eps, low=0)
        self.updates = require_whole("ConditionalSpeed updates", updates, low=1)
        self.starts = require_whole("ConditionalSpeed starts", starts, low=0)
        self.switch = require_choice("ConditionalSpeed switch", switch, SWITCHES)
        if switch != "speed":
            self.refuse_set("eps", why=f"with switch={switch!r}")
        if switch == "off":
            self.refuse_set("updates", "starts", why='with switch="off"')
        self.state = {"sums": None, "left": 0, "branch": 0, "phases": 0}
        self._exchanges: list[MMTM] = []
        self._heads: list[BranchHead] = []

    def unsuited(self, task: Task) -> str:
        """Branches are classifiers."""
        return "its branches are classifiers of one class" if "classes" in task.lacks else ""

    def has_stage(self, stage: str) -> bool:
        """Where nothing is switched, nothing looks at gradients."""
        return super().has_stage(stage) and (stage != "on_gradients" or self.switch != "off")

    @property
    def acted(self) -> bool:
        """Whether a branch was cut off, where one may be."""
        return self.switch == "off" or bool(self.state["phases"])

    def on_start(self, modalities: ModalityMap) -> None:
        """Find the exchanges."""
        every = list(modalities.model.modules())
        self._exchanges = [x for x in every if isinstance(x, MMTM)]
        self._heads = [x for x in every if isinstance(x, BranchHead)]
        odd = [len(x.widths) for x in self._exchanges if len(x.widths) != len(modalities.names)]
        if not self._heads or odd:
            raise BalanceError(
                "ConditionalSpeed trains a model whose branches exchange features, one for each of "
                f"{list(modalities.names)}; found "
                f"{f'an exchange of {odd[0]}' if odd else 'no BranchHead'} in "
                f"{type(modalities.model).__name__}. Write BranchHead([512, 512], classes), with "
                "the widths of the encoders, in the place of the linear layer over the "
                "concatenation, and readout=BranchSplit(...)."
            )

    def on_loss(self, step: Step) -> Tensor:
        """The sum of the branches' losses. -> ()"""
        if not isinstance(step.readout, BranchSplit):
            raise BalanceError(
                "ConditionalSpeed trains each branch by its own logits; pass "
                f"readout=BranchSplit('name of the BranchHead'); found {step.readout}."
            )
        return torch.stack(list(step.unimodal_losses.values())).sum()

    def on_gradients(self, step: Step) -> None:
        """Take the speeds of a regular update in, and decide who is cut off in the next."""
        now, before = self._speeds(step), self.state["sums"]
        sums = torch.zeros_like(now) if before is None else before.to(now)
        left, branch = (now.new_tensor(self.state[k]) if isinstance(self.state[k], int)
                        else self.state[k].to(now) for k in ("left", "branch"))  # fmt: skip
        finite, rests = now.isfinite().all(), left > 0
        regular = finite & ~rests
        sums = torch.where(regular, sums + now, sums)
        speeds = conditional_speeds(*sums)
        begins = regular & (step.epoch_index >= self.starts)
        chosen = speeds.argmax().to(now)
        if self.switch == "random":
            count = len(step.modalities.names)
            chosen = torch.randint(count, (), generator=step.generator()).to(now)
        else:
            begins = begins & (speeds.max() - speeds.min() > self.eps)
        left = torch.where(begins, float(self.updates), torch.where(rests & finite, left - 1, left))
        branch = torch.where(begins, chosen, branch)
        cut = (left > 0) & (torch.arange(len(speeds), device=now.device) == branch)
        for exchange in self._exchanges:
            exchange.cut.copy_(cut)
        self.state = {"sums": sums, "left": left, "branch": branch,
                      "phases": self.state["phases"] + begins.to(now)}  # fmt: skip
        step.record("speed", speeds)
        step.record("cut", cut.to(now))

    def _speeds(self, step: Step) -> Tensor:
        """Those of the exchanges and of the branches. -> (2, M)"""
        shared = {id(p) for x in self._exchanges for p in x.parameters()}
        found = []
        for k, m in enumerate(step.modalities.names):
            own = [p for p in step.modalities.parameters(m).values() if id(p) not in shared]
            own += [p for head in self._heads for p in head.classifiers[k].parameters()]
            layers: list[nn.Module] = [x for e in self._exchanges for x in (e.squeeze, e.excite[k])]
            exchanged = [p for x in layers for p in x.parameters()]
            found.append(torch.stack([learning_speed(exchanged), learning_speed(own)]))
        return torch.stack(found, 1)
