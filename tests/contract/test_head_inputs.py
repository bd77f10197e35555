"""A linear head is split by what it really reads, or the layer that mixes modalities is named."""

import pytest
import torch
from torch import nn

from contract import fusions
from equimodal import (
    BalanceError,
    Balancer,
    CosineHead,
    CosineSplit,
    Encoder,
    LinearSplit,
    methods,
)

ENCODERS = {"audio": "audio_net", "video": "video_net"}
WIDTH = fusions.WIDTH


class Scaling(nn.Module):
    """A learned factor a feature, which begins as one: the first batch does not show it."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(2 * WIDTH))

    def forward(self, x):
        return self.factor * x


class Residual(nn.Module):
    """A linear layer over both, added: the first numbers of each still hold the other."""

    def __init__(self):
        super().__init__()
        self.mixer = nn.Linear(2 * WIDTH, 2 * WIDTH)

    def forward(self, x):
        return x + self.mixer(x)


class HalfOfBoth(nn.Module):
    """A normalisation without a layer of its own."""

    def forward(self, x):
        return nn.functional.layer_norm(x, x.shape[1:])


ELEMENTWISE = {
    "dropout": lambda: nn.Dropout(0.5),
    "activation": nn.ReLU,
    "batch normalisation": lambda: nn.BatchNorm1d(2 * WIDTH),
    "scaling": Scaling,
    "several": lambda: nn.Sequential(nn.BatchNorm1d(2 * WIDTH), nn.GELU(), nn.Dropout(0.1)),
    "a normalisation of each": lambda: nn.GroupNorm(2, 2 * WIDTH),
}
MIXING = {
    "layer normalisation": (lambda: nn.LayerNorm(2 * WIDTH), r"'between' \(LayerNorm\)"),
    "a linear layer": (lambda: nn.Linear(2 * WIDTH, 2 * WIDTH), r"'between' \(Linear\)"),
    "one of several": (
        lambda: nn.Sequential(nn.ReLU(), nn.LayerNorm(2 * WIDTH), nn.Dropout(0.1)),
        r"'between.1' \(LayerNorm\)",
    ),
    "a residual": (Residual, r"'between.mixer' \(Linear\)"),
    "a function": (HalfOfBoth, r"'between' \(HalfOfBoth\)"),
}


def seen_by(head):
    """What goes into a layer, kept by a hook of the test's own."""
    seen = []
    head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    return seen


@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_the_parts_are_of_what_the_head_reads(kind):
    model = fusions.built(lambda: fusions.Between(ELEMENTWISE[kind]()))
    balancer = Balancer(model, methods.create("joint+unimodal"), ENCODERS, LinearSplit("fc"))
    seen = seen_by(model.fc)
    audio, video, labels = fusions.batch()
    for _ in range(2):
        logits = model(audio, video)
        given = seen[-1]
        expected = nn.functional.cross_entropy(logits, labels)
        for k in range(2):
            block = slice(WIDTH * k, WIDTH * (k + 1))
            part = given[:, block] @ model.fc.weight[:, block].T + model.fc.bias / 2
            expected = expected + nn.functional.cross_entropy(part, labels)
        loss = balancer.loss(logits, labels)
        torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
        found = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        wanted = torch.autograd.grad(expected, list(model.parameters()))
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
        with torch.no_grad():
            for p in model.parameters():
                p += 0.1 * torch.randn_like(p)


@pytest.mark.parametrize("kind", MIXING)
def test_a_layer_that_mixes_modalities_is_named(kind):
    layer, name = MIXING[kind]
    model = fusions.built(lambda: fusions.Between(layer()))
    balancer = Balancer(model, methods.create("amss"), ENCODERS, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=rf"the layer {name} mixes modalities.*Ablation"):
        balancer.loss(model(audio, video), labels)


def test_frozen_encoders_are_told_from_a_mixing_layer_too():
    model = fusions.built(lambda: fusions.Between(nn.LayerNorm(2 * WIDTH)))
    for net in (model.audio_net, model.video_net):
        net.requires_grad_(False)
    balancer = Balancer(model, methods.create("joint"), ENCODERS, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"'between' \(LayerNorm\) mixes"):
        balancer.loss(model(audio, video), labels)


def test_features_of_frozen_encoders_are_read_as_before_to_the_bit():
    model = fusions.built(fusions.Concatenation)
    model.audio_net.requires_grad_(False)
    balancer = Balancer(model, methods.create("joint"), ENCODERS, LinearSplit("fc"))
    audio, video, _ = fusions.batch()
    model(audio, video)
    features = balancer.setting.modalities.record.take_features()
    parts = balancer.setting.unimodal_logits(features)
    weight = model.fc.weight.split(WIDTH, 1)
    for w, (m, f) in zip(weight, features.items(), strict=True):
        assert torch.equal(parts[m], nn.functional.linear(f, w, model.fc.bias / 2))


def test_another_order_behind_a_dropout_is_told():
    model = fusions.built(fusions.Between)
    swapped = {"video": "video_net", "audio": "audio_net"}
    balancer = Balancer(model, methods.create("amss"), swapped, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"in the order \['audio', 'video'\]"):
        balancer.loss(model(audio, video), labels)


def test_the_first_batch_leaves_modes_draws_and_statistics_as_they_were():
    found = []
    for name in ("joint", "none"):
        layer = nn.Sequential(nn.BatchNorm1d(2 * WIDTH), nn.Dropout(0.5))
        model = fusions.built(lambda layer=layer: fusions.Between(layer))
        audio, video, labels = fusions.batch()
        torch.manual_seed(0)
        if name == "joint":
            balancer = Balancer(model, methods.create("joint"), ENCODERS, LinearSplit("fc"))
            balancer.loss(model(audio, video), labels).backward()
        else:
            nn.functional.cross_entropy(model(audio, video), labels).backward()
        state = [torch.randn(3), *(p.grad for p in model.parameters()), *model.buffers()]
        found.append((state, [x.training for x in model.modules()]))
    assert all(torch.equal(one, other) for one, other in zip(*(f[0] for f in found), strict=True))
    assert found[0][1] == found[1][1]


class OwnLayers(fusions.LogitSum):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def fuse(self, a, v):
        return self.fc(self.drop(a)) + self.fc_v(torch.relu(v))


def test_a_layer_for_each_modality_is_read_behind_its_dropout():
    model = fusions.built(OwnLayers)
    readout = LinearSplit({"audio": "fc", "video": "fc_v"})
    balancer = Balancer(model, methods.create("joint"), ENCODERS, readout)
    seen, other = seen_by(model.fc), seen_by(model.fc_v)
    audio, video, labels = fusions.batch()
    logits = model(audio, video)
    balancer.loss(logits, labels)
    model(audio, video)
    parts = balancer.setting.unimodal_logits(balancer.setting.modalities.record.take_features())
    torch.testing.assert_close(parts["audio"], model.fc(seen[-1]), rtol=0, atol=1e-12)
    torch.testing.assert_close(parts["video"], model.fc_v(other[-1]), rtol=0, atol=1e-12)


def test_a_layer_of_one_modality_that_reads_another_is_refused():
    class Crossed(fusions.LogitSum):
        def fuse(self, a, v):
            return self.fc(a + v) + self.fc_v(v)

    model = fusions.built(Crossed)
    readout = LinearSplit({"audio": "fc", "video": "fc_v"})
    balancer = Balancer(model, methods.create("joint"), ENCODERS, readout)
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"'fc' of 'audio' also reads.*'video'.*Crossed.forward"):
        balancer.loss(model(audio, video), labels)


class Dropped(fusions.FeatureSum):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def fuse(self, a, v):
        return self.fc(self.drop(a + v))


@pytest.mark.parametrize("begins_in_evaluation", [False, True])
def test_a_dropout_after_a_sum_is_named(begins_in_evaluation):
    model = fusions.built(Dropped)
    balancer = Balancer(model, methods.create("amss"), ENCODERS, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    if begins_in_evaluation:
        balancer.loss(model.eval()(audio, video), labels).backward()
        balancer.before_step()
        model.train()
    with pytest.raises(BalanceError, match=r"do not sum.*ran 'drop' \(Dropout\)"):
        balancer.loss(model(audio, video), labels)


def refusal(kind, encoders=ENCODERS, readout=None):
    """What the first batch of a model is told."""
    model = fusions.built(kind)
    balancer = Balancer(model, methods.create("joint"), encoders, readout or LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError) as error:
        balancer.loss(model(audio, video), labels)
    return str(error.value)


class Interleaved(fusions.Concatenation):
    def fuse(self, a, v):
        return self.fc(torch.stack([a, v], -1).flatten(1))


class Around(fusions.Concatenation):
    """One modality's features before and behind those of the other."""

    def fuse(self, a, v):
        return self.fc(torch.cat([a[:, :2], v, a[:, 2:]], 1))


class Flipped(fusions.Concatenation):
    def fuse(self, a, v):
        return self.fc(torch.cat([a, v], 1).flip(1))


class FlippedEach(fusions.Concatenation):
    def fuse(self, a, v):
        return self.fc(torch.cat([a.flip(1), v.flip(1)], 1))


@pytest.mark.parametrize("kind", [Interleaved, Around])
def test_features_in_no_blocks_are_told_from_another_order(kind):
    found = refusal(kind)
    assert "do not sum to the logits: the head reads their features interleaved" in found
    assert "torch.cat([...], -1), in the order of encoders" in found
    assert "reorder encoders" not in found


def test_the_order_that_is_advised_works():
    assert "in the order ['video', 'audio']; reorder encoders" in refusal(Flipped)
    turned = {m: ENCODERS[m] for m in ("video", "audio")}
    for kind, encoders in ((Flipped, turned), (FlippedEach, ENCODERS)):
        model = fusions.built(kind)
        balancer = Balancer(model, methods.create("amss"), encoders, LinearSplit("fc"))
        audio, video, labels = fusions.batch()
        balancer.loss(model(audio, video), labels).backward()
        balancer.before_step()


class Scaled(fusions.Between):
    """Logits times a temperature, behind a dropout that is none of the trouble."""

    def fuse(self, a, v):
        return 4 * super().fuse(a, v)


class Normalised(fusions.Concatenation):
    def __init__(self):
        super().__init__()
        self.last = nn.LogSoftmax(1)

    def fuse(self, a, v):
        return self.last(super().fuse(a, v))


class ScaledSum(fusions.LogitSum):
    def fuse(self, a, v):
        return super().fuse(a, v) / 2


OWN = LinearSplit({"audio": "fc", "video": "fc_v"})
AFTER = {
    "a factor": (Scaled, None, "'fc' gives: after it comes Scaled.forward itself, which makes them "
                 "4 times as large"),
    "a layer": (Normalised, None, "'fc' gives: after it comes 'last' (LogSoftmax). Do that before "
                "the head or leave it to the loss"),
    "a mean of logits": (ScaledSum, OWN, "the sum of the layers ['fc', 'fc_v'] gives: after it "
                         "comes ScaledSum.forward itself, which makes them 0.5 times as large"),
}  # fmt: skip


@pytest.mark.parametrize("case", AFTER)
def test_what_follows_the_head_is_named_and_no_layer_before_it(case):
    kind, readout, words = AFTER[case]
    found = refusal(kind, readout=readout)
    assert words in found
    assert "Dropout" not in found and "Between" not in found


class DroppedSum(fusions.FeatureSum):
    def fuse(self, a, v):
        return self.fc(nn.functional.dropout(a + v, 0.5, self.training))


class Mean(fusions.FeatureSum):
    def fuse(self, a, v):
        return self.fc(torch.stack([a, v]).mean(0))


class Weighted(fusions.FeatureSum):
    def fuse(self, a, v):
        return self.fc(3 * (a + v))


class Product(fusions.FeatureSum):
    def fuse(self, a, v):
        return self.fc(a * v)


BEFORE = {
    DroppedSum: "DroppedSum.forward itself takes a dropout of the sum of the features",
    Mean: "Mean.forward itself takes the mean of the features",
    Weighted: "Weighted.forward itself takes 3 times the sum of the features",
    Product: "Product.forward itself takes no sum of the features, but ends in Mul",
}


@pytest.mark.parametrize("kind", BEFORE)
def test_a_function_between_a_sum_and_the_head_is_named(kind):
    found = refusal(kind)
    assert f"Between the encoders and the head {BEFORE[kind]}:" in found
    assert "inside the encoders, or use Ablation('zero')" in found


class Tied(fusions.FeatureSum):
    """The head's weight is used, and the layer itself does not run."""

    def fuse(self, a, v):
        return nn.functional.linear(a + 2 * v, self.fc.weight, self.fc.bias)


class SharedMean(fusions.FeatureSum):
    def fuse(self, a, v):
        return (self.fc(a) + self.fc(v)) / 2


SHARED = LinearSplit({"audio": "fc", "video": "fc"})


def test_a_head_that_did_not_run_is_named():
    assert "The layer 'fc' ran 0 times in this forward pass, and not 1" in refusal(Tied)
    assert "'fc' ran 2 times in this forward pass, and not 1" in refusal(SharedMean)


def test_a_head_that_modalities_share_runs_once_for_each():
    assert "which makes them 0.5 times as large" in refusal(SharedMean, readout=SHARED)


class Stacked(fusions.Concatenation):
    def __init__(self, *more):
        super().__init__()
        self.fc = nn.Sequential(nn.Dropout(0.5), self.fc, *more)


def test_the_only_linear_layer_of_a_head_is_advised_and_serves():
    assert "found Sequential. Its only linear layer is 'fc.1': name that." in refusal(Stacked)
    deep = refusal(lambda: Stacked(nn.ReLU(), nn.Linear(fusions.CLASSES, fusions.CLASSES)))
    assert "only linear" not in deep and "Ablation('zero')" in deep
    model = fusions.built(Stacked)
    balancer = Balancer(model, methods.create("amss"), ENCODERS, LinearSplit("fc.1"))
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), labels).backward()
    balancer.before_step()


def test_what_follows_a_cosine_head_is_told_too():
    def cosines():
        model = Scaled()
        model.fc = CosineHead([WIDTH, WIDTH], fusions.CLASSES)
        return model

    found = refusal(cosines, readout=CosineSplit("fc"))
    assert "CosineSplit('fc'): the parts" in found and "makes them 4 times as large" in found


def test_a_weight_that_is_made_of_others_is_read_in_a_refusal_too():
    def normed():
        model = Scaled()
        nn.utils.parametrizations.weight_norm(model.fc)
        return model

    assert "makes them 4 times as large" in refusal(normed)


class Frames(fusions.Between):
    """Encoders of frames, whose mean over time the head reads behind a dropout."""

    def fuse(self, a, v):
        return super().fuse(a.mean(1), v.mean(1))


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.LayerNorm(2 * WIDTH)])
def test_pooled_features_are_read_and_told_apart_too(layer):
    model = fusions.built(lambda: Frames(layer))
    encoders = {m: Encoder(name, pool="mean") for m, name in ENCODERS.items()}
    balancer = Balancer(model, methods.create("amss"), encoders, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    output = model(audio[:, None] * torch.ones(1, 4, 1), video[:, None] * torch.ones(1, 4, 1))
    if isinstance(layer, nn.LayerNorm):
        with pytest.raises(BalanceError, match=r"'between' \(LayerNorm\) mixes"):
            balancer.loss(output, labels)
    else:
        balancer.loss(output, labels).backward()
        balancer.before_step()


def test_rows_that_the_head_never_saw_are_refused_behind_a_layer():
    model = fusions.built(fusions.Between)
    balancer = Balancer(model, methods.create("dus"), ENCODERS, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), labels)
    model.audio_net(audio[:4]), model.video_net(video)
    with pytest.raises(BalanceError, match=r"layers lie between.*Ablation\('zero'\)"):
        balancer.loss({"logits": None}, {"audio": labels[:4], "video": labels})
