r"""The learned sampler of DUS: a small policy over batch sizes, trained with REINFORCE.

**Our own design**: of the paper only the name REINFORCE is public.

* State: cumulative scores, their pairwise gaps, the shares in force. Not t/T: the length of a
  training is unknown in a user's loop.
* Action: for two modalities one choice among the shares 1/6, 1/3, 1/2, 2/3, 5/6 of the first; for
  more, one multiplier among 0.25, 0.5, 1, 1.5, 2 each, brought to sum 1. It is held for a window.
* Reward of the action of window w:
  :math:`R_w = (g_{w-1} - g_{w+1}) + \mathrm{mean}_j(\bar s^j_{w+1} - \bar s^j_{w-1})` with
  :math:`\bar s` the mean score in a window and g its largest gap between modalities. Rows are
  scored before they are learned from, so half of what an action does shows in the window after it.
* Advantage: :math:`A_w = (R_w - b) / \sqrt{v / (1 - 0.9^w)}`, b and v exponential means (0.9) of R
  and (R - b)², w the rewards so far. v begins at 0, whence the division; b begins at the first
  reward, so its weights sum to 1 and it needs none.
"""

import copy
import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_SHARES = (1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6)
_MULTIPLIERS = (0.25, 0.5, 1.0, 1.5, 2.0)
_HIDDEN = 32
_DECAY = 0.9


def window_reward(previous: Tensor, current: Tensor) -> float:
    """Fall of the largest gap plus mean rise of the scores. (M,), (M,) -> float"""
    fall = (previous.max() - previous.min()) - (current.max() - current.min())
    return float(fall + (current - previous).mean())


def policy_loss(
    log_probabilities: Tensor, actions: Tensor, advantages: Tensor, entropy: float
) -> Tensor:
    r"""REINFORCE with an entropy bonus: :math:`-\mathrm{mean}(A \log \pi(a|x)) - \beta H(\pi)`.

    (W, H, A), (W, H), (W,) -> (), over W windows, H choices each, A options a choice.
    """
    chosen = log_probabilities.gather(2, actions[..., None]).squeeze(2).sum(1)
    spread = -(log_probabilities.exp() * log_probabilities).sum(2).sum(1)
    return -(advantages * chosen).mean() - entropy * spread.mean()


class Policy:
    """Chooses the modalities' shares and learns from what follows.

    Args:
        modalities: number of modalities, M.
        hold: iterations of a window.
        every: windows between two policy steps.
        lr: learning rate of Adam.
        entropy: weight of the entropy bonus.
    """

    def __init__(
        self, modalities: int, *, hold: int, every: int, lr: float, entropy: float
    ) -> None:
        self.modalities, self.hold, self.every, self.entropy = modalities, hold, every, entropy
        self.choices = 1 if modalities == 2 else modalities
        self.updates = 0
        inputs = 2 * modalities + modalities * (modalities - 1) // 2
        draw = torch.Generator().manual_seed(0)
        first = torch.randn(_HIDDEN, inputs, generator=draw) / inputs**0.5
        shapes = (
            (_HIDDEN,),
            (self.choices * len(_SHARES), _HIDDEN),
            (self.choices * len(_SHARES),),
        )
        self._weights = [first, *(torch.zeros(s) for s in shapes)]
        for weight in self._weights:
            weight.requires_grad_()
        self._optimizer = torch.optim.Adam(self._weights, lr=lr)
        self._memory: dict[str, Any] = {
            "held": 0, "total": None, "before": None, "previous": None, "current": None,
            "waiting": None, "pending": [], "mean": None, "variance": 0.0,
            "shares": [1 / modalities] * modalities,
        }  # fmt: skip

    @property
    def rewards_seen(self) -> int:
        """Rewards taken so far: those learned from and those that wait for the next step."""
        return self.updates * self.every + len(self._memory["pending"])

    def log_probabilities(self, observations: Tensor) -> Tensor:
        """Of every option of every choice. (W, inputs) -> (W, H, A)"""
        w1, b1, w2, b2 = self._weights
        hidden = torch.tanh(F.linear(observations, w1, b1))
        options = F.linear(hidden, w2, b2).view(len(observations), self.choices, -1)
        return torch.log_softmax(options, dim=2)

    def shares(self, scores: Tensor, generator: torch.Generator) -> Tensor:
        """The shares in force; a new action at the start of every window. (M,) -> (M,)"""
        if self._memory["current"] is None:
            observation = self._observation(scores)
            with torch.no_grad():
                chances = self.log_probabilities(observation[None])[0].exp()
            action = torch.multinomial(chances, 1, generator=generator)[:, 0]
            self._memory["current"] = [observation.tolist(), action.tolist()]
            self._memory["shares"] = self._shares_of(action).tolist()
            self._memory.update(held=0, total=None)
        return torch.tensor(self._memory["shares"])

    def observe(self, score: Tensor) -> None:
        """Take the scores of one iteration; learn at the end of a window. (M,)"""
        memory = self._memory
        known = memory["total"]  # of a checkpoint, perhaps on another device
        memory["total"] = score if known is None else known.to(score) + score
        memory["held"] += 1
        if memory["held"] >= self.hold:
            self._end_window((memory["total"] / memory["held"]).cpu())

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimizer and memory."""
        return {
            "weights": [w.detach().clone() for w in self._weights],
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            "memory": copy.deepcopy(self._memory),
            "updates": self.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave."""
        with torch.no_grad():
            for weight, saved in zip(self._weights, state["weights"], strict=True):
                weight.copy_(saved)
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._memory = copy.deepcopy(state["memory"])
        self.updates = state["updates"]

    def _observation(self, scores: Tensor) -> Tensor:
        scores = scores.nan_to_num()
        gaps = [scores[j] - scores[k] for j, k in combinations(range(self.modalities), 2)]
        return torch.cat([scores, torch.stack(gaps), torch.tensor(self._memory["shares"])]).float()

    def _shares_of(self, action: Tensor) -> Tensor:
        if self.modalities == 2:
            first = _SHARES[int(action[0])]
            return torch.tensor([first, 1 - first])
        chosen = torch.tensor(_MULTIPLIERS)[action]
        return chosen / chosen.sum()

    def _end_window(self, mean: Tensor) -> None:
        """Reward the action before the one that ends, by the windows around it. (M,)"""
        memory = self._memory
        if memory["waiting"] is not None and memory["before"] is not None:
            reward = window_reward(memory["before"], mean)
            if math.isfinite(reward):
                memory["pending"].append([*memory["waiting"], self._advantage(reward)])
        memory.update(
            held=0, total=None, before=memory["previous"], previous=mean,
            waiting=memory["current"], current=None,
        )  # fmt: skip
        if len(memory["pending"]) >= self.every:
            self._learn()

    def _advantage(self, reward: float) -> float:
        """(R - b) / sqrt(v / (1 - 0.9^w)) with the b of earlier rewards; then b takes R in."""
        memory = self._memory
        mean = reward if memory["mean"] is None else memory["mean"]
        variance = _DECAY * memory["variance"] + (1 - _DECAY) * (reward - mean) ** 2
        memory.update(mean=_DECAY * mean + (1 - _DECAY) * reward, variance=variance)
        variance /= 1 - _DECAY ** (self.rewards_seen + 1)
        return float((reward - mean) / max(variance, 1e-12) ** 0.5)

    @torch.enable_grad()
    def _learn(self) -> None:
        observations, actions, advantages = zip(*self._memory["pending"], strict=True)
        loss = policy_loss(
            self.log_probabilities(torch.tensor(observations)), torch.tensor(actions),
            torch.tensor(advantages), self.entropy,
        )  # fmt: skip
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._memory["pending"] = []
        self.updates += 1
