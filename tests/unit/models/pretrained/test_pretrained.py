"""Hugging Face models as encoders: tiny ones, made here and read from folders."""

import json
import logging

import pytest
import torch

from equimodal.data import Modality
from equimodal.errors import BalanceError
from equimodal.methods import create
from equimodal.models import build_model
from equimodal.models.encoders.named import check_encoder, chosen_encoders, named_encoder
from equimodal.models.pretrained.encoder import parsed, relative
from equimodal.parts.units import find_units

transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
}  # fmt: skip
WAVE = {
    "conv_dim": (4, 4), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
PROCESSOR = {"do_normalize": True, "image_mean": [0.2, 0.4, 0.6], "image_std": [0.1, 0.2, 0.5]}

TEXT = Modality("text", (6,), 30, tokens="hf")
IMAGE = Modality("image", (3, 12, 12), scaling=(100.0, 50.0))
SOUND = Modality("spectrogram", (1, 16, 20))
WAVES = Modality("sequence", (200, 2))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of tiny models: bert, vit, resnet, ast, wav2vec2 and wav2vec2 without masks."""
    folder = tmp_path_factory.mktemp("models")
    t = transformers
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models = {
            "bert": t.BertModel(t.BertConfig(vocab_size=29, max_position_embeddings=6, **SMALL)),
            "vit": t.ViTModel(t.ViTConfig(image_size=8, patch_size=4, **SMALL)),
            "resnet": t.ResNetModel(t.ResNetConfig(
                embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic"
            )),
            "ast": t.ASTModel(t.ASTConfig(num_mel_bins=16, max_length=24, patch_size=8, **SMALL)),
            "layer": t.Wav2Vec2Model(t.Wav2Vec2Config(
                feat_extract_norm="layer", do_stable_layer_norm=True, **WAVE, **SMALL
            )),
            "group": t.Wav2Vec2Model(t.Wav2Vec2Config(**WAVE, **SMALL)),
        }  # fmt: skip
    transformers.utils.logging.disable_progress_bar()
    for name, model in models.items():
        model.save_pretrained(folder / name)
    (folder / "vit" / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


@pytest.fixture
def built(home):
    """An encoder of a folder in evaluation mode, and the model that is in it."""

    def build(name, modality, suffix=""):
        encoder = named_encoder(f"hf:{home / name}{suffix}", modality).eval()
        model = transformers.AutoModel.from_pretrained(home / name).eval()
        return encoder, model

    return build


def test_a_name_may_end_in_frozen():
    assert parsed("hf:a/b,frozen").place == "a/b" and parsed("hf:a/b,frozen").frozen
    assert parsed("hf:a,b").place == "a,b" and not parsed("hf:a,b").frozen


def test_an_absolute_folder_is_written_as_seen_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert relative(f"hf:{tmp_path}/m/bert,frozen") == "hf:m/bert,frozen"
    assert relative("hf:m/bert") == "hf:m/bert"


def test_a_plan_holds_no_absolute_path(home, monkeypatch):
    monkeypatch.chdir(home)
    chosen = chosen_encoders({"words": f"hf:{home / 'bert'},frozen"}, {"words": TEXT})
    assert chosen == {"words": "hf:bert,frozen"}


@torch.no_grad()
def test_a_text_is_berts_pooled_output_of_its_own_tokens(built):
    encoder, model = built("bert", TEXT)
    x = torch.tensor([[3, 8, 29, 0, 0, 0], [3, 4, 5, 6, 7, 8]])
    ids = [[2, 7, 28], [2, 3, 4, 5, 6, 7]]
    for row, numbers in enumerate(ids):
        alone = model(torch.tensor([numbers])).pooler_output
        torch.testing.assert_close(encoder(x)[row : row + 1], alone, rtol=1e-4, atol=1e-5)
    assert encoder.width == 8


@torch.no_grad()
def test_an_image_reaches_vit_at_its_size_by_the_mean_and_deviation_of_its_folder(built):
    encoder, model = built("vit", IMAGE)
    pixels = torch.randint(0, 256, (2, 3, 8, 8)).float()
    own = Modality("image", (3, 8, 8), scaling=IMAGE.scaling)
    mean, deviation = (
        torch.tensor(PROCESSOR[k]).view(3, 1, 1) for k in ("image_mean", "image_std")
    )
    expected = model((pixels / 255 - mean) / deviation).pooler_output
    torch.testing.assert_close(built("vit", own)[0]((pixels - 100) / 50), expected)
    larger = torch.randn(2, 3, 12, 12)
    assert encoder.inputs(larger)[0]["pixel_values"].shape == (2, 3, 8, 8)


@torch.no_grad()
def test_pictures_of_unknown_pixels_stay_standardised_and_grey_is_every_colour(built):
    encoder, model = built("vit", Modality("spectrogram", (1, 8, 8)))
    grey = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(encoder(grey), model(grey.expand(-1, 3, -1, -1)).pooler_output)


@torch.no_grad()
def test_a_resnet_keeps_the_size_and_a_video_is_the_mean_of_its_frames(built):
    encoder, model = built("resnet", Modality("video", (2, 3, 12, 10)))
    video = torch.randn(3, 2, 3, 12, 10)
    frames = [model(video[:, k]).pooler_output.flatten(1) for k in range(2)]
    torch.testing.assert_close(encoder(video), (frames[0] + frames[1]) / 2, rtol=1e-4, atol=1e-5)
    assert encoder.width == 8


@torch.no_grad()
def test_a_spectrogram_is_turned_halved_and_padded_for_ast(built):
    encoder, model = built("ast", SOUND)
    x = torch.randn(2, 1, 16, 20)
    rows = torch.cat([x[:, 0].transpose(1, 2) / 2, torch.zeros(2, 4, 16)], 1)
    assert torch.equal(encoder.inputs(x)[0]["input_values"], rows)
    torch.testing.assert_close(encoder(x), model(rows).pooler_output)


@torch.no_grad()
@pytest.mark.parametrize("name", ["layer", "group"])
def test_a_raw_sound_is_standardised_over_its_own_samples_and_averaged_over_them(name, built):
    encoder, model = built(name, WAVES)
    x = torch.zeros(2, 200, 2)
    x[0, :120, 0], x[1, :, 0] = 3 + torch.randn(120), torch.randn(200)
    x[0, :120, 1] = x[1, :, 1] = 1
    noisy = x.clone()
    noisy[0, 120:, 0] = 77
    torch.testing.assert_close(encoder(noisy), encoder(x), rtol=0, atol=0)
    rows = torch.zeros(2, 200)
    for row, length in enumerate((120, 200)):
        own = x[row, :length, 0]
        rows[row, :length] = (own - own.mean()) / (own.var(correction=0) + 1e-7).sqrt()
    mask = x[..., 1].long()
    hidden = model(rows, attention_mask=mask if name == "layer" else None).last_hidden_state
    # 120 samples -> (120 - 10) // 5 + 1 = 23 -> (23 - 3) // 2 + 1 = 11 steps.
    expected = torch.stack([hidden[0, :11].mean(0), hidden[1].mean(0)])
    torch.testing.assert_close(encoder(x), expected, rtol=1e-4, atol=1e-5)


def test_a_frozen_encoder_stays_in_evaluation_mode_and_has_no_gradient(built):
    encoder, _ = built("bert", TEXT, ",frozen")
    encoder.train()
    assert encoder.training and not encoder.model.training
    assert not any(p.requires_grad for p in encoder.parameters())
    assert not encoder(torch.ones(2, 6, dtype=torch.long)).requires_grad


def test_weights_follow_the_folder_and_not_the_seed(home):
    spec = {"words": f"hf:{home / 'bert'}"}
    torch.manual_seed(4)
    expected = torch.rand(2)
    torch.manual_seed(4)
    first, second = (build_model({"words": TEXT}, 2, seed=s, encoders=spec) for s in (0, 1))
    assert torch.equal(torch.rand(2), expected)
    for one, other in zip(first.encoders.parameters(), second.encoders.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(first.head.weight, second.head.weight)


def test_a_pooler_without_weights_is_left_out(home, tmp_path):
    bare = transformers.BertModel.from_pretrained(home / "bert", add_pooling_layer=False)
    bare.save_pretrained(tmp_path)
    encoder = named_encoder(f"hf:{tmp_path}", TEXT).eval()
    x = torch.tensor([[3, 8, 9, 0, 0, 0]])
    hidden = bare.eval()(torch.tensor([[2, 7, 8]])).last_hidden_state
    torch.testing.assert_close(encoder(x), hidden.mean(1), rtol=1e-4, atol=1e-5)


def test_missing_weights_are_not_drawn_by_chance(home, tmp_path):
    model = transformers.BertModel.from_pretrained(home / "bert")
    state = {k: v for k, v in model.state_dict().items() if "query" not in k}
    model.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(BalanceError, match=r"lacks 2 weights of a bert, such as .*query"):
        named_encoder(f"hf:{tmp_path}", TEXT)


def test_loading_says_nothing_and_leaves_the_users_verbosity(home, capfd):
    logger = transformers.utils.logging
    logger.set_verbosity_info()
    logger.enable_progress_bar()
    try:
        named_encoder(f"hf:{home / 'vit'}", IMAGE)
        assert capfd.readouterr() == ("", "")
        assert logger.get_verbosity() == logging.INFO and logger.is_progress_bar_enabled()
    finally:
        logger.set_verbosity_warning()
        logger.disable_progress_bar()


MISFITS = {
    "a sound for a text model": ("bert", SOUND, "is a bert, which reads text, found .*spectrogram"),
    "a text for ViT": ("vit", TEXT, "reads images, spectrograms or videos, found .* kind 'text'"),
    "a wave for AST": ("ast", WAVES, "reads spectrograms, found a modality of kind 'sequence'"),
    "a spectrogram for wav2vec2": (
        "group",
        SOUND,
        "reads sounds as sequences, found .*spectrogram",
    ),
    "other bands": (
        "ast",
        Modality("spectrogram", (1, 40, 20)),
        "of 16 bands, found 40.*bands: 16",
    ),
    "other channels": ("vit", Modality("image", (2, 8, 8)), "3 channels, found 2; declare"),
    "three numbers a step": ("group", Modality("sequence", (50, 4)), "one number a step, found 3"),
    "our own words": ("bert", Modality("text", (6,), 12, tokens="words"), "declare tokens: hf:"),
    "a larger vocabulary": ("bert", Modality("text", (6,), 31, tokens="hf"), "29 tokens.*found 31"),
    "longer texts": (
        "bert",
        Modality("text", (7,), 30, tokens="hf"),
        "6 tokens at most.*length: 6",
    ),
}


@pytest.mark.parametrize(("name", "modality", "message"), MISFITS.values(), ids=MISFITS)
def test_what_a_model_cannot_read_is_refused_before_its_weights_are_loaded(
    name, modality, message, home
):
    with pytest.raises(BalanceError, match=message):
        check_encoder(f"hf:{home / name}", modality)


def test_a_folder_that_is_not_there_or_holds_no_model_is_named(tmp_path, home):
    with pytest.raises(BalanceError, match=r"no folder '.*none' of a Hugging Face model"):
        check_encoder(f"hf:{tmp_path / 'none'}", TEXT)
    with pytest.raises(BalanceError, match=r"cannot be loaded .*Without a network write hf:FOLDER"):
        check_encoder(f"hf:{tmp_path}", TEXT)


def test_without_a_network_a_name_is_one_line_that_names_the_folder_form(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("We couldn't connect to the hub\nand more lines")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(BalanceError) as caught:
        chosen_encoders({"words": "hf:nobody/bert"}, {"words": TEXT})
    assert "'nobody/bert' cannot be loaded (We couldn't connect to the hub)" in str(caught.value)
    assert "hf:FOLDER" in str(caught.value) and "\n" not in str(caught.value)


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(BalanceError, match=r"pip install 'equimodal\[huggingface\]'"):
        check_encoder("hf:bert", TEXT)


def trained(home, method, *, frozen=False):
    """A model of a text and an image after one step of a method, its balancer and its gradients."""
    from equimodal import Balancer

    modalities = {"words": TEXT, "eye": IMAGE}
    spec = f"hf:{home / 'bert'}" + (",frozen" if frozen else "")
    model = build_model(modalities, 3, seed=0, encoders={"words": spec}).train()
    balancer = Balancer(
        model, method, {m: f"encoders.{m}" for m in modalities}, model.readout(), seed=0,
        loaders={"train": (), "val": ()}, epochs=1,
    )  # fmt: skip
    draw = torch.Generator().manual_seed(0)
    inputs = {
        "words": torch.randint(1, 30, (8, 6), generator=draw),
        "eye": torch.randn(8, 3, 12, 12, generator=draw),
    }
    balancer.loss(model(inputs), torch.arange(8) % 3).backward()
    balancer.before_step()
    return model, balancer


def test_berts_heads_are_units_of_which_amss_updates_a_share(home):
    model, balancer = trained(home, create("amss"))
    units = {u.name: u for u in balancer.setting.modalities.units("words")}
    (attention,) = [u for name, u in units.items() if name.endswith("attention.self")]
    assert attention.count == 2 and len(attention.parts) == 3
    assert attention.name in {u.name for u in find_units(model)}
    touched = [
        part.view(part.parameter.grad).abs().sum(part.others) > 0 for part in attention.parts
    ]
    assert all(torch.equal(touched[0], other) for other in touched)  # a head as a whole
    assert balancer.setting.method.acted


@pytest.mark.parametrize("method", ["joint", "joint+unimodal", "amss", "amss~relearn"])
def test_methods_leave_a_frozen_encoder_as_it_is_and_train_the_other(method, home):
    model, _ = trained(home, create(method), frozen=True)
    assert all(p.grad is None for p in model.encoders["words"].parameters())
    assert any(p.grad.abs().sum() > 0 for p in model.encoders["eye"].parameters())
