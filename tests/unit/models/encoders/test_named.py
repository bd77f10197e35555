"""Encoders by name: each builds for each of its kinds, and says no to the others."""

import pytest
import torch
from torch import nn

from equimodal.data import Modality
from equimodal.errors import BalanceError
from equimodal.models import ENCODERS, ConvEncoder, ResNet18, build_model
from equimodal.models.encoders.named import chosen_encoders, default_encoder, named_encoder

KINDS = {
    "image": Modality("image", (3, 12, 10)),
    "spectrogram": Modality("spectrogram", (1, 9, 11)),
    "vector": Modality("vector", (5,)),
    "sequence": Modality("sequence", (7, 4)),
    "text": Modality("text", (6,), 20),
    "video": Modality("video", (2, 3, 9, 9)),
}


def rows(modality, count=3):
    if modality.kind == "text":
        return torch.randint(1, modality.vocabulary, (count, *modality.shape))
    x = torch.randn(count, *modality.shape)
    if modality.kind == "sequence":
        x[..., -1] = 1
    return x


# Of the larger networks one kind is enough: the others differ in the number of channels alone.
PAIRS = [
    (name, kind)
    for name, entry in ENCODERS.items()
    for kind in entry.kinds
    if name not in ("resnet50", "resnet18-gelu") or kind == "video"
]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_features_have_the_stated_width_and_depend_on_the_sample(name, kind):
    torch.manual_seed(0)
    encoder = named_encoder(name, KINDS[kind])
    features = encoder(rows(KINDS[kind]))
    assert features.shape == (3, encoder.width)
    assert not torch.allclose(features[0], features[1])


def test_a_small_encoder_by_name_is_the_one_that_is_there_without_a_name():
    for kind, modality in KINDS.items():
        plain = build_model({kind: modality}, 2, seed=1).state_dict()
        named = build_model({kind: modality}, 2, seed=1, encoders={kind: "small"}).state_dict()
        assert all(torch.equal(weight, named[key]) for key, weight in plain.items())


def test_the_gelu_variant_has_no_relu_and_the_same_weights():
    relu, gelu = (
        build_model({"m": KINDS["image"]}, 2, seed=0, encoders={"m": name}).encoders["m"]
        for name in ("resnet18", "resnet18-gelu")
    )
    assert not any(isinstance(layer, nn.ReLU) for layer in gelu.modules())
    assert sum(isinstance(layer, nn.GELU) for layer in gelu.modules()) == 9
    assert all(map(torch.equal, relu.state_dict().values(), gelu.state_dict().values()))


def test_a_video_is_the_mean_of_the_resnets_features_of_its_frames():
    torch.manual_seed(0)
    encoder = named_encoder("resnet18", KINDS["video"]).eval()
    video = rows(KINDS["video"])
    expected = (encoder.frames(video[:, 0]) + encoder.frames(video[:, 1])) / 2
    torch.testing.assert_close(encoder(video), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "shape", "name"),
    [
        ("image", (3, 64, 200), "small"),
        ("image", (3, 65, 65), "resnet18"),
        ("spectrogram", (1, 40, 400), "small"),
        ("spectrogram", (1, 128, 100), "resnet18"),
        ("video", (8, 3, 64, 64), "small"),
        ("video", (8, 3, 224, 224), "resnet18"),
        ("vector", (500,), "small"),
        ("sequence", (1024, 300), "small"),
        ("sequence", (1025, 2), "conv1d"),
    ],
)
def test_large_pictures_get_a_resnet_and_long_sequences_convolutions_by_default(kind, shape, name):
    assert default_encoder(Modality(kind, shape)) == name


def test_a_choice_holds_against_the_default_and_small_ones_are_left_out():
    large = {"eye": Modality("image", (3, 96, 96)), "skin": Modality("vector", (4,))}
    assert chosen_encoders({}, large) == {"eye": "resnet18"}
    assert chosen_encoders({"eye": "small"}, large) == {}
    assert chosen_encoders({"eye": "mlp", "skin": "mlp"}, large) == {"eye": "mlp", "skin": "mlp"}


def test_a_model_is_built_with_small_encoders_unless_told_otherwise():
    model = build_model({"eye": Modality("image", (1, 80, 80))}, 2, seed=0)
    assert isinstance(model.encoders["eye"], ConvEncoder)
    model = build_model(
        {"eye": Modality("image", (1, 80, 80))}, 2, seed=0, encoders={"eye": "resnet18"}
    )
    assert isinstance(model.encoders["eye"], ResNet18)


def test_what_does_not_fit_names_what_does():
    modalities = {"eye": KINDS["image"], "skin": KINDS["vector"]}
    for given, message in {
        "resnet81": "no encoder 'resnet81'; write one of small, resnet18, .* mean 'resnet18'",
        "conv1d": "'conv1d' reads sequence, spectrogram, found a modality of kind 'image'; write "
        "one of small, resnet18, resnet18-gelu, resnet50, mlp",
    }.items():
        with pytest.raises(BalanceError, match=f"encoder of eye: .*{message}"):
            build_model(modalities, 2, seed=0, encoders={"eye": given})
    with pytest.raises(
        BalanceError, match="'ear', which is no modality here; write one of eye, sk"
    ):
        build_model(modalities, 2, seed=0, encoders={"ear": "mlp"})
