from types import SimpleNamespace

import pytest
import torch
from torch import nn

from equimodal import (
    Ablation,
    AuxiliaryHeads,
    BalanceError,
    Balancer,
    InputAblation,
    LinearSplit,
    ModalityMap,
    methods,
)
from equimodal.balancing.readouts import Readout, logits_of

NAMES = ("audio", "video", "touch")
WIDTHS = {"audio": 4, "video": 4, "touch": 5}


class Net(nn.Module):
    """Three encoders and a head over their concatenation in the given order."""

    def __init__(self, order=NAMES, head=None, bias=True):
        super().__init__()
        torch.manual_seed(0)
        self.nets = nn.ModuleDict({m: nn.Linear(3, w) for m, w in WIDTHS.items()})
        self.order = order
        self.head = head or nn.Linear(13, 3, bias=bias)

    def forward(self, **inputs):
        features = [self.nets[m](inputs[m]) for m in self.order]
        if len({len(f) for f in features}) > 1:
            return SimpleNamespace(logits=None)
        return SimpleNamespace(logits=self.head(torch.cat(features, 1)))


class NamelessNet(nn.Module):
    """No encoder modules: the modalities have parameters of one layer each, in one forward."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.audio_weight = nn.Parameter(torch.randn(3, 3))
        self.video_weight = nn.Parameter(torch.randn(3, 3))
        self.dropout = nn.Dropout(0.5)

    def forward(self, audio, video):
        return self.dropout(audio @ self.audio_weight + video @ self.video_weight)


def inputs(rows=6, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return {m: torch.randn(rows, 3, generator=draw) for m in NAMES}


def read(net, readout, given=None):
    """Fused logits, unimodal logits and features of a forward pass."""
    modalities = ModalityMap(net, {m: f"nets.{m}" for m in NAMES})
    logits = net(**(given or inputs())).logits
    features = modalities.record.take_features()
    return logits, readout(modalities, features), features


@pytest.mark.parametrize("bias", [True, False])
def test_the_parts_of_a_linear_split_sum_to_the_logits(bias):
    logits, parts, _ = read(Net(bias=bias), LinearSplit("head"))
    torch.testing.assert_close(sum(parts.values()), logits)


def test_ablation_with_zeros_is_the_linear_split_and_the_rest_of_the_bias():
    net = Net()
    _, split, _ = read(net, LinearSplit("head"))
    _, ablated, _ = read(net, Ablation("zero"))
    for m in NAMES:
        expected = (net.head.bias * (1 - 1 / 3)).expand(6, 3)
        torch.testing.assert_close(ablated[m] - split[m], expected)


def test_ablation_with_means_replaces_the_others_by_their_mean_features():
    net = Net(head=nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 3)))
    _, ablated, features = read(net, Ablation("mean"))
    means = {m: f.mean(0).expand(6, -1) for m, f in features.items()}
    for kept in NAMES:
        together = torch.cat([features[m] if m == kept else means[m] for m in NAMES], 1)
        torch.testing.assert_close(ablated[kept], net.head(together))


def test_ablation_sends_gradients_to_the_modality_that_it_keeps_and_to_the_head():
    net = Net(head=nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 3)))
    _, ablated, _ = read(net, Ablation("zero"))
    ablated["video"].sum().backward()
    assert net.nets["video"].weight.grad.abs().sum() > 0
    assert net.head[2].weight.grad.abs().sum() > 0
    assert net.nets["audio"].weight.grad is None


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_ablation_reads_unpaired_batches_of_unequal_rows(fill):
    given = {m: x[:rows] for (m, x), rows in zip(inputs().items(), (2, 6, 4), strict=True)}
    logits, ablated, features = read(Net(), Ablation(fill), given)
    assert logits is None
    assert {m: len(z) for m, z in ablated.items()} == {"audio": 2, "video": 6, "touch": 4}
    net = Net()
    for kept in NAMES:
        others = {m: f.mean(0) * (fill == "mean") for m, f in features.items()}
        rows = [features[m] if m == kept else others[m].expand(len(ablated[kept]), -1)
                for m in NAMES]  # fmt: skip
        torch.testing.assert_close(ablated[kept], net.head(torch.cat(rows, 1)))


@pytest.mark.parametrize("unpaired", [False, True])
def test_a_linear_split_refuses_another_order_on_the_first_batch(unpaired):
    net = Net(order=("video", "audio", "touch"))
    balancer = Balancer(
        net, methods.create("dus"), {m: f"nets.{m}" for m in NAMES}, LinearSplit("head")
    )
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    with pytest.raises(BalanceError, match="do not sum to the logits"):
        balancer.loss(net(**inputs()), dict.fromkeys(NAMES, labels) if unpaired else labels)


def test_a_head_of_zeros_cannot_show_the_order_so_that_a_later_batch_is_checked():
    net = Net(order=("video", "audio", "touch"))
    weight = net.head.weight.detach().clone()
    with torch.no_grad():
        net.head.weight.zero_()
    modalities = ModalityMap(net, {m: f"nets.{m}" for m in NAMES})
    split = LinearSplit("head")
    logits = net(**inputs()).logits
    split.check(modalities, modalities.record.take_features(), logits)
    with torch.no_grad():
        net.head.weight.copy_(weight)
    logits = net(**inputs()).logits
    with pytest.raises(BalanceError, match="do not sum to the logits"):
        split.check(modalities, modalities.record.take_features(), logits)


def test_input_ablation_works_without_encoder_modules_and_takes_no_gradient_and_no_draws():
    net = NamelessNet()
    where = {"audio": "audio_weight", "video": "video_weight"}
    modalities = ModalityMap(net, where)
    readout = InputAblation(lambda m, **given: ((), given | {m: torch.zeros_like(given[m])}))
    audio, video = torch.randn(4, 3), torch.randn(4, 3)
    net(audio=audio, video=video)
    before = torch.get_rng_state()

    parts = readout(modalities, modalities.record.take_features())

    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(parts["audio"], audio @ net.audio_weight)
    torch.testing.assert_close(parts["video"], video @ net.video_weight)
    assert not any(z.requires_grad for z in parts.values())
    assert net.training


def test_what_blank_raises_is_told_with_how_it_was_called():
    net = NamelessNet()
    modalities = ModalityMap(net, {"audio": "audio_weight", "video": "video_weight"})
    readout = InputAblation(lambda modality, audio, video: ((audio,), {"video": video[9]}))
    net(torch.zeros(4, 3), video=torch.zeros(4, 3))
    words = (
        r"raised IndexError: .*called as the model was, with 'video', 1 inputs by position and \['v"
    )
    with pytest.raises(BalanceError, match=f"blank of InputAblation {words}"):
        readout(modalities, modalities.record.take_features())


class NamelessLinear(NamelessNet):
    """The same with one linear layer a modality, named by a pattern and never called as such."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleDict({"audio_0": nn.Linear(3, 3), "video_0": nn.Linear(3, 3)})

    def forward(self, audio, video):
        return self.blocks["audio_0"](audio) + self.blocks["video_0"](video)


@pytest.mark.parametrize("settings", [{"significance": "it"}, {"fraction": 0.5}])
def test_amss_runs_on_parameters_alone_where_its_fractions_need_no_features(settings):
    net = NamelessLinear()
    where = {m: rf"blocks\.{m}_\d\..*" for m in ("audio", "video")}
    readout = InputAblation(lambda m, **given: ((), given | {m: torch.zeros_like(given[m])}))
    balancer = Balancer(net, methods.create("amss", **settings), where, readout)
    output = net(audio=torch.randn(6, 3), video=torch.randn(6, 3))
    balancer.loss(output, torch.tensor([0, 1, 2, 0, 1, 2])).backward()
    balancer.before_step()
    balancer.epoch_end()
    assert any(r["name"] == "fraction" for r in balancer.decisions.drain())


def test_auxiliary_heads_train_only_themselves():
    net, heads = Net(), AuxiliaryHeads(WIDTHS, 3)
    encoders = {m: f"nets.{m}" for m in NAMES}
    balancer = Balancer(net, methods.create("amss"), encoders, heads)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    balancer.loss(net(**inputs()), labels).backward()

    alone = Net()
    nn.functional.cross_entropy(alone(**inputs()).logits, labels).backward()
    for mine, theirs in zip(net.parameters(), alone.parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad)
    for m in NAMES:
        own = nn.functional.cross_entropy(heads.heads[m](net.nets[m](inputs()[m]).detach()), labels)
        expected = torch.autograd.grad(own, heads.heads[m].weight)[0]
        torch.testing.assert_close(heads.heads[m].weight.grad, expected)


@pytest.mark.parametrize("readout", [LinearSplit("head"), AuxiliaryHeads(WIDTHS, 3)])
def test_features_of_a_forward_pass_in_half_precision_are_read_in_the_precision_of_the_head(
    readout,
):
    net = Net()
    modalities = ModalityMap(net, {m: f"nets.{m}" for m in NAMES})
    with torch.autocast("cpu", torch.bfloat16):
        net(**inputs())
    features = modalities.record.take_features()

    assert {f.dtype for f in features.values()} == {torch.bfloat16}
    parts = readout(modalities, features)
    wide = readout(modalities, {m: f.float() for m, f in features.items()})
    assert all(torch.equal(parts[m], wide[m]) for m in NAMES)
    assert {p.dtype for p in parts.values()} == {torch.float32}


BLANK = InputAblation(lambda m, **given: ((), given))


@pytest.mark.parametrize("readout", [LinearSplit("head"), Ablation(), BLANK])
def test_unimodal_logits_have_the_precision_of_the_forward_pass_wherever_loss_is_called(readout):
    found = []
    for inside in (True, False):
        net = Net()
        balancer = Balancer(net, methods.create("amss"), {m: f"nets.{m}" for m in NAMES}, readout)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = net(**inputs())
            loss = balancer.loss(output, torch.arange(6) % 3) if inside else None
        loss = loss if inside else balancer.loss(output, torch.arange(6) % 3)
        loss.backward()
        balancer.before_step()
        found.append([loss, *(p.grad for p in net.parameters())])

    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("name", ["joint+unimodal", "dus", "dus-rl"])
@pytest.mark.parametrize("readout", [BLANK, AuxiliaryHeads(WIDTHS, 3)])
def test_losses_of_a_readout_that_reaches_no_encoder_are_refused(name, readout):
    with pytest.raises(BalanceError, match=r"do not reach the encoders.*LinearSplit"):
        Balancer(Net(), methods.create(name), {m: f"nets.{m}" for m in NAMES}, readout)


def test_logits_are_found_in_every_usual_output():
    z = torch.zeros(2, 3)
    for output in (z, SimpleNamespace(logits=z), {"logits": z}, (z, "more")):
        assert logits_of(output) is z
    assert logits_of(SimpleNamespace(logits=None)) is None


@pytest.mark.parametrize("output", [None, [1], {"scores": 1}, SimpleNamespace(logits=[1.0])])
def test_an_output_without_logits_is_refused_by_its_type(output):
    with pytest.raises(BalanceError, match="logits"):
        logits_of(output)


class Halves(Readout):
    """A readout of a user's own: half of the head's own part, which does not sum to the logits."""

    def __call__(self, modalities, features):
        return {m: z / 2 for m, z in LinearSplit("head")(modalities, features).items()}


def test_a_readout_of_your_own_declares_what_it_can_by_defaults():
    logits, parts, _ = read(Net(), Halves())
    assert len(parts) == 3 and logits is not None
    assert (Halves.additive, Halves.differentiable, Halves().title) == (False, True, "Halves")


@pytest.mark.parametrize("readout", ["head", LinearSplit, lambda modalities, features: features])
def test_what_is_no_readout_is_refused(readout):
    encoders = {m: f"nets.{m}" for m in NAMES}
    with pytest.raises(BalanceError, match="readout must be LinearSplit"):
        Balancer(Net(), methods.create("amss"), encoders, readout)
