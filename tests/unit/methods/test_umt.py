import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from contract.training import assert_same_weights, start, trained
from equimodal import BalanceError, Balancer, Encoder, methods
from equimodal.functional import feature_distance
from equimodal.methods.umt import UMT
from unit.two_encoders import Net

NAMES = {"a": "a", "b": "b"}
AUDIO = torch.tensor([[1.0, 2], [0, 1]]), torch.tensor([[0.0, 2], [0, 3]])
VIDEO = torch.tensor([[0.0, 0, 0], [1, 1, 1]]), torch.tensor([[1.0, 0, 0], [1, 1, 0]])


class Passing(nn.Module):
    """Two inputs that are their own features, times one, and a head that reads the first's."""

    def __init__(self):
        super().__init__()
        self.a, self.v, self.fc = nn.Linear(2, 2), nn.Linear(3, 3), nn.Linear(5, 2)
        with torch.no_grad():
            for layer in (self.a, self.v, self.fc):
                nn.init.eye_(layer.weight)
                layer.bias.zero_()

    def forward(self, a, v):
        return self.fc(torch.cat([self.a(a), self.v(v)], 1))


class Gives(nn.Module):
    """A teacher that gives the same features whatever it is given."""

    def __init__(self, features):
        super().__init__()
        self.features = nn.Parameter(features)

    def forward(self, _):
        return 1 * self.features


def taught(method, audio=AUDIO[1], video=VIDEO[1], **options):
    net = Passing()
    teachers = {"a": Gives(audio.clone()), "v": Gives(video.clone())}
    balancer = Balancer(net, method, {"a": "a", "v": "v"}, teachers=teachers, **options)
    return net, balancer, balancer.loss(net(AUDIO[0], VIDEO[0]), torch.tensor([0, 1]))


@pytest.mark.parametrize(("lam", "expected"), [(10.0, 16.646595), (1.0, 2.396595), (0, 0.813262)])
def test_the_loss_is_the_fused_one_and_the_distances(lam, expected):
    _, _, loss = taught(UMT(lam))
    assert float(loss.detach()) == pytest.approx(expected, abs=2e-6)


def test_a_distance_is_a_mean_over_rows_and_features():
    for (z, t), value, slope in (
        (AUDIO, 1.25, [[0.5, 0], [0, -1]]),
        (VIDEO, 1 / 3, [[-1 / 3, 0, 0], [0, 0, 1 / 3]]),
    ):
        z = z.clone().requires_grad_()
        found = feature_distance(z, t)
        found.backward()
        assert float(found.detach()) == pytest.approx(value)
        torch.testing.assert_close(z.grad, torch.tensor(slope))


def test_a_normalised_distance_is_free_of_scale():
    assert float(feature_distance(*AUDIO, "normalised")) == pytest.approx(0.052786, abs=5e-7)
    scaled = feature_distance(7 * AUDIO[0], 0.1 * AUDIO[1], "normalised")
    assert float(scaled) == pytest.approx(0.052786, abs=5e-7)


def test_an_encoder_that_equals_its_teacher_is_not_pulled():
    z = AUDIO[0].clone().requires_grad_()
    feature_distance(z, AUDIO[0]).backward()
    assert torch.equal(z.grad, torch.zeros(2, 2))


def test_a_distance_is_in_single_precision_at_least():
    found = feature_distance(*(x.half() for x in AUDIO))
    assert found.dtype == torch.float32


def test_a_row_without_a_modality_leaves_its_distance():
    net = Passing()
    teachers = {"a": Gives(AUDIO[1].clone()), "v": Gives(VIDEO[1].clone())}
    balancer = Balancer(net, UMT(1.0), {"a": "a", "v": "v"}, teachers=teachers)
    output, y = net(AUDIO[0], VIDEO[0]), torch.tensor([0, 1])
    present = torch.tensor([[True, True], [False, True]])
    loss = balancer.loss(output, y, present)
    expected = cross_entropy(output, y) + 0.5 + 1 / 3  # the first row alone: (1 - 0)^2 / 2
    torch.testing.assert_close(loss, expected)


def test_teachers_are_frozen_and_stay_as_they_were():
    training = start("umt", epochs=2)
    teachers = training.balancer.setting.modalities.teachers
    before = teachers.digests()
    held = [p for t in teachers._of.values() for n in t.networks for p in n.parameters()]
    networks = [n for t in teachers._of.values() for n in t.networks]
    kept = [p.clone() for p in held]
    for network in networks:
        network.train()  # as a host does that trains all that it holds
    inputs, y = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), y).backward()
    assert not any(n.training for n in networks)
    assert all(p.grad is None and not p.requires_grad for p in held)
    assert all(torch.equal(p, k) for p, k in zip(held, kept, strict=True))
    assert teachers.digests() == before
    names = dict(training.model.named_parameters())
    assert all(p not in set(names.values()) for p in held)


def test_a_weight_of_0_is_joint_to_the_bit():
    joint, none = trained("joint", epochs=2), trained("umt", epochs=2, settings={"lam": 0})
    assert_same_weights(joint.weights, none.weights)


def test_encoders_begin_at_their_teachers_where_that_is_asked_for():
    training = start("umt-warm")
    teachers = training.balancer.setting.modalities.teachers
    for m, teacher in teachers._of.items():
        own = training.model.encoders[m].state_dict()
        for name, value in teacher.encoder.state_dict().items():
            assert torch.equal(own[name], value)
            assert own[name].data_ptr() != value.data_ptr()
    assert not list(training.balancer.parameters())


class TestWhatGoesIn:
    """The teacher is called as the model's encoder is."""

    def made(self, net, encoders, teachers, **options):
        return Balancer(net, UMT(1.0), encoders, teachers=teachers, **options)

    def test_by_name_and_by_position(self):
        class Named(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(3, 4)
                self.seen = []

            def forward(self, x, *, scale, mask=None):
                self.seen.append((x, scale, mask))
                return self.layer(x) * scale

        class Model(Net):
            def __init__(self):
                super().__init__()
                self.a = Named()

            def forward(self, a, b):
                z = self.a(a, scale=2.0, mask=None)
                return self.head(torch.cat([z, self.b(b)], 1))

        net, teacher = Model(), Named()
        a, b = torch.ones(4, 3), torch.ones(4, 5)
        balancer = self.made(net, NAMES, {"a": teacher, "b": nn.Linear(5, 4)})
        loss = balancer.loss(net(a, b), torch.zeros(4).long())
        (seen,) = teacher.seen
        assert seen[0] is a and seen[1:] == (2.0, None)
        loss.backward()
        assert net.a.layer.weight.grad is not None

    def test_one_of_several_calls_of_a_shared_encoder(self):
        class Shared(nn.Module):
            def __init__(self):
                super().__init__()
                self.net, self.head = nn.Linear(3, 4), nn.Linear(8, 2)

            def forward(self, a, b):
                return self.head(torch.cat([self.net(a), self.net(b)], 1))

        net = Shared()
        encoders = {"a": Encoder("net", calls=0), "b": Encoder("net", calls=1)}
        teachers = {m: nn.Linear(3, 4) for m in "ab"}
        balancer = self.made(net, encoders, teachers)
        a, b, y = torch.randn(4, 3), torch.randn(4, 3), torch.zeros(4).long()
        output = net(a, b)
        loss = balancer.loss(output, y)
        expected = cross_entropy(output, y)
        for m, x in (("a", a), ("b", b)):
            expected = expected + (net.net(x) - teachers[m](x)).square().mean()
        torch.testing.assert_close(loss, expected)
        with pytest.raises(BalanceError, match="cannot begin at its teacher's weights"):
            Balancer(
                copy.deepcopy(net), UMT(warm_start=True), encoders,
                teachers={m: nn.Linear(3, 4) for m in "ab"},
            )  # fmt: skip

    def test_the_mean_of_several_calls_and_pooled_features(self):
        class Frames(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.head = nn.Linear(3, 4), nn.Linear(5, 4), nn.Linear(8, 2)

            def forward(self, a, b):
                z = torch.stack([self.a(a[:, k]) for k in range(2)]).mean(0)
                return self.head(torch.cat([z, self.b(b).mean(1)], 1))

        net = Frames()
        encoders = {"a": Encoder("a", calls="mean"), "b": Encoder("b", pool="mean")}
        teachers = {"a": nn.Linear(3, 4), "b": nn.Linear(5, 4)}
        balancer = self.made(net, encoders, teachers)
        a, b, y = torch.randn(4, 2, 3), torch.randn(4, 6, 5), torch.zeros(4).long()
        output = net(a, b)
        loss = balancer.loss(output, y)
        expected = cross_entropy(output, y)
        for m, x in (("a", a), ("b", b)):
            z, t = (layer(x).mean(1) for layer in (net.get_submodule(m), teachers[m]))
            expected = expected + (z - t).square().mean()
        torch.testing.assert_close(loss, expected)

    def test_outside_the_models_forward_nothing_is_known_of_it(self):
        net = Net()
        balancer = self.made(net, NAMES, {"a": nn.Linear(3, 4), "b": nn.Linear(5, 4)})
        a, b = torch.ones(4, 3), torch.ones(4, 5)
        output = net.head(torch.cat([net.a(a), net.b(b)], 1))
        with pytest.raises(BalanceError, match="did not run inside the model's own forward"):
            balancer.loss(output, torch.zeros(4).long())


WRONG = {
    "none": (None, r"UMT learns from encoders that were trained before.*pass teachers="),
    "one less": ({"a": nn.Linear(3, 4)}, r"for each modality.*\['a', 'b'\]; found \['a'\]"),
    "no module": ({"a": 3, "b": nn.Linear(5, 4)}, "teachers must hold.*found 3 for 'a'"),
    "three of them": (
        {"a": (nn.Linear(3, 4),) * 3, "b": nn.Linear(5, 4)}, "teachers must hold.*for 'a'",
    ),
    "a list": ([nn.Linear(3, 4)], "teachers must hold"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_teachers_that_cannot_be_are_refused(mistake):
    given, words = WRONG[mistake]
    with pytest.raises(BalanceError, match=words):
        Balancer(Net(), UMT(), NAMES, teachers=given)


def test_a_teacher_that_is_trained_too_is_refused():
    net = Net()
    with pytest.raises(BalanceError, match=r"teacher of 'a' shares weights.*copy.deepcopy"):
        Balancer(net, UMT(), NAMES, teachers={"a": net.a, "b": nn.Linear(5, 4)})
    assert all(p.requires_grad for p in net.parameters())
    assert not any(x._forward_hooks or x._forward_pre_hooks for x in net.modules())
    Balancer(net, methods.create("joint"), NAMES)


def test_a_teacher_of_another_width_is_refused():
    with pytest.raises(
        BalanceError, match=r"features of 'a' are of shape \(2, 2\).*gives \(2, 3\)"
    ):
        taught(UMT(), audio=torch.ones(2, 3))
    with pytest.raises(BalanceError, match=r"'a' cannot begin at its teacher's weights.*another"):
        taught(UMT(warm_start=True))


def test_another_teacher_is_told_where_a_training_goes_on():
    state = start("umt").balancer.state_dict()
    assert state["teachers"].keys() == {"a", "b"}
    other = start("umt")
    with torch.no_grad():
        next(other.balancer.setting.modalities.teachers._of["b"].encoder.parameters()).add_(1)
    with pytest.raises(BalanceError, match="written with teachers of the weights"):
        other.balancer.load_state_dict(state)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lam": -1}, "UMT lam"),
        ({"distance": "cosine"}, "UMT distance must be one of"),
        ({"warm_start": 1}, "UMT warm_start"),
        ({"lam": 0, "distance": "normalised"}, "distance has no effect with lam=0"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, words):
    with pytest.raises(BalanceError, match=words):
        UMT(**arguments)
