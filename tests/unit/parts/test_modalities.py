from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from equimodal import BalanceError, ModalityMap
from equimodal.parts.modalities import unwrap
from equimodal.parts.selection import Encoder

ENCODERS = {"audio": "audio_net", "video": "video_net"}


class Net(nn.Module):
    """Two encoders, called in the order video, audio; the head reads audio, video."""

    def __init__(self):
        super().__init__()
        self.audio_net = nn.Linear(3, 4)
        self.video_net = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
        self.fc = nn.Linear(8, 2)

    def forward(self, audio, video):
        v = self.video_net(video)
        return self.fc(torch.cat([self.audio_net(audio), v], 1))


class TupleEncoder(nn.Module):
    """An encoder that returns its features and something else."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, x):
        return self.layer(x), "state"


class TupleNet(Net):
    def __init__(self):
        super().__init__()
        self.audio_net = TupleEncoder()

    def forward(self, audio, video):
        features, state = self.audio_net(audio)
        assert state == "state"
        return self.fc(torch.cat([features, self.video_net(video)], 1))


class SharedNet(Net):
    """Both encoders hold one and the same layer."""

    def __init__(self):
        super().__init__()
        self.audio_net = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4))
        self.video_net = nn.Sequential(nn.Linear(5, 5), self.audio_net[1])


def batch(rows=6):
    torch.manual_seed(0)
    return torch.randn(rows, 3), torch.randn(rows, 5)


def test_an_encoder_is_named_by_its_name_its_module_or_a_pattern_over_parameters():
    net = Net()
    names = {"audio_net.weight", "audio_net.bias"}
    for where in ("audio_net", net.audio_net, r"audio_.*"):
        assert set(ModalityMap(net, ENCODERS | {"audio": where}).parameters("audio")) == names


def test_a_name_does_not_match_modules_that_begin_alike():
    net = Net()
    net.audio_net2 = nn.Linear(1, 1)
    assert len(ModalityMap(net, ENCODERS).parameters("audio")) == 2


def test_features_come_in_the_order_of_the_modalities_whatever_the_order_of_the_calls():
    net = Net().eval()
    modalities = ModalityMap(net, ENCODERS)
    audio, video = batch()
    net(audio, video)

    features = modalities.record.take_features()

    assert list(features) == ["audio", "video"]
    torch.testing.assert_close(features["audio"], net.audio_net(audio))
    torch.testing.assert_close(features["video"], net.video_net(video))


def test_features_are_forgotten_once_taken():
    net = Net()
    modalities = ModalityMap(net, ENCODERS)
    net(*batch())
    modalities.record.take_features()
    assert modalities.record.take_features() == {}


def test_a_run_again_replaces_the_output_of_encoders_and_leaves_no_trace():
    net = TupleNet().eval()
    modalities = ModalityMap(net, ENCODERS)
    audio, video = batch()
    expected = net(audio * 0, video)
    blank = modalities.record.take_features()
    net(audio, video)
    assert not torch.equal(
        net.fc(torch.cat([*modalities.record.take_features().values()], 1)), expected
    )

    again = modalities.rerun(blank)

    torch.testing.assert_close(again, expected)
    assert modalities.record.take_features() == {}
    assert "forward" not in vars(net.audio_net)


@pytest.mark.parametrize("call", ["rerun", "call_quietly"])
def test_a_call_of_ours_restores_the_mode_of_every_module(call):
    net = Net().train()
    net.video_net[2].eval()  # a frozen normalisation layer, as in fine-tuning
    modalities = ModalityMap(net, ENCODERS)
    net(*batch())
    modes = {n: m.training for n, m in net.named_modules()}
    statistics = net.video_net[2].running_mean.clone()

    if call == "rerun":
        modalities.rerun(modalities.record.take_features())
    else:
        modalities.call_quietly(*batch())

    assert {n: m.training for n, m in net.named_modules()} == modes
    assert torch.equal(net.video_net[2].running_mean, statistics)


def test_the_mode_is_restored_after_an_error_in_the_model():
    net = Net().train()
    modalities = ModalityMap(net, ENCODERS)
    with pytest.raises(RuntimeError):
        modalities.call_quietly(torch.zeros(2, 9), torch.zeros(2, 5))
    assert all(m.training for m in net.modules())
    net(*batch())
    assert modalities.record.take_features()


def test_a_layer_that_two_encoders_share_belongs_to_none():
    modalities = ModalityMap(SharedNet(), ENCODERS)

    assert set(modalities.parameters("audio")) == {"audio_net.0.weight", "audio_net.0.bias"}
    assert set(modalities.parameters("video")) == {"video_net.0.weight", "video_net.0.bias"}
    assert modalities.shared == ["audio_net.1.weight", "audio_net.1.bias"]
    assert [u.name for u in modalities.units("audio")] == ["audio_net.0"]


def test_one_name_for_two_modalities_is_refused():
    with pytest.raises(BalanceError, match=r"belongs to both 'audio' and 'video'.*calls=0"):
        ModalityMap(Net(), {"audio": "audio_net", "video": "audio_net"})


class Twins(nn.Module):
    """One encoder for two views."""

    def __init__(self):
        super().__init__()
        self.net, self.fc = nn.Linear(3, 4), nn.Linear(8, 2)

    def forward(self, left, right):
        return self.fc(torch.cat([self.net(left), self.net(right)], 1))


def test_two_modalities_take_turns_with_one_encoder():
    net = Twins()
    modalities = ModalityMap(
        net, {"left": Encoder("net", calls=0), "right": Encoder("net", calls=1)}
    )
    left, right = torch.randn(2, 5, 3)
    for _ in range(2):  # a forward pass that nobody asks about leaves no trace
        net(left, right)

    features = modalities.record.take_features()

    assert torch.equal(features["left"], net.net(left))
    assert torch.equal(features["right"], net.net(right))
    assert modalities.shared == ["net.weight", "net.bias"]
    assert modalities.parameters("left") == modalities.parameters("right") == {}
    net(left, right)
    modalities.record.take_features()
    again = modalities.rerun({"left": features["left"], "right": torch.zeros(5, 4)})
    torch.testing.assert_close(again, net.fc(torch.cat([net.net(left), torch.zeros(5, 4)], 1)))


class Frames(nn.Module):
    """An encoder that sees frame by frame."""

    def __init__(self):
        super().__init__()
        self.audio_net, self.video_net, self.fc = nn.Linear(3, 4), nn.Linear(5, 4), nn.Linear(8, 2)

    def forward(self, audio, frames):
        video = torch.stack([self.video_net(frame) for frame in frames.unbind(1)]).mean(0)
        return self.fc(torch.cat([self.audio_net(audio), video], 1))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [("mean", lambda x: x.mean(1)), ("cat", lambda x: x.flatten(1)), (2, lambda x: x[:, 2])],
)
def test_an_encoder_of_several_calls_gives_what_is_asked_for(calls, expected):
    net = Frames()
    modalities = ModalityMap(net, ENCODERS | {"video": Encoder("video_net", calls=calls)})
    audio, frames = torch.randn(6, 3), torch.randn(6, 3, 5)
    net(audio, frames)
    torch.testing.assert_close(
        modalities.record.take_features()["video"], expected(net.video_net(frames))
    )


def test_an_encoder_of_several_calls_must_say_which_it_means():
    net = Frames()
    modalities = ModalityMap(net, ENCODERS)
    net(torch.randn(6, 3), torch.randn(6, 3, 5))
    with pytest.raises(
        BalanceError, match=r"'video' ran 3 times in one forward pass.*calls='mean'"
    ):
        modalities.record.take_features()


def test_calls_are_counted_in_the_models_own_forward_pass_only():
    net = Twins()
    modalities = ModalityMap(
        net, {"left": Encoder("net", calls=0), "right": Encoder("net", calls=1)}
    )
    net.net(torch.randn(5, 3))
    assert modalities.record.take_features() == {}


@dataclass
class Fields:
    tokens: torch.Tensor
    pooled: torch.Tensor


def fields(kind, tokens, pooled):
    return {
        "dataclass": lambda: Fields(tokens, pooled),
        "dict": lambda: {"tokens": tokens, "pooled": pooled},
        "tuple": lambda: (tokens, pooled),
    }[kind]()


class FieldsNet(Net):
    """An audio encoder whose features are one field of its output."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.audio_net = kind, FieldsEncoder(nn.Linear(3, 4), kind)

    def forward(self, audio, video):
        out = self.audio_net(audio)
        pooled = (
            out.pooled if self.kind == "dataclass" else out["pooled" if self.kind == "dict" else 1]
        )
        return self.fc(torch.cat([pooled, self.video_net(video)], 1))


class FieldsEncoder(nn.Module):
    def __init__(self, inner, kind):
        super().__init__()
        self.inner, self.kind = inner, kind

    def forward(self, x):
        return fields(self.kind, x, self.inner(x))


@pytest.mark.parametrize(
    ("kind", "key"), [("dataclass", "pooled"), ("dict", "pooled"), ("tuple", 1)]
)
def test_the_features_may_be_one_entry_of_an_encoders_output(kind, key):
    net = FieldsNet(kind).eval()
    modalities = ModalityMap(net, ENCODERS | {"audio": Encoder("audio_net", output=key)})
    audio, video = batch()
    net(audio, video)
    features = modalities.record.take_features()
    assert torch.equal(features["audio"], net.audio_net.inner(audio))
    net(audio, video)
    again = modalities.rerun({m: f * 0 for m, f in features.items()})
    torch.testing.assert_close(again, net.fc(torch.zeros(6, 8)))


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("dict", None, r"returned dict; .*Write Encoder\(\.\.\., output='tokens'\)"),
        ("dataclass", "poled", r"returned Fields without a tensor 'poled'.*\['tokens', 'pooled'\]"),
        ("tuple", 2, r"returned tuple without a tensor 2"),
    ],
)
def test_an_entry_that_is_not_there_is_refused_with_those_that_are(kind, key, words):
    net = FieldsNet(kind).eval()
    ModalityMap(net, ENCODERS | {"audio": Encoder("audio_net", output=key)})
    with pytest.raises(BalanceError, match=words):
        net(*batch())


def test_activation_checkpointing_records_the_first_pass_only():
    net = Net()
    modalities = ModalityMap(net, ENCODERS)
    audio, video = batch()
    out = checkpoint(net.audio_net, audio, use_reentrant=False)
    net.fc(torch.cat([out, net.video_net(video)], 1)).sum().backward()
    assert modalities.record.take_features()["audio"] is out


def test_old_style_sharding_is_refused():
    fake = type("FullyShardedDataParallel", (nn.Module,), {})()
    with pytest.raises(BalanceError, match=r"flattens parameters.*fully_shard\(model\)"):
        unwrap(fake)


def test_data_parallel_over_several_gpus_is_refused():
    parallel = nn.DataParallel(Net())
    parallel.device_ids = [0, 1]
    with pytest.raises(BalanceError, match=r"nn.DataParallel over 2 GPUs.*nproc-per-node 2"):
        ModalityMap(parallel, ENCODERS)


def test_lazy_layers_that_were_never_called_are_refused_by_name():
    net = Net()
    net.audio_net = nn.Sequential(nn.LazyLinear(4))
    with pytest.raises(BalanceError, match=r"'audio' has lazy layers.*audio_net\.0\.weight"):
        ModalityMap(net, ENCODERS)
    with torch.no_grad():
        net(*batch())
    assert len(ModalityMap(net, ENCODERS).parameters("audio")) == 2


def test_a_weight_that_one_encoder_uses_twice_is_one_parameter_of_it():
    net = Net()
    net.audio_net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 4))
    net.audio_net[1].weight = net.audio_net[0].weight
    modalities = ModalityMap(net, ENCODERS)

    assert len(modalities.parameters("audio")) == 5
    assert [u.count for u in modalities.units("audio")] == [3, 4]


def test_units_with_a_frozen_parameter_are_left_out():
    net = Net()
    net.audio_net.weight.requires_grad_(False)
    modalities = ModalityMap(net, ENCODERS)
    assert modalities.units("audio") == []
    assert [u.name for u in modalities.units("video")] == ["video_net.0"]


def test_batch_normalisation_is_found_inside_an_encoder_only():
    net = Net()
    assert ModalityMap(net, ENCODERS).has_batch_norm()
    net.video_net[2] = nn.GroupNorm(2, 4)
    net.fc = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 2))
    assert not ModalityMap(net, ENCODERS).has_batch_norm()


def test_wrapped_models_are_unwrapped():
    net = Net()
    assert unwrap(nn.DataParallel(net)) is net
    assert ModalityMap(nn.DataParallel(net), ENCODERS).model is net
    compiled = torch.compile(net, backend="eager")
    assert unwrap(compiled) is net
