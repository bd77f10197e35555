"""What a method costs, needs and takes, found out by training with it and by leaving things out."""

from collections import Counter

import torch

from contract import fusions
from contract.heads import own_head
from contract.training import quick
from equimodal import (
    Ablation,
    BalanceError,
    Balancer,
    Classification,
    CosineSplit,
    InputAblation,
    MultiLabel,
    Regression,
    Tasks,
    methods,
)
from equimodal.balancing.readouts import Readout
from equimodal.balancing.requirements.targets import require_form
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


def bound(name, **changes):
    """A balancer with all that a method may need, but for the changes; its first loss."""
    net = fusions.built(fusions.Concatenation)
    readout = own_head(name, net, "fc")
    data = [fusions.batch()]
    given = {
        "encoders": ENCODERS, "readout": readout, "loaders": {"train": data, "val": data},
        "optimizers": [torch.optim.SGD(net.parameters(), lr=0.01)], "epochs": 8,
    } | changes  # fmt: skip
    balancer = Balancer(
        net, methods.create(name), given.pop("encoders"), given.pop("readout"),
        forward=lambda model, batch: (model(*batch[:2]), batch[2]), **given,
    )  # fmt: skip
    audio, video, labels = fusions.batch()
    balancer.loss(net(audio, video), labels)
    return balancer


class OwnLogits(Readout):
    """Stands for any readout that gradients pass and that needs no module."""

    def __call__(self, modalities, features):
        return {m: torch.zeros(24, 3, requires_grad=True) for m in modalities.names}


WITHOUT = {
    "readout": {"readout": None},
    "differentiable readout": {"readout": InputAblation(blank)},
    "train loader": {"loaders": {"val": [fusions.batch()]}},
    "val loader": {"loaders": {"train": [fusions.batch()]}},
    "optimizers": {"optimizers": ()},
    "epochs": {"epochs": None},
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
    if "differentiable readout" in found:
        found -= {"readout"}
    if "needs the features of" in refused(name, encoders=PARAMETERS, readout=OwnLogits()):
        found.add("encoder modules")
    found |= {"own head"} if entry.fusion else set()
    found |= {"teachers"} if entry.depends else set()
    return in_order(found, NEEDS)


class Counted:
    """A training of a fusion that is not linear, or of cosines, in which passes are counted."""

    def __init__(self, name):
        self.passes, self.step, self.steps = Counter(), Counter(), 0
        cosine = methods.entry(name).fusion == "cosine"
        net = fusions.built(fusions.Cosines if cosine else fusions.Gated)
        net.fc.register_forward_hook(lambda *_: self.passes.update(["head"]))
        net.audio_net[0].register_forward_hook(lambda *_: self.passes.update(["encoder"]))
        data = [fusions.batch()]
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        self.balancer = Balancer(
            net, methods.create(name, **quick(name)), ENCODERS,
            CosineSplit("fc") if cosine else Ablation("zero"),
            loaders={"train": data, "val": data}, epochs=8, optimizers=[optimizer],
            forward=lambda model, batch: (model(*batch[:2]), batch[2]),
        )  # fmt: skip
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
        audio, video, labels = fusions.batch()
        for _ in range(4):
            for step in range(3):
                before = Counter(self.passes)
                loss = self.balancer.loss(net(audio, video), labels)
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
        "sets": found.step["head"] > 1 + len(ENCODERS) * setting.reads_unimodal,
        "backward": found.step["backward"] > 0,
        "own rows": setting.method.unpaired,
        "epoch": found.passes["encoder"] > found.steps,
        "memory": found.kept >= found.encoders,
        "trainings": bool(entry.depends),
    }
    return in_order((cost for cost, holds in said.items() if holds), COSTS)
