"""DUS with a learned sampler: batch sizes chosen by a policy trained with REINFORCE.

Jiang, Chi, Ma, Mao, Yang, Tang: rethinking multimodal learning from the perspective of unimodal
data sampling, 2025; https://arxiv.org/abs/2503.03792

Only that the learned sampler is REINFORCE is public; state, actions and reward are our own design
and stand in :mod:`equimodal.methods.dus_policy`. The rest is :mod:`equimodal.methods.dus`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from equimodal.balancing.moment import Moment
from equimodal.balancing.step import Step
from equimodal.checks import require_number
from equimodal.errors import BalanceError
from equimodal.methods.dus import DUS
from equimodal.methods.dus_counts import divide
from equimodal.methods.dus_policy import Policy
from equimodal.parts.modalities import ModalityMap

_ENOUGH_STEPS = 50


class DUSLearned(DUS):
    """DUS whose counts are chosen by a policy trained with REINFORCE.

    Only that the learned sampler is REINFORCE is public; state, actions and reward are our design:
    :mod:`equimodal.methods.dus_policy`. An action is held for ``hold`` iterations, because one
    iteration hardly moves a score.

    Args:
        hold: iterations for which an action is held, >= 1.
        every: windows between two steps of the policy, >= 1.
        policy_lr: learning rate of the policy's Adam, > 0.
        entropy: weight of the entropy bonus, >= 0.
        minimum, multiple, warm_up, ema, reset_each_epoch, reduction, plug_in: as in :class:`DUS`.

    7 steps of the policy fit into 300 iterations: too few to learn. ``note`` says so.
    """

    def __init__(
        self,
        *,
        hold: int = 10,
        every: int = 4,
        policy_lr: float = 0.01,
        entropy: float = 0.01,
        minimum: float = 0.125,
        multiple: float = 0.125,
        warm_up: int = 1,
        ema: float | None = None,
        reset_each_epoch: bool = False,
        reduction: str = "mean",
        plug_in: bool = False,
    ) -> None:
        super().__init__(
            "inverse", minimum=minimum, multiple=multiple, warm_up=warm_up, ema=ema,
            reset_each_epoch=reset_each_epoch, reduction=reduction, plug_in=plug_in,
        )  # fmt: skip
        self._made: Policy | None = None
        self.hold = hold
        self.every = every
        self.policy_lr = policy_lr
        self.entropy = entropy
        require_number("DUSLearned hold", hold, low=1, whole=True)
        require_number("DUSLearned every", every, low=1, whole=True)
        require_number("DUSLearned policy_lr", policy_lr, above=0)
        require_number("DUSLearned entropy", entropy, low=0)

    @property
    def note(self) -> str:
        """Says so where the run was too short for the policy to learn."""
        steps = self._made.updates if self._made else 0
        return f"{steps} policy steps: too few to learn" if steps < _ENOUGH_STEPS else ""

    def on_start(self, modalities: ModalityMap) -> None:
        """Make the policy."""
        super().on_start(modalities)
        self._made = Policy(
            len(modalities.names), hold=self.hold, every=self.every, lr=self.policy_lr,
            entropy=self.entropy,
        )  # fmt: skip

    @property
    def _policy(self) -> Policy:
        if self._made is None:
            raise BalanceError(
                "The policy of DUSLearned is made for the modalities of a balancer, and there is "
                "none yet: call Balancer(model, method, ...) first."
            )
        return self._made

    def _observe(self, step: Step, score: Tensor) -> None:
        super()._observe(step, score)
        self._policy.observe(score.detach())

    def _ruled(self, moment: Moment, scores: Tensor, batch_size: int) -> Tensor:
        least, multiple = self._bounds(batch_size)
        shares = self._policy.shares(scores, moment.generator(stream=1))
        return divide(shares, len(scores) * batch_size, least, multiple)

    def state_dict(self) -> dict[str, Any]:
        """The state and the policy with its optimizer."""
        return {**super().state_dict(), "policy": self._policy.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state and the policy."""
        super().load_state_dict({k: v for k, v in state.items() if k != "policy"})
        self._policy.load_state_dict(state["policy"])
