"""The arguments of a balancer, checked before training starts."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping

from torch import nn
from torch.nn.parameter import is_lazy

from equimodal.balancing.method import Method
from equimodal.balancing.readouts import Readout, SharedHead
from equimodal.balancing.requirements.objectives import OBJECTIVES
from equimodal.balancing.task import Task, Tasks
from equimodal.balancing.windows import STEPS
from equimodal.checks import (
    plain_number,
    require,
    require_choice,
    require_modality_names,
    require_number,
    require_whole,
)
from equimodal.errors import BalanceError, quoted
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.selection import Encoder
from equimodal.parts.sharding import is_sharded


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
    _require_kind(
        "task", task, Task, "Classification(), MultiLabel(), Regression() or Tasks({...})"
    )
    named = "a mapping by modality, such as {'audio': 'audio_net', 'video': 'video_net'}"
    _require_kind("encoders", encoders, Mapping, named)
    assert isinstance(encoders, Mapping) and isinstance(model, nn.Module)
    lazy = [name for name, p in model.named_parameters() if is_lazy(p)]
    require(not lazy, "Lazy layers have no weights yet: run model(...) on a batch before", lazy)
    require_modality_names(encoders)
    for m, given in encoders.items():
        what = "the name of a module, the module, a regular expression or Encoder(...)"
        _require_kind(f"encoders[{m!r}]", given, (str, nn.Module, Encoder), what)
    if readout is not None:
        what = (
            "LinearSplit(...), Ablation(...), InputAblation(...), AuxiliaryHeads(...), "
            "OutputLogits(...), or of a class of your own derived from "
            "equimodal.balancing.readouts.Readout"
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
    raise BalanceError(f"{name} must be {what}; found {quoted(value)}.{hint}")


def whole(name: str, value: object, low: float = -math.inf) -> int:
    """A whole number, NumPy's included. Raises BalanceError."""
    return require_whole(name, plain_number(value), low=low)


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
    teachers: object,
    log_every: int | None,
    diagnose: int | None,
    steps: str,
) -> None:
    """Refuse what cannot work together, by name. Raises BalanceError."""
    name = type(method).__name__
    require_choice("objective", objective, OBJECTIVES)
    require_choice("steps", steps, STEPS)
    _check_place(method, on)
    for argument, value in {"log_every": log_every, "diagnose": diagnose}.items():
        if value is not None:
            require_number(argument, value, low=1, whole=True)
    require_suited(method, task)
    _check_readout(method, readout, task, objective)
    if "teachers" in method.needs and teachers is None:
        raise BalanceError(
            f"{name} learns from encoders that were trained before, one for each modality; pass "
            "teachers={'audio': audio_teacher, ...}, or (encoder, head) each."
        )
    for split in ("train", "val"):
        if f"{split}_loader" in method.needs and split not in loaders:
            raise BalanceError(
                f"{name} reads the {split} set; found loaders for {sorted(loaders)}. Pass "
                "loaders={'train': ..., 'val': ...}."
            )


def _check_readout(method: Method, readout: Readout | None, task: Task, objective: str) -> None:
    """Refuse a readout that does not give what is read of it. Raises BalanceError."""
    name = type(method).__name__
    if method.brings_heads:
        what = f"{name} reads unimodal logits off heads that it trains itself: leave readout out"
        require(readout is None, what, readout)
        return
    if needs_readout(method, objective) and readout is None:
        raise BalanceError(
            f"{name} with objective {objective!r} needs unimodal logits; pass "
            "readout=LinearSplit(...), Ablation(...), InputAblation(...), AuxiliaryHeads(...) or "
            "OutputLogits(...)."
        )
    if "shared_head" in method.needs and not isinstance(readout, SharedHead):
        raise BalanceError(
            f"{name} trains one head that all modalities share; pass readout=SharedHead('name of "
            "the head'), a layer that takes the features of each."
        )
    if "head_weights" in method.needs and not _reads_blocks(readout):
        raise BalanceError(
            f"{name} reads the part of a linear head that belongs to each modality; pass "
            "readout=LinearSplit(...), or leave that part of the method out."
        )
    if needs_readout(method, objective) and (found := summed_numbers(task, readout)):
        raise BalanceError(
            f"{name} with objective {objective!r} asks every modality for the whole number, and "
            f"the parts of {found} sum to it, so that none is all of it; use a readout whose parts "
            "do not sum, such as Ablation('mean')."
        )
    if objective != "fused" and (found := without_gradient(task, readout)):
        raise BalanceError(
            f"{name} with objective {objective!r} back-propagates unimodal losses, which do not "
            f"reach the encoders through {found}; pass LinearSplit(...) or Ablation(...)."
        )
    if isinstance(readout, nn.Module) and readout.differentiable and objective == "fused":
        raise BalanceError(
            f"{type(readout).__name__} on attached features is trained by unimodal losses, which "
            f"{name} with objective 'fused' has not; pass objective='fused+unimodal', or leave "
            "attached out, so that the heads are probes."
        )


def _reads_blocks(readout: Readout | None) -> bool:
    """Whether the parts of a readout are products with the fused head's own weights."""
    offers = readout is not None and type(readout).weights is not Readout.weights
    return offers and readout is not None and readout.additive


def require_suited(method: Method, task: Task) -> None:
    """Refuse a task for which the method has no meaning. Raises BalanceError."""
    if reason := method.unsuited(task):
        raise BalanceError(
            f"{type(method).__name__} does not work for {task.name}: {reason}. Use another method; "
            "this one takes Classification() with one integer label a sample, and a logit of each "
            "class."
        )


def summed_numbers(task: Task, readout: Readout | None) -> str:
    """The readout of which a modality's own number would be a part of a sum, for a message."""
    return _first_readout(task, readout, lambda t, r: t.whole_numbers and r.additive)


def without_gradient(task: Task, readout: Readout | None) -> str:
    """The readout whose losses reach no encoder, for a message; empty where all do."""
    return _first_readout(task, readout, lambda _, r: not r.differentiable)


def _first_readout(
    task: Task, readout: Readout | None, odd: Callable[[Task, Readout], bool]
) -> str:
    """The first readout that is odd, with its task where there are several; empty for none."""
    if readout is None:
        return ""
    if not isinstance(task, Tasks):
        return readout.kind if odd(task, readout) else ""
    for name, one in task.tasks.items():
        if odd(one, own := readout.of(name)):
            return f"{own.title}, the readout of the task {name!r},"
    return ""


def _check_place(method: Method, on: str) -> None:
    """Refuse a place at which the method's factors mean nothing. Raises BalanceError."""
    name = type(method).__name__
    require_choice("on", on, ("gradient", "update"))
    if method.on not in (None, on):
        raise BalanceError(
            f"{name} acts on the {method.on}, as its rule asks for; found on={on!r}. Leave it out."
        )
    if method.rewrites and on == "update":
        raise BalanceError(
            f"{name} writes gradients of its own, which are no factor on an update; leave out "
            'on="update".'
        )


def check_modules(method: Method, modalities: ModalityMap) -> None:
    """Refuse a method that reads features where a modality has no module, and one that writes
    gradients where they are in shards. Raises BalanceError."""
    reads = method.rewrites or method.single_losses
    if reads and any(map(is_sharded, modalities.model.parameters())):
        raise BalanceError(
            f"{type(method).__name__} reads gradients of single losses, which FSDP2 does not give; "
            "use DistributedDataParallel."
        )
    absent = [m for m, module in modalities.modules.items() if module is None]
    if absent and method.has_stage("turn"):
        raise BalanceError(
            f"{type(method).__name__} trains encoders in turn and cuts what they give, and "
            f"{absent} are named by parameters only. Name an encoder module for each, or "
            "Encoder(..., features='module')."
        )
    if absent and "features" in method.needs:
        raise BalanceError(
            f"{type(method).__name__} needs the features of {absent}, which are named by "
            "parameters only. Name an encoder module for each, or Encoder(..., features='module')."
        )
