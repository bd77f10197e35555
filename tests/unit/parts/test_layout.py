"""Where the samples lie in features: what the options say, what a layer tells, what is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from equimodal import Ablation, BalanceError, Balancer, LinearSplit, ModalityMap, methods
from equimodal.parts.layout import as_given, samples_first
from equimodal.parts.selection import Encoder

FOLDS = {
    "NT": lambda x: x.flatten(0, 1),
    "TN": lambda x: x.transpose(0, 1).flatten(0, 1),
    None: lambda x: x,
}
POOLS = {
    "mean": lambda x: x.mean(1),
    "max": lambda x: x.amax(1),
    "first": lambda x: x[:, 0],
    "last": lambda x: x[:, -1],
    None: lambda x: x,
}


@given(
    n=st.integers(1, 5), t=st.integers(1, 5), axis=st.integers(0, 2),
    folded=st.sampled_from([*FOLDS]), pool=st.sampled_from([*POOLS]),
)  # fmt: skip
def test_every_layout_gives_the_features_of_the_samples_and_back(n, t, axis, folded, pool):
    wanted = torch.arange(n * t * 6.0).view(n, t, 2, 3)
    given = FOLDS[folded](wanted).movedim(0, axis)
    encoder = Encoder("net", batch_axis=axis, folded=folded, pool=pool)

    found = samples_first(given, encoder, "audio", nn.Identity(), n)

    assert torch.equal(found, POOLS[pool](wanted))
    if pool is None:
        assert torch.equal(as_given(found, encoder, nn.Identity()), given)


class Frames(nn.Module):
    """An encoder of frames, which lays them out in one of several ways."""

    def __init__(self, order):
        super().__init__()
        self.net, self.order = nn.Linear(5, 4), order

    def forward(self, frames):
        out = self.net(frames)
        return out.transpose(0, 1) if self.order == "time" else FOLDS[self.order](out)


class Net(nn.Module):
    def __init__(self, order):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.v, self.order = nn.Linear(3, 4), Frames(order), order
        self.fc = nn.Linear(8, 3)

    def forward(self, a, v):
        video = self.v(v)
        if self.order == "time":
            video = video.transpose(0, 1)
        elif self.order == "NT":
            video = video.unflatten(0, (len(a), -1))
        elif self.order == "TN":
            video = video.unflatten(0, (-1, len(a))).transpose(0, 1)
        return self.fc(torch.cat([self.a(a), video.mean(1)], 1))


def trained(order, encoder, readout, *, n, t):
    net = Net(order)
    balancer = Balancer(net, methods.create("amss"), {"audio": "a", "video": encoder}, readout)
    draw = torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(2):
        a, v = torch.randn(n, 3, generator=draw), torch.randn(n, t, 5, generator=draw)
        y = torch.randint(3, (n,), generator=draw)
        balancer.loss(net(a, v), y).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
    balancer.epoch_end()
    return [p.detach() for p in net.parameters()], balancer.decisions.drain()


OPTIONS = {
    "time": {"batch_axis": 1},
    "NT": {"folded": "NT"},
    "TN": {"folded": "TN"},
}


@pytest.mark.parametrize("order", OPTIONS)
@pytest.mark.parametrize("readout", [lambda: Ablation("mean"), lambda: LinearSplit("fc")])
@pytest.mark.parametrize("t", [3, 6])
def test_every_layout_trains_as_the_batch_first(order, readout, t):
    pool = {"pool": "mean"} if isinstance(readout(), LinearSplit) else {}
    plain = trained(None, Encoder("v", **pool), readout(), n=6, t=t)
    other = trained(order, Encoder("v", **OPTIONS[order], **pool), readout(), n=6, t=t)
    for one, two in zip(plain[0], other[0], strict=True):
        torch.testing.assert_close(one, two)
    for one, two in zip(plain[1], other[1], strict=True):
        assert one["values"] == pytest.approx(two["values"], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("order", OPTIONS)
def test_another_number_of_rows_is_refused_with_what_to_write(order):
    words = r"batch_axis=1\)" if order == "time" else r"folded='NT'\) if a sample's frames"
    with pytest.raises(BalanceError, match=rf"'video' gave features of shape.*{words}"):
        trained(order, "v", Ablation("zero"), n=6, t=3)


WRONG = {
    "TN read as NT": ("TN", {"folded": "NT"}, r"folded='NT'\).*Write Encoder\(..., folded='TN'\)"),
    "NT read as TN": ("NT", {"folded": "TN"}, r"folded='TN'\).*Write Encoder\(..., folded='NT'\)"),
    "time first, nothing said": ("time", {}, r"batch_axis=0\).*Write Encoder\(..., batch_axis=1\)"),
    "time first, told otherwise": (
        "time",
        {"batch_axis": 0},
        r"Write Encoder\(..., batch_axis=1\)",
    ),
    "batch first, told otherwise": (None, {"batch_axis": 1}, r"Write Encoder\(..., batch_axis=0\)"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_no_shape_tells_is_held_against_the_model(kind):
    order, options, words = WRONG[kind]
    with pytest.raises(BalanceError, match=rf"features of 'video' are read.*{words}"):
        trained(order, Encoder("v", **options), Ablation("zero"), n=6, t=6)


class Contrasting(Net):
    """Logits of every pair of samples: no axis can be told by them."""

    def forward(self, a, v):
        return self.a(a) @ self.v(v).mean(1).T


def test_what_the_model_mixes_either_way_is_left_as_it_is():
    net = Contrasting(None)
    balancer = Balancer(net, methods.create("joint"), {"audio": "a", "video": "v"})
    for _ in range(2):
        balancer.loss(net(torch.randn(6, 3), torch.randn(6, 6, 5)), torch.arange(6)).backward()
    assert balancer.setting.told == {"audio", "video"}


def test_a_head_of_zeros_tells_no_axis_so_that_a_later_batch_does():
    net = Net("time")
    nn.init.zeros_(net.fc.weight)
    balancer = Balancer(net, methods.create("joint"), {"audio": "a", "video": "v"})
    given = torch.randn(6, 3), torch.randn(6, 6, 5), torch.arange(6) % 3
    balancer.loss(net(*given[:2]), given[2]).backward()
    nn.init.normal_(net.fc.weight)
    with pytest.raises(BalanceError, match="batch_axis=1"):
        balancer.loss(net(*given[:2]), given[2])


def test_pooled_features_are_not_replaced():
    with pytest.raises(BalanceError, match=r"'video', which are pooled by .mean."):
        trained(None, Encoder("v", pool="mean"), Ablation("zero"), n=6, t=3)


LAYERS = {
    "nn.LSTM": lambda: nn.LSTM(5, 4),
    "nn.GRU": lambda: nn.GRU(5, 4),
    "nn.TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(4, 2, 8),
    "nn.TransformerEncoder": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, 8), 1, enable_nested_tensor=False
    ),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_layer_made_time_first_tells_its_axis_also_where_steps_equal_samples(make):
    module = make()
    value = torch.randn(6, 6, 4)
    found = samples_first(value, Encoder("v"), "video", module, 6)
    assert torch.equal(found, value.transpose(0, 1))
    assert torch.equal(as_given(found, Encoder("v"), module), value)


def test_a_layer_made_batch_first_is_left_as_it_is():
    value = torch.randn(6, 6, 4)
    module = nn.LSTM(5, 4, batch_first=True)
    assert samples_first(value, Encoder("v"), "video", module, 6) is value


def test_the_last_states_of_a_recurrent_layer_have_the_samples_second():
    module, x = nn.GRU(5, 4, batch_first=True), torch.randn(6, 3, 5)
    states = module(x)[1]
    assert samples_first(states, Encoder("v", output=1), "video", module, 6).shape == (6, 1, 4)


class Hidden(nn.Module):
    """A time-first layer inside an encoder of one's own."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(5, 4)


def test_as_many_steps_as_samples_behind_a_time_first_layer_are_refused():
    value = torch.randn(6, 6, 4)
    with pytest.raises(BalanceError, match=r"'video'.*\(6, 6, 4\).*batch_axis=0\) or Encoder"):
        samples_first(value, Encoder("v"), "video", Hidden(), 6)
    told = samples_first(value, Encoder("v", batch_axis=0), "video", Hidden(), 6)
    assert told is value


def test_frames_that_do_not_part_evenly_are_refused():
    with pytest.raises(BalanceError, match="gave 7 rows, which cannot be parted"):
        samples_first(torch.randn(7, 4), Encoder("v", folded="NT"), "video", None, 3)


@pytest.mark.parametrize("option", [{"batch_axis": -1}, {"folded": "T"}, {"pool": "sum"}])
def test_an_option_that_does_not_exist_is_refused(option):
    with pytest.raises(BalanceError, match=next(iter(option))):
        Encoder("v", **option)


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(BalanceError, match=r"shape \(6, 4\).*batch_axis=2"):
        samples_first(torch.randn(6, 4), Encoder("v", batch_axis=2), "video", None, 6)


def test_features_without_a_known_number_of_samples_are_taken_as_they_are():
    net = Net(None)
    modalities = ModalityMap(net, {"audio": "a", "video": "v"})
    net(torch.randn(6, 3), torch.randn(6, 2, 5))
    assert modalities.record.take_features()["video"].shape == (6, 2, 4)
