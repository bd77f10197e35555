import copy
import random

import pytest
import torch
from torch import nn

from equimodal import Ablation, Balancer, Classification, LinearSplit, methods

ENCODERS = {"audio": "audio_net", "video": "video_net"}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.audio_net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.video_net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 6))
        self.fc = nn.Linear(10, 3)

    def forward(self, audio, video):
        return self.fc(torch.cat([self.audio_net(audio), self.video_net(video)], 1))


def forward(model, given):
    return model(*given[:2]), given[2]


def batch(rows=6):
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(rows) % 3
    return torch.randn(rows, 3, generator=draw), torch.randn(rows, 5, generator=draw), labels


def balancer(net=None, name="amss", readout=None, **options):
    return Balancer(
        net or Net(), methods.create(name), ENCODERS, readout or LinearSplit("fc"),
        forward=forward, **options,
    )  # fmt: skip


def checked(net=None, given=None, **options):
    made = balancer(net, **options)
    return made.check(given or batch())


def test_a_sound_balancer_is_reported_in_full():
    found = checked()

    audio, video = found.modalities
    assert (audio.name, audio.parameters, audio.trained) == ("audio", 24, 24)
    assert (audio.units, audio.layers, audio.features) == (4, 1, (6, 4))
    assert (video.parameters, video.units, video.layers, video.features) == (102, 14, 2, (6, 6))
    assert audio.share == pytest.approx(24 / (24 + 102 + 33))
    assert found.logits == (6, 3)
    assert set(found.losses) == {"fused", "audio", "video"}
    assert found.stages == ("gradients", "end of an epoch")
    assert (found.objective, found.on, found.shared) == ("fused", "gradient", 0)
    assert found.readout == "LinearSplit('fc')"
    assert found.problems == ()
    said = str(found)
    assert "audio: 24 parameters (15% of the model), 4 units in 1 layers, features (6, 4)" in said
    assert said.endswith("problem    none found")


def test_a_check_leaves_no_trace():
    net = Net()
    made = balancer(net, "dus")
    weights = copy.deepcopy(net.state_dict())
    state = copy.deepcopy(made.state_dict())
    streams = torch.get_rng_state(), random.getstate()

    made.check(batch())

    assert all(torch.equal(v, weights[k]) for k, v in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), streams[0])
    assert random.getstate() == streams[1]
    assert str(made.state_dict()) == str(state)
    assert not made.watch.pending
    made.epoch_end()
    assert made.decisions.drain() == []


class Detached(Net):
    def forward(self, audio, video):
        return self.fc(torch.cat([self.audio_net(audio).detach(), self.video_net(video)], 1))


class Partly(Net):
    """An encoder with a layer that is never used."""

    def __init__(self):
        super().__init__()
        self.video_net.extra = nn.Linear(2, 2)
        self.video_net.forward = lambda x: self.video_net[2](
            self.video_net[1](self.video_net[0](x))
        )


class Twice(Net):
    def forward(self, audio, video):
        self.audio_net(audio)
        return super().forward(audio, video)


class Wide(Net):
    """A network that no modality owns."""

    def __init__(self):
        super().__init__()
        self.common = nn.Linear(3, 300)

    def forward(self, audio, video):
        return super().forward(audio, video) + self.common.weight.mean()


def frozen():
    net = Net()
    net.audio_net.requires_grad_(False)
    return net


class Chances(Net):
    """A model that ends in a softmax."""

    def forward(self, audio, video):
        return super().forward(audio, video).softmax(1)


def summing(logits, target):
    return torch.nn.functional.cross_entropy(logits, target, reduction="sum")


def bad_batch(change):
    audio, video, labels = batch()
    return change(audio, video, labels)


PROBLEMS = {
    "an encoder that is cut off": (
        lambda: checked(Detached(), name="joint"),
        "The loss does not reach the encoder of 'audio'",
    ),
    "a layer that is not used": (
        lambda: checked(Partly()),
        "2 of 6 parameters of 'video' get no gradient, such as 'video_net.extra.weight'",
    ),
    "an encoder that runs twice": (
        lambda: checked(Twice()),
        "The encoder of 'audio' ran 2 times in one forward pass",
    ),
    "a frozen encoder": (
        lambda: checked(frozen()),
        "The encoder of 'audio' is frozen: its 4 parameters are not trained",
    ),
    "a network of no modality": (
        lambda: checked(Wide(), name="joint", readout=None),
        "of the trained parameters belong to a modality: name the whole encoders",
    ),
    "NaN in an input": (
        lambda: checked(given=bad_batch(lambda a, v, y: (a, v * float("nan"), y)), name="joint"),
        "The features of 'video' hold NaN or infinity",
    ),
    "features that are all the same": (
        lambda: checked(given=bad_batch(lambda a, v, y: (a, v[:1].expand(6, 5), y))),
        "The features of 'video' are the same for all 6 samples",
    ),
    "labels out of range": (
        lambda: checked(given=bad_batch(lambda a, v, y: (a, v, y + 1))),
        "Labels must lie in [0, 3)",
    ),
    "a softmax in front of the loss": (
        lambda: checked(Chances(), readout=Ablation("zero")),
        "The model's logits are probabilities",
    ),
    "a criterion that adds up": (
        lambda: checked(name="joint", task=Classification(criterion=summing)),
        "The loss of twice the rows is twice the loss",
    ),
    "an optimizer without an encoder": (
        lambda: optimizer_without_video(),
        "No optimizer of the balancer holds 4 trained parameters of 'video'",
    ),
}


def optimizer_without_video():
    net = Net()
    optimizer = torch.optim.SGD([*net.audio_net.parameters(), *net.fc.parameters()], lr=0.1)
    return checked(net, optimizers=[optimizer])


@pytest.mark.parametrize("problem", PROBLEMS)
def test_what_looks_wrong_is_said(problem):
    run, words = PROBLEMS[problem]
    found = run()
    assert any(words in said for said in found.problems), found.problems
    assert f"problem    {found.problems[0]}" in str(found)


def test_errors_of_the_model_are_its_own():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        checked(given=(torch.zeros(6, 9), torch.zeros(6, 5), torch.zeros(6).long()))


def test_the_stages_of_a_composition_are_those_of_its_parts():
    data = [batch()]
    made = balancer(name="dus~relearn", loaders={"train": data, "val": data}, epochs=9)
    assert made.check(batch()).stages == ("loss", "end of an epoch")


def test_a_forward_pass_in_half_precision_is_checked_in_it():
    def half(model, given):
        with torch.autocast("cpu", torch.bfloat16):
            return forward(model, given)

    made = Balancer(Net(), methods.create("amss"), ENCODERS, Ablation("zero"), forward=half)
    found = made.check(batch())
    assert found.problems == ()
    assert set(found.losses) == {"fused", "audio", "video"}
