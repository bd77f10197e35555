"""Forward passes of a model, and which of them made an output.

A pass belongs to the nodes of the autograd graph that made its output, so that it is found behind
whatever was done with the output since, and is forgotten with the last tensor that comes of it.
"""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from equimodal.errors import BalanceError
from equimodal.parts.outputs import tensors_in
from equimodal.parts.recording.forward_pass import Pass
from equimodal.parts.recording.graph import behind, graph, metadata, moves_rows

_HELD = 2


class _Token:
    """Lives as long as the node of the autograd graph that holds it."""

    __slots__ = ("__weakref__",)


class Passes:
    """The forward passes whose loss may still come."""

    def __init__(self) -> None:
        self._key = object()
        self._alive: WeakKeyDictionary[_Token, Pass] = WeakKeyDictionary()
        self._held: list[Pass] = []
        self._latest, self._plain = Pass(), Pass()
        self._loose = Pass()
        self.loose_plain = Pass()
        """Encoders that ran without gradients, and outside the model's own forward."""
        self._plain_count = 0

    def __reduce__(self) -> Any:
        """A copy knows no pass."""
        return Passes, ()

    def opened(self, call: tuple[tuple[Any, ...], dict[str, Any]]) -> Pass:
        """A new pass. Compiled code runs it as well, and may write here but not read."""
        new = Pass(call)
        if not torch.is_grad_enabled():
            self._plain = new
            if not torch.compiler.is_compiling():
                self._plain_count += 1
                if not self._latest.held:
                    self._latest = Pass()  # its output keeps it, if it is still there
            return new
        if torch.compiler.is_compiling():
            self._latest.previous = None
            new.previous = self._latest
        else:
            self._held = self._strong()[-_HELD:]
        self._latest = new
        return new

    def closed(self, done: Pass, output: Any) -> None:
        """The pass is over and gave ``output``."""
        if torch.compiler.is_compiling():
            done.held = True  # to touch the output here would compile this function for it
            return
        if not torch.is_grad_enabled():
            done.output = output
            return
        own = {v.grad_fn for values in done.values.values() for v in values}
        nodes = [t.grad_fn for t in tensors_in(output) if t.grad_fn not in own]
        fresh = [n for n in nodes if n is not None and self._key not in metadata(n)]
        if not fresh:
            done.output, done.held = output, True
            return
        token = _Token()
        self._alive[token] = done
        for node in fresh:
            metadata(node)[self._key] = token

    def loose(self) -> Pass:
        """Where features go that an encoder gives outside the model's own forward."""
        return self._loose if torch.is_grad_enabled() else self.loose_plain

    def latest(self) -> Pass:
        """The latest pass in this mode, with or without gradients."""
        if torch.is_grad_enabled():
            inside, outside = self._latest, self._loose
        else:
            inside, outside = self._plain, self.loose_plain
        return inside if inside.values or not outside.values else outside

    def behind(self, output: Any, logits: Tensor | None) -> Pass | None:
        """The pass that made ``output``; None where there is none, or its loss was taken.

        Raises:
            BalanceError: two could be meant.
        """
        given = tensors_in(output)
        if not torch.is_grad_enabled():
            return self._plain_behind(given)
        roots = [logits] if logits is not None else given
        strong = [*self._strong(), self._plain]
        found = self._reached(roots, _by_node(strong))
        if not found:
            found = [p for p in strong if p.output is not None and _same(p.output, output, given)]
        if len(found) > 1:
            raise BalanceError(
                f"The output given to loss() comes of {len(found)} forward passes of the model, "
                "and its features could be those of either: call loss() once for the output of "
                "each, and sum the losses."
            )
        if found:
            return found[0]
        return self._unlinked(roots, strong)

    def forget(self, done: Pass) -> None:
        """Its loss was taken."""
        for token in [t for t, p in self._alive.items() if p is done]:
            del self._alive[token]
        self._held = [p for p in self._strong() if p is not done and p is not self._latest]
        self._latest.previous = None
        if done is self._latest:
            self._latest = Pass()
        if done is self._plain:
            self._plain = Pass()
        if torch.is_grad_enabled():
            self._loose = Pass()
        else:
            self.loose_plain, self._plain_count = Pass(), 0

    def _strong(self) -> list[Pass]:
        """Passes that are held by their output, oldest first."""
        recent = [self._latest.previous, self._latest]
        held = [p for p in self._held if all(p is not q for q in recent)]
        return [*held, *(p for p in recent if p is not None and p.held)]

    def _reached(self, roots: list[Tensor], by_node: Mapping[Any, Pass]) -> list[Pass]:
        """Passes whose outputs the roots were made of; one whose loss was taken is an empty one."""
        found: dict[int, Pass] = {}
        between: list[Any] = []

        def made_by(node: Any) -> Pass | None:
            token = metadata(node).get(self._key)
            return by_node.get(node) if token is None else self._alive.get(token, _TAKEN)

        for node in graph(roots, until=made_by):
            made = made_by(node)
            if made is not None:
                found[id(made)] = made
            else:
                between.append(node)
        for node in filter(moves_rows, between if found else ()):
            if any(made_by(n) for n in behind([node], until=made_by)):
                raise BalanceError(
                    "The rows of the output were chosen or put in another order between the model "
                    f"and loss() ({node.name()}), and its features would meet the labels of other "
                    "samples: give loss() the output as the model gave it, with its labels."
                )
        return list(found.values())

    def _unlinked(self, roots: list[Tensor], strong: list[Pass]) -> Pass | None:
        """The pass of an output without a graph that leads to one."""
        loose = self._loose
        if any(t.grad_fn is not None for t in roots):
            if loose.values and (not loose.again or _all_behind(loose, roots)):
                return loose
            if loose.values:
                raise BalanceError(
                    "The encoders were called again, outside the model's forward, between the "
                    "output and its loss(): call loss() first, or give Balancer a module whose "
                    "forward calls the encoders."
                )
            # Compiled code keeps no output, and where no encoder learns features lead nowhere.
            cut = [p for p in strong if p.held and p.output is None and _without_graph(p)]
            return cut[0] if len(cut) == 1 else None
        if not roots:  # of an output without a tensor, whose loss reads features with gradients
            strong = [p for p in strong if p is not self._plain]
        live = [p for p in (*self._alive.values(), *strong, loose) if p.values]
        live = list({id(p): p for p in live}.values())
        if len(live) > 1:
            raise BalanceError(
                f"loss() found {len(live)} forward passes of the model that could have made this "
                "output, which carries no gradient: give loss() the output as the model gave it."
            )
        return live[0] if live else None

    def _plain_behind(self, given: list[Tensor]) -> Pass:
        """The pass without gradients that made the tensors."""
        if not self._plain.values and self.loose_plain.values:
            return self.loose_plain
        if self._plain_count > 1 and not _same(self._plain.output, None, given):
            raise BalanceError(
                f"The model ran {self._plain_count} times for one batch, so that its features "
                "could be those of either: let forward(model, batch) call it once, and last what "
                "gives the output."
            )
        return self._plain


_TAKEN = Pass()


def _by_node(held: list[Pass]) -> dict[Any, Pass]:
    """Node of the graph -> the pass that made it, with its features or its output."""
    found = {}
    for one in held:
        made = [*tensors_in(one.output), *(t for values in one.values.values() for t in values)]
        found.update({t.grad_fn: one for t in made if t.grad_fn is not None})
    return found


def _same(output: Any, other: Any, tensors: list[Tensor]) -> bool:
    """Whether an output is another one, or holds one of its tensors."""
    if output is not None and output is other:
        return True
    mine = {id(t) for t in tensors_in(output)}
    return any(id(t) in mine for t in tensors)


def _without_graph(one: Pass) -> bool:
    """Whether it has features, and none that carry gradient."""
    values = [v for values in one.values.values() for v in values]
    return bool(values) and all(v.grad_fn is None for v in values)


def _all_behind(loose: Pass, roots: list[Tensor]) -> bool:
    """Whether the graph of the roots leads to all features of a pass."""
    values = [v for values in loose.values.values() for v in values]
    wanted = {v.grad_fn for v in values if v.grad_fn is not None}
    return wanted <= {*graph(roots, until=lambda _: None)}
