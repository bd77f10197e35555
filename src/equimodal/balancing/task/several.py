"""Several tasks of one model."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from equimodal.balancing.readouts.outputs import TaskOutputs, of_task
from equimodal.balancing.readouts.readout import require_logits_name
from equimodal.balancing.task.task import Task
from equimodal.checks import plain_number, require, require_known, require_number
from equimodal.errors import BalanceError, quoted
from equimodal.numerics.explained import summable


class Tasks(Task):
    r"""Several tasks of one model, whose losses are summed with weights.

    .. math:: L = \sum_t w_t L_t

    The output holds each task's logits under its name, and ``loss(output, target)`` takes a
    mapping, ``{"emotion": labels, "age": numbers}``. Information is summed with the same weights,
    scores and purities are averaged with them: our own extension of the papers' formulas.

    Args:
        tasks: name -> ``Classification()``, ``MultiLabel()`` or ``Regression()``.
        weights: name -> weight of its loss, > 0; 1 for those that are left out.
        logits: name -> name or position of its logits in the output, where that is not its name.

    Raises:
        BalanceError: fewer than two tasks, or a name that is none of them.

    Example::

        balancer = Balancer(model, AMSS(), encoders,
                            {"emotion": LinearSplit("emotion_head"), "age": Ablation("mean")},
                            task=Tasks({"emotion": Classification(), "age": Regression()}))
        loss = balancer.loss(model(audio, video), {"emotion": labels, "age": numbers})
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        *,
        weights: Mapping[str, float] | None = None,
        logits: Mapping[str, str | int] | None = None,
    ) -> None:
        sound = isinstance(tasks, Mapping) and len(tasks) > 1
        what = "Tasks takes two or more tasks by name, {'emotion': Classification(), ...}"
        require(sound and all(isinstance(t, Task) for t in tasks.values()), what, tasks)
        require(not any(isinstance(t, Tasks) for t in tasks.values()), what, tasks)
        for argument, given in {"weights": weights, "logits": logits}.items():
            rule = f"Tasks {argument} must be a mapping by task, {{{next(iter(tasks))!r}: ...}}"
            require(given is None or isinstance(given, Mapping), rule, given)
            for name in given or {}:
                require_known("task", name, tasks)
        self.tasks = dict(tasks)
        self.weights = dict.fromkeys(tasks, 1.0)
        for name, weight in (weights or {}).items():
            given_weight = plain_number(weight)
            self.weights[name] = require_number(f"The weight of {name!r}", given_weight, above=0)
        for name, place in (logits or {}).items():
            require_logits_name(f"Tasks(..., logits={{{name!r}: ...}})", place)
        self.outputs = TaskOutputs({name: name for name in tasks} | dict(logits or {}))
        self.name = f"several tasks ({', '.join(f'{n}: {t.name}' for n, t in tasks.items())})"
        self.lacks = frozenset({"classes", "likelihood"}).union(*(t.lacks for t in tasks.values()))
        self.whole_numbers = any(t.whole_numbers for t in tasks.values())
        self._forms: dict[str, tuple[int, int, torch.dtype]] = {}
        self._sizes: dict[str, list[int]] = {}

    def packed(self, target: Any) -> Any:
        """Targets by task in one tensor; those of each modality where they are told by modality.

        {t: (N, ...)} -> (N, columns of all)
        """
        named = isinstance(target, Mapping)
        if named and target and all(isinstance(y, Mapping) for y in target.values()):
            return {m: self.packed(y) for m, y in target.items()}
        self._require_named(target)
        columns = []
        for name, task in self.tasks.items():
            given = target[name]
            rule = f"The target of {name!r} must be a tensor (N,) or (N, C), without tokens"
            require(isinstance(given, Tensor) and given.ndim in (1, 2), rule, given)
            own = task.prepared(given)
            flat = own.reshape(len(own), -1)
            self._forms[name] = (flat.shape[1], own.ndim, own.dtype)
            columns.append(summable(flat))
        if len({len(c) for c in columns}) > 1:
            raise BalanceError(
                "The targets of all tasks must be of the same samples; found "
                f"{ {n: len(c) for n, c in zip(self.tasks, columns, strict=True)} }."
            )
        return torch.cat(columns, 1)

    def _require_named(self, target: Any) -> None:
        """Refuse what is no target for each task and none besides. Raises BalanceError."""
        named, names = isinstance(target, Mapping), list(self.tasks)
        if named and set(target) == set(names):
            return
        missing = [n for n in names if named and n not in target]
        extra = [n for n in target if n not in names] if named else []
        raise BalanceError(
            f"The target of several tasks is a mapping with {names}; found "
            f"{quoted(list(target) if named else type(target).__name__)}."
            + (f" Add {quoted(missing)}." if missing else "")
            + (f" Leave out {quoted(extra)}." if extra else "")
            + ("" if named else f" Write loss(output, {{{names[0]!r}: ..., {names[1]!r}: ...}}).")
        )

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Weighted sum of the tasks' losses. -> ()"""
        own = self._pairs(logits, target)
        losses = []
        for name, task in self.tasks.items():
            with of_task(name):
                losses.append(self._weighted(name, task.loss(*own[name])))
        return sum(losses[1:], start=losses[0])

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Check each task's logits and target. Raises BalanceError, which names the task."""
        own = self._pairs(logits, target)
        for name, task in self.tasks.items():
            with of_task(name):
                task.check(*own[name])

    def counted(self, logits: Tensor, target: Tensor) -> Tensor | None:
        """All samples, where a task may ignore some; None where none does."""
        own = self._pairs(logits, target)
        some = any(t.counted(*own[n]) is not None for n, t in self.tasks.items())
        return torch.ones(len(target), dtype=torch.bool, device=target.device) if some else None

    def score_sums(self, logits: Tensor, target: Tensor) -> Tensor:
        """Those of all tasks, one after the other. -> (S,)"""
        own = self._pairs(logits, target)
        return self._joined("score", lambda n: self.tasks[n].score_sums(*own[n]))

    def mean_score(self, sums: Tensor) -> Tensor:
        """Mean of the tasks' scores, by their weights. (M, S) -> (M,)"""
        own = self._split("score", sums)
        each = [self._weighted(n, t.mean_score(own[n])) for n, t in self.tasks.items()]
        return torch.stack(each).sum(0) / sum(self.weights.values())

    def information_sums(self, logits: Tensor, target: Tensor) -> Tensor:
        """Those of all tasks, one after the other. -> (S,)"""
        own = self._pairs(logits, target)
        return self._joined("information", lambda n: self.tasks[n].information_sums(*own[n]))

    def information(self, counts: Tensor, sums: Tensor) -> Tensor:
        """Weighted sum of the tasks' information, in nats. (S,), (M, S) -> (M,)"""
        own, known = self._split("information", sums), self._split("labels", counts)
        each = [self._weighted(n, t.information(known[n], own[n])) for n, t in self.tasks.items()]
        return torch.stack(each).sum(0)

    def label_counts(self, target: Tensor, outputs: int) -> Tensor:
        """Those of all tasks, one after the other. -> (S,)"""
        own, widths = self._targets(target), self.outputs.widths
        return self._joined("labels", lambda n: self.tasks[n].label_counts(own[n], widths[n]))

    def purity(self, features: Tensor, target: Tensor, most: int) -> float | None:
        """Mean of the tasks' purities, by their weights; None where the features collapsed."""
        own, total = self._targets(target), 0.0
        for name, task in self.tasks.items():
            found = task.purity(features, own[name], most)
            if found is None:
                return None
            total += self.weights[name] * found
        return total / sum(self.weights.values())

    def _weighted(self, name: str, value: Tensor) -> Tensor:
        weight = self.weights[name]
        return value if weight == 1 else weight * value

    def _targets(self, target: Tensor) -> dict[str, Tensor]:
        """Targets by task as they were given. (N, columns of all) -> {t: (N, ...)}"""
        parts = torch.split(target, [width for width, _, _ in self._forms.values()], dim=1)
        found = {}
        for (name, (_, axes, kind)), part in zip(self._forms.items(), parts, strict=True):
            found[name] = (part[:, 0] if axes == 1 else part).to(kind)
        return found

    def _pairs(self, logits: Tensor, target: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        own, truth = self.outputs.split(logits), self._targets(target)
        return {name: (own[name], truth[name]) for name in self.tasks}

    def _joined(self, kind: str, of: Callable[[str], Tensor]) -> Tensor:
        parts = [of(name) for name in self.tasks]
        self._sizes[kind] = [len(p) for p in parts]
        return torch.cat(parts)

    def _split(self, kind: str, joined: Tensor) -> dict[str, Tensor]:
        parts = torch.split(joined, self._sizes[kind], dim=-1)
        return dict(zip(self.tasks, parts, strict=True))
