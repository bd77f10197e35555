"""Encoders of several parts: two-tower models with projections, and patterns with features."""

import pytest
import torch
from torch import nn

from contract import fusions
from contract.heads import own_head
from contract.test_encoders import SCHEDULED
from contract.training import quick, taught_by
from equimodal import Ablation, BalanceError, Balancer, Encoder, LinearSplit, diagnose, methods
from equimodal.parts.modalities import ModalityMap
from products import by_class

WIDTH, CLASSES = 5, 3
LAYERS = {m: f"{m}_projection" for m in ("audio", "video")}
TOWERS = {
    m: Encoder([f"{m}_trunk", f"{m}_projection"], features=f"{m}_projection")
    for m in ("audio", "video")
}
PATTERNS = {
    m: Encoder(rf"{m}_(trunk|projection)\..*", features=f"{m}_projection")
    for m in ("audio", "video")
}


class TwoTowers(nn.Module):
    """A trunk and a projection for each modality, side by side as CLIP's are, and a head."""

    def __init__(self):
        super().__init__()
        for m in ("audio", "video"):
            trunk = nn.Sequential(nn.Linear(7, 8), nn.BatchNorm1d(8), nn.Tanh())
            self.add_module(f"{m}_trunk", trunk)
            self.add_module(f"{m}_projection", nn.Linear(8, WIDTH, bias=False))
        self.fc = nn.Linear(2 * WIDTH, CLASSES)

    def features(self, audio, video):
        a = self.audio_projection(self.audio_trunk(audio))
        return a, self.video_projection(self.video_trunk(video))

    def forward(self, audio, video):
        return self.fc(torch.cat(self.features(audio, video), 1))


def made(name, encoders, readout=None, **options):
    model = fusions.built(TwoTowers)
    data = [fusions.batch()]
    return model, Balancer(
        model, methods.create(name, **quick(name)), encoders,
        readout or own_head(name, model, "fc", WIDTH), epochs=6,
        loaders={"train": data, "val": data}, **options,
    )  # fmt: skip


@pytest.mark.parametrize("encoders", [TOWERS, PATTERNS], ids=["parts", "patterns"])
@pytest.mark.parametrize("name", by_class())
def test_every_method_trains_two_towers(name, encoders):
    if "teachers" in methods.create(name).needs:
        with pytest.raises(BalanceError, match="must be one module; found an encoder of several"):
            made(name, encoders, **taught_by(name, fusions.built(TwoTowers), LAYERS))
        return
    losses = fusions.losses_of(*made(name, encoders))
    assert losses[-1] < losses[0] or name in fusions.PARTED | SCHEDULED


@pytest.mark.parametrize("encoders", [TOWERS, PATTERNS], ids=["parts", "patterns"])
def test_parameters_are_of_all_parts_and_features_of_the_one_that_is_named(encoders):
    model = fusions.built(TwoTowers)
    modalities = ModalityMap(model, encoders)
    audio, video, _ = fusions.batch()
    model.eval()
    model(audio, video)
    features = modalities.record.take_features()
    for m, expected in zip(("audio", "video"), model.features(audio, video), strict=True):
        torch.testing.assert_close(features[m], expected)
        own = {n for n, _ in model.named_parameters() if n.startswith(m)}
        assert set(modalities.parameters(m)) == own
    assert not modalities.shared


def test_parts_may_be_modules():
    model = fusions.built(TwoTowers)
    encoders = {
        m: Encoder([trunk, projection], features=projection)
        for m, trunk, projection in (
            ("audio", model.audio_trunk, model.audio_projection),
            ("video", model.video_trunk, model.video_projection),
        )
    }
    found = ModalityMap(model, encoders)
    assert found.modules == {"audio": model.audio_projection, "video": model.video_projection}
    assert len(found.parameters("audio")) == 5


def test_an_ablation_replaces_what_the_projection_gave():
    model, balancer = made("amss", TOWERS, Ablation("zero"))
    model.eval()
    audio, video, _ = fusions.batch()
    model(audio, video)
    features = balancer.setting.modalities.record.take_features()
    parts = balancer.setting.unimodal_logits(features)
    weight = model.fc.weight[:, :WIDTH]
    torch.testing.assert_close(parts["audio"], features["audio"] @ weight.T + model.fc.bias)


def test_batch_normalisation_in_the_trunk_is_seen_and_reset():
    model = fusions.built(TwoTowers)
    method = methods.create("relearn-fixed", every=1, reset_bn_stats=True)
    data = [fusions.batch()]
    loaders = {"train": data, "val": data}
    balancer = Balancer(model, method, TOWERS, loaders=loaders, epochs=6)
    assert balancer.setting.modalities.has_batch_norm()
    audio, video, labels = fusions.batch()
    for _ in range(2):
        balancer.loss(model(audio, video), labels).backward()
        balancer.before_step()
        balancer.epoch_end()
    assert int(model.audio_trunk[1].num_batches_tracked) == 0
    balancer.detach()
    again = methods.create("relearn-fixed", every=1, reset_bn_stats=True)
    with pytest.raises(BalanceError, match=r"found 'audio' named by its parameters only"):
        Balancer(model, again, PATTERNS, loaders=loaders, epochs=6)


def test_without_features_there_are_parameters_alone():
    encoders = {m: Encoder([f"{m}_trunk", f"{m}_projection"]) for m in ("audio", "video")}
    with pytest.raises(BalanceError, match=r"needs the features.*Encoder\(..., features="):
        made("amss", encoders)
    made("amss-fixed", encoders)


WRONG = {
    "no such module of features": (
        lambda: Encoder(["audio_trunk", "audio_projection"], features="audio_projektion"),
        r"features='audio_projektion'\) of 'audio' names no module.*audio_projection",
    ),
    "a part that matches nothing": (
        lambda: Encoder(["audio_trunk", "audio_head"], features="audio_trunk"),
        r"'audio_head' matches no parameter",
    ),
    "a part of the other": (
        lambda: Encoder(["audio_trunk", "video_trunk"], features="audio_trunk"),
        r"belongs to both 'audio' and 'video'.*leave out a part that both use",
    ),
    "a module of another model": (
        lambda: Encoder(["audio_trunk"], features=nn.Linear(8, WIDTH)),
        r"type Linear is not part of the model",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_parts_that_do_not_fit_are_refused_by_name(mistake):
    encoder, words = WRONG[mistake]
    with pytest.raises(BalanceError, match=words):
        made("joint", {"audio": encoder(), "video": TOWERS["video"]})


@pytest.mark.parametrize(("where", "features"), [([], None), ([3], None), ("audio_trunk", 3)])
def test_what_names_no_part_is_refused(where, features):
    with pytest.raises(BalanceError, match=r"Encoder (takes|features)"):
        Encoder(where, features=features)


def test_an_encoder_of_parts_is_trained_alone_by_a_diagnosis():
    model = fusions.built(TwoTowers)
    initial = model.state_dict()
    data = [fusions.batch()]
    found = diagnose(
        model, {"train": data, "test": data}, TOWERS, LinearSplit("fc"), untrained=initial,
        train_alone_epochs=2, train_alone_seeds=1, batch_size=4,
        optimizer=lambda weights: torch.optim.SGD(weights, lr=0.1),
    )  # fmt: skip
    assert found["missing"] == []
    for judged in found["verdict"]["modalities"].values():
        assert judged["probe"]["alone"] is not None and judged["probe"]["fitted"] is not None


def test_an_encoder_of_parts_takes_no_weights_of_its_own():
    model = fusions.built(TwoTowers)
    data = [fusions.batch()]
    with pytest.raises(BalanceError, match="made of several parts"):
        diagnose(model, {"train": data, "test": data}, TOWERS, alone={"audio": {}})
