"""What a method costs, needs and takes, found out by training with it and by leaving things out."""

from collections import Counter

import torch

from contract import fusions
from contract.heads import own_head
from contract.training import hold_all, quick, taught_by
from equimodal import (
    Ablation,
    BalanceError,
    Balancer,
    Classification,
    InputAblation,
    LinearSplit,
    MultiLabel,
    Regression,
    Tasks,
    methods,
)
from equimodal.balancing.readouts import Readout
from equimodal.balancing.requirements.targets import require_form
from equimodal.data import MultimodalDataset
from equimodal.methods.facts import COSTS, NEEDS, in_order

ENCODERS = {"audio": "audio_net", "video": "video_net"}
PARAMETERS = {"audio": r"audio_net\..*", "video": r"video_net\..*"}
LABELS = torch.tensor([0, 2, 1, 0])
NUMBERS = torch.zeros(4, 3)


def targets():
    """Task, logits and target of every kind."""
    one, tokens = torch.randn(4, 3), torch.randn(4, 5, 3)
    several = Tasks({"one": Classification(), "other": Classification()})
    return {
        "classes": (Classification(), one, LABELS),
        "soft targets": (Classification(), one, one.softmax(1)),
        "one logit": (Classification(), one[:, :1], LABELS.clamp_max(1)),
        "tokens": (Classification(), tokens, torch.zeros(4, 5, dtype=torch.long)),
        "ignored labels": (Classification(ignore_index=-100), one, LABELS),
        "several labels": (MultiLabel(), one, torch.ones(4, 3)),
        "numbers": (Regression(), NUMBERS, NUMBERS),
        "several tasks": (several, None, None),
    }


def taken(name):
    """The kinds of targets that a method does not refuse."""
    method = methods.create(name)

    def takes(task, logits, target):
        if method.unsuited(task):
            return False
        try:
            if logits is not None:
                require_form(method, task, logits, target)
        except BalanceError:
            return False
        return True

    return tuple(kind for kind, given in targets().items() if takes(*given))


def blank(modality, audio, video):
    return ((audio * 0, video) if modality == "audio" else (audio, video * 0)), {}


def bound(name, *, first=True, **changes):
    """A balancer with all that a method may need, but for the changes; its ``first`` loss."""
    net = fusions.built(fusions.Concatenation)
    readout, held = own_head(name, net, "fc"), changes.pop("held", True)
    data = [fusions.batch()]
    given = {
        "encoders": ENCODERS, "readout": readout, "loaders": {"train": data, "val": data},
        "optimizers": [torch.optim.SGD(net.parameters(), lr=0.01)], "epochs": 8,
        **taught_by(name, fusions.built(fusions.Concatenation), ENCODERS, settings={}),
    } | changes  # fmt: skip
    balancer = Balancer(
        net, methods.create(name), given.pop("encoders"), given.pop("readout"),
        forward=lambda model, batch: (model(*batch[:2]), batch[2]), **given,
    )  # fmt: skip
    for optimizer in given["optimizers"] if held else ():
        hold_all(optimizer, balancer)
    if first:
        inputs, labels = next(batches(balancer))
        balancer.loss(net(*inputs), labels)
    return balancer


def batches(balancer):
    """Batches of an epoch, as a method asks for them: pairs of three times 24 rows, or its own."""
    method, (audio, video, labels) = balancer.setting.method, fusions.batch()
    if not method.own_batches and method.repeats(2) == 1:
        yield from 3 * [((audio, video), labels)]
        return
    rows = MultimodalDataset({"audio": audio, "video": video}, labels)
    for inputs, target in balancer.batches(rows, batch_size=8):
        yield (inputs["audio"], inputs["video"]), target


class OwnLogits(Readout):
    """Stands for any readout that gradients pass and that needs no module."""


WITHOUT = {
    "readout": {"readout": None},
    "differentiable readout": {"readout": InputAblation(blank)},
    "train loader": {"loaders": {"val": [fusions.batch()]}},
    "val loader": {"loaders": {"train": [fusions.batch()]}},
    "optimizers": {"optimizers": ()},
    "epochs": {"epochs": None},
    "own networks": {"held": False},
    "teachers": {"teachers": None},
}


def refused(name, **changes):
    """What it is refused for; empty where it is not."""
    try:
        bound(name, **changes)
    except BalanceError as error:
        return str(error)
    return ""


def needed(name):
    """What a method is refused without, in the order of `NEEDS`."""
    entry = methods.entry(name)
    assert not refused(name)
    found = {need for need, changes in WITHOUT.items() if refused(name, **changes)}
    # Teachers of nobody are refused by every method.
    found -= set() if "teachers" in methods.create(name).needs else {"teachers"}
    brings = methods.load(name).brings_heads
    found -= {"readout", "differentiable readout"} if brings else set()
    if not entry.fusion and not brings and refused(name, readout=Ablation("zero")):
        found = found - {"differentiable readout"} | {"linear head"}
    if found & {"differentiable readout", "linear head"}:
        found -= {"readout"}
    found -= {"optimizers"} if "own networks" in found else set()  # which one of them is to hold
    method = methods.create(name)
    found |= {"own batches"} if method.own_batches or method.repeats(2) > 1 else set()
    readout = LinearSplit("fc") if "linear head" in found else None if brings else OwnLogits()
    told = refused(name, first=False, encoders=PARAMETERS, readout=readout)
    said = ("needs the features of", "cuts what they give", "must be one module")
    if any(words in told for words in said):
        found.add("encoder modules")
    found |= {"own head"} if entry.fusion else set()
    return in_order(found, NEEDS)


class Counted:
    """A training of a fusion that is not linear, or of cosines, in which passes are counted."""

    def __init__(self, name):
        self.passes, self.step, self.steps = Counter(), Counter(), 0
        entry = methods.entry(name)
        linear = bool(entry.fusion) or "linear head" in entry.needs
        net = fusions.built(fusions.Concatenation if linear else fusions.Gated)
        readout = own_head(name, net, "fc") if linear else Ablation("zero")
        readout = None if methods.load(name).brings_heads else readout
        self.runs = 1 if linear else 1 + len(ENCODERS)
        net.fc.register_forward_hook(lambda *_: self.passes.update(["head"]))
        net.audio_net[0].register_forward_hook(lambda *_: self.passes.update(["encoder"]))
        data = [fusions.batch()]
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        self.balancer = Balancer(
            net, methods.create(name, **quick(name)), ENCODERS,
            readout,
            loaders={"train": data, "val": data}, epochs=8, optimizers=[optimizer],
            forward=lambda model, batch: (model(*batch[:2]), batch[2]),
            **taught_by(name, fusions.built(fusions.Concatenation), ENCODERS),
        )  # fmt: skip
        hold_all(optimizer, self.balancer)
        self.passes.clear()  # one may have told the widths of the features
        self.encoders = sum(p.numel() for m in ENCODERS.values()
                            for p in net.get_submodule(m).parameters())  # fmt: skip
        engine = torch.autograd.grad
        torch.autograd.grad = lambda *given, **named: (
            self.passes.update(["backward"]) or engine(*given, **named)
        )
        try:
            self._train(net, optimizer)
        finally:
            torch.autograd.grad = engine

    def _train(self, net, optimizer):
        for _ in range(4):
            for step, (inputs, labels) in enumerate(batches(self.balancer)):
                before = Counter(self.passes)
                loss = self.balancer.loss(net(*inputs), labels)
                loss.backward()
                self.balancer.before_step()
                optimizer.step()
                optimizer.zero_grad()
                self.steps += 1
                if step:  # the first one of an epoch may read whole splits
                    self.step |= self.passes - before
            self.balancer.epoch_end()

    @property
    def kept(self):
        """Numbers of the large tensors that the method keeps."""
        method = self.balancer.setting.method
        return numbers(method.constants) + numbers(method.snapshots)


def numbers(value):
    """How many numbers are in tensors, wherever they are in it."""
    if isinstance(value, torch.Tensor):
        return value.numel()
    parts = value.values() if isinstance(value, dict) else value
    return sum(map(numbers, parts)) if isinstance(value, dict | list | tuple) else 0


def measured_cost(name):
    """What a training costs beside joint training, in the order of `COSTS`."""
    found = Counted(name)
    setting, entry = found.balancer.setting, methods.entry(name)
    said = {
        "own logits": setting.reads_unimodal,
        "gradients": setting.method.edits_gradients(),
        "sets": found.step["head"] > (found.runs if setting.reads_unimodal else 1),
        "backward": found.step["backward"] > 0,
        "own rows": setting.method.unpaired,
        "own items": setting.method.lists_items,
        "updates": setting.method.repeats(len(ENCODERS)) > 1,
        "epoch": found.passes["encoder"] > found.steps,
        "memory": found.kept >= found.encoders,
        "trainings": bool(entry.depends),
    }
    return in_order((cost for cost, holds in said.items() if holds), COSTS)
