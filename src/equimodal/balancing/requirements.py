"""What a method needs of a balancer, checked before training starts."""

import math
from collections.abc import Collection, Iterator, Mapping
from numbers import Integral

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from equimodal.balancing.method import Method
from equimodal.balancing.readouts import Readout
from equimodal.balancing.task import Regression, Task
from equimodal.checks import (
    require,
    require_choice,
    require_modality_names,
    require_number,
    require_whole,
)
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.selection import Encoder

_USED = "_balanced"
_NO_GRADIENT = (
    "before_step() found no gradient in any encoder: call it after loss.backward() and before "
    "optimizer.zero_grad()."
)
OBJECTIVES = ("fused", "fused+unimodal")


def check_kinds(
    model: object,
    *,
    method: object,
    encoders: object,
    readout: object,
    task: object,
    loaders: object,
    forward: object,
    log: object,
) -> None:
    """Refuse arguments that are of another kind than what is asked for. Raises BalanceError."""
    _require_kind("model", model, nn.Module, "a torch.nn.Module")
    _require_kind("method", method, Method, "a method, made by methods.create(name)")
    _require_kind("task", task, Task, "Classification(), MultiLabel() or Regression()")
    named = "a mapping by modality, such as {'audio': 'audio_net', 'video': 'video_net'}"
    _require_kind("encoders", encoders, Mapping, named)
    assert isinstance(encoders, Mapping) and isinstance(model, nn.Module)
    lazy = [name for name, p in model.named_parameters() if is_lazy(p)]
    require(not lazy, "Lazy layers have no weights yet: run model(...) on a batch before", lazy)
    require_modality_names(encoders)
    for m, given in encoders.items():
        where = given.where if isinstance(given, Encoder) else given
        what = "the name of a module, the module, a regular expression or Encoder(...)"
        _require_kind(f"encoders[{m!r}]", where, (str, nn.Module), what)
    if readout is not None:
        what = (
            "LinearSplit(...), Ablation(...), InputAblation(...), AuxiliaryHeads(...), or of a "
            "class of your own derived from equimodal.balancing.readouts.Readout"
        )
        _require_kind("readout", readout, Readout, what)
    splits = "a mapping, {'train': loader, 'val': loader}"
    _require_kind("loaders", loaders, Mapping, splits)
    assert isinstance(loaders, Mapping)
    for split, loader in loaders.items():
        again = hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")
        again = again and not isinstance(loader, (Iterator, str, Mapping))
        what = "iterable again and again: pass a DataLoader or a list, not a generator"
        require(again, f"loaders[{split!r}] must be {what}", loader)
    require(callable(forward), "forward must be a function of model and batch", forward)
    require(log is None or callable(log), "log must be a function of values and step", log)


def _require_kind(name: str, value: object, kinds: type | tuple[type, ...], what: str) -> None:
    """A value of its kind; where the class itself was given, say so."""
    if isinstance(value, kinds):
        return
    made = isinstance(value, type) and issubclass(value, kinds)
    hint = f" Write {value.__name__}(...)." if made and isinstance(value, type) else ""
    raise BalanceError(f"{name} must be {what}; found {_short(value)}.{hint}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def whole(name: str, value: object, low: float = -math.inf) -> int:
    """A whole number, NumPy's included. Raises BalanceError."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        value = int(value)
    return require_whole(name, value, low=low)


def needs_readout(method: Method, objective: str) -> bool:
    """Whether unimodal logits are read, by the method or by the objective."""
    return "unimodal_logits" in method.needs or objective != "fused"


def check_arguments(
    method: Method,
    *,
    task: Task,
    objective: str,
    on: str,
    readout: Readout | None,
    loaders: Collection[str],
    log_every: int | None,
    diagnose: int | None,
) -> None:
    """Refuse what cannot work together, by name. Raises BalanceError."""
    name = type(method).__name__
    require_choice("objective", objective, OBJECTIVES)
    require_choice("on", on, ("gradient", "update"))
    for argument, value in {"log_every": log_every, "diagnose": diagnose}.items():
        if value is not None:
            require_number(argument, value, low=1, whole=True)
    if needs_readout(method, objective) and readout is None:
        raise BalanceError(
            f"{name} with objective {objective!r} needs unimodal logits; pass "
            "readout=LinearSplit(...), Ablation(...), InputAblation(...) or AuxiliaryHeads(...)."
        )
    if reason := method.unsuited(task):
        raise BalanceError(f"{name} does not work for {task.name}: {reason}.")
    if objective != "fused" and isinstance(task, Regression) and readout and readout.additive:
        raise BalanceError(
            f"objective {objective!r} asks every modality for the whole number, and the parts of "
            f"{type(readout).__name__} sum to it, so that no weights serve both; use "
            "objective='fused', or a readout whose parts do not sum, such as Ablation('mean')."
        )
    if objective != "fused" and readout and not readout.differentiable:
        raise BalanceError(
            f"{name} with objective {objective!r} back-propagates unimodal losses, which do not "
            f"reach the encoders through {type(readout).__name__}; pass LinearSplit(...) or "
            "Ablation(...)."
        )
    for split in ("train", "val"):
        if f"{split}_loader" in method.needs and split not in loaders:
            raise BalanceError(
                f"{name} reads the {split} set; found loaders for {sorted(loaders)}. Pass "
                "loaders={'train': ..., 'val': ...}."
            )


def check_training(
    method: Method, on: str, optimizers: Collection[object], epochs: int | None
) -> None:
    """Refuse the first loss without what the method needs and may get after it was made: the
    planned epochs, and optimizers. Raises BalanceError."""
    if "epochs" in method.needs and epochs is None:
        raise BalanceError(
            f"{type(method).__name__} acts at shares of the training, and how long it is is not "
            "known: pass epochs=... to Balancer, or give every=... epochs to the method."
        )
    if optimizers or not (on == "update" or "optimizers" in method.needs):
        return
    name = type(method).__name__
    reason = (
        f"on='update' applies the decisions of {name} to the optimizer's update"
        if on == "update"
        else f"{name} resets the state of an optimizer"
    )
    raise BalanceError(
        f"{reason}; found no optimizer. Pass optimizers=[...], or call balancer.attach(optimizer) "
        "where it is made later."
    )


def check_modules(method: Method, modalities: ModalityMap) -> None:
    """Refuse a method that reads features where a modality has no module. Raises BalanceError."""
    absent = [m for m, module in modalities.modules.items() if module is None]
    if absent and "features" in method.needs:
        raise BalanceError(
            f"{type(method).__name__} needs the features of {absent}, which are named by "
            "parameters only. Name an encoder module for each."
        )


def refuse_used(method: Method) -> None:
    """Refuse a method that another balancer was made with. Raises BalanceError."""
    for part in (method, *getattr(method, "parts", ())):
        if part.__dict__.get(_USED):
            raise BalanceError(
                f"This {type(part).__name__} was given to another balancer and keeps what it "
                f"learned there: make a new one for every balancer, {part!r}; where a training "
                "goes on, load_state_dict(...) of the new balancer takes the state over."
            )


def claim(method: Method) -> None:
    """A balancer was made with the method, which serves no other one."""
    for part in (method, *getattr(method, "parts", ())):
        part.__dict__[_USED] = True


class KnownParameters:
    """The parameters that the encoders had when the balancer was made.

    Args:
        method: the method; what it does not touch may come and go.
        modalities: the encoders.
    """

    def __init__(self, method: Method, modalities: ModalityMap) -> None:
        self._modalities = modalities
        self._edits = method.edits_gradients()
        self._acts = self._edits or method.has_stage("on_epoch_end")
        self._seen: tuple[int, ...] = ()

    def check(self, *, gradients: bool) -> None:
        """Refuse parameters that were replaced or put in since, or that have no ``gradients``
        where a method edits them. Raises BalanceError."""
        if self._edits and not gradients:
            raise BalanceError(_NO_GRADIENT)
        now = self._modalities.held()
        if now == self._seen:
            return
        self._refuse_replaced()
        late = self._modalities.late() if self._acts else {}
        if late:
            m, name = next(iter(late.items()))
            raise BalanceError(
                f"The encoder of {m!r} has trained parameters that were put in after the balancer "
                f"was made, such as {name!r}, which the method does not know: put adapters and "
                "other layers in first and make the balancer afterwards; call detach() on this one."
            )
        if self._edits and not self._seen and not self._any_gradient():
            raise BalanceError(_NO_GRADIENT)
        self._seen = now

    def _refuse_replaced(self) -> None:
        gone = self._modalities.replaced()
        if gone:
            raise BalanceError(
                f"{len(gone)} parameters of the encoders, such as {gone[0]!r}, were replaced after "
                "the balancer was made, as fully_shard() does: make the balancer afterwards. Where "
                "it was, let the model's forward return the features whose losses are trained, so "
                "that FSDP2 sees the backward pass."
            )

    def _any_gradient(self) -> bool:
        modalities = self._modalities
        own = (p for m in modalities.names for p in modalities.parameters(m).values())
        return any(p.grad is not None for p in own)


def check_features(
    features: Mapping[str, Tensor],
    modalities: ModalityMap,
    rows: Mapping[str, Tensor] | None,
    *,
    trained: bool,
) -> None:
    """Refuse a loss without a forward pass through every encoder. Raises BalanceError.

    ``trained``: unimodal losses must reach the encoders through their features.
    """
    for m, module in modalities.modules.items():
        if module is None or (rows is not None and not len(rows[m])):
            continue
        if m not in features:
            if modalities.record.copies_ran:
                raise BalanceError(
                    "Copies of the model's modules ran, as nn.DataParallel makes them, and the "
                    "balancer does not see their features; use DistributedDataParallel, one "
                    "process a GPU, and give loss() outputs of the balancer's own model."
                )
            raise BalanceError(
                f"No forward pass through the encoder of {m!r} since the last loss(): call "
                "model(...) before every loss(), give loss() what the model gave, make the "
                "balancer before the first compiled call, and tell missing modalities by "
                "loss(..., present=...)."
            )
        if trained and not features[m].requires_grad and modalities.trained(m):
            raise BalanceError(
                f"The features of {m!r} carry no gradient, so that its own loss cannot reach its "
                "encoder: found an encoder that runs without gradient. Remove torch.no_grad() "
                "or .detach(), or write checkpoint(..., use_reentrant=False)."
            )
