"""Heads of Hugging Face models, held against what the models compute.

A head that is scaled in all its projections must change its own columns in the input of the layer
that mixes the heads, and no other column.
"""

import pytest
import torch
from torch import nn

from contract.models import Conv1D, SelfAttention
from equimodal.parts.attention import find_heads
from equimodal.parts.units import find_units

transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 24,
}  # fmt: skip
WORDS = {"vocab_size": 30, "max_position_embeddings": 16} | SMALL
UNTOKENED = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
PICTURE = {"image_size": 8, "patch_size": 4} | SMALL
DECODER = {"vocab_size": 30} | SMALL | UNTOKENED
GPT2 = {"vocab_size": 30, "n_positions": 16, "n_embd": 16, "n_layer": 1, "n_head": 4} | UNTOKENED
WAVE = {
    "conv_dim": (8, 8), "conv_stride": (5, 2), "conv_kernel": (10, 3),
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "layerdrop": 0.0,
} | SMALL  # fmt: skip
T5 = {"vocab_size": 30, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 1, "num_heads": 4}


def tokens():
    return {"input_ids": torch.arange(10).reshape(2, 5)}


def image():
    return {"pixel_values": torch.randn(2, 3, 8, 8)}


def with_context():
    return {**tokens(), "encoder_hidden_states": torch.randn(2, 3, 16)}


# Model, its configuration, an input, the attention, its output layer, heads, and the layers that
# the heads cover.
CASES = {
    "bert": (
        "Bert", WORDS, tokens, "encoder.layer.0.attention.self",
        "encoder.layer.0.attention.output.dense", 4, "query key value",
    ),
    "distilbert": (
        "DistilBert",
        {"vocab_size": 30, "max_position_embeddings": 16, "dim": 16, "n_layers": 1, "n_heads": 4,
         "hidden_dim": 24},
        tokens, "transformer.layer.0.attention", "transformer.layer.0.attention.out_lin",
        4, "q_lin k_lin v_lin",
    ),
    "vit": ("ViT", PICTURE, image, "layers.0.attention", "layers.0.attention.o_proj", 4,
            "q_proj k_proj v_proj"),
    "ast": (
        "AST", {"max_length": 24, "num_mel_bins": 20, "patch_size": 8} | SMALL,
        lambda: {"input_values": torch.randn(2, 24, 20)},
        "layers.0.attention", "layers.0.attention.o_proj", 4, "q_proj k_proj v_proj",
    ),
    "wav2vec2": (
        "Wav2Vec2", WAVE, lambda: {"input_values": torch.randn(2, 200)},
        "encoder.layers.0.attention", "encoder.layers.0.attention.out_proj", 4,
        "q_proj k_proj v_proj",
    ),
    "t5": (
        "T5Encoder", T5, tokens, "encoder.block.0.layer.0.SelfAttention",
        "encoder.block.0.layer.0.SelfAttention.o", 4, "q k v",
    ),
    "clip, text": (
        "CLIPText", WORDS | {"eos_token_id": 9}, tokens, "encoder.layers.0.self_attn",
        "encoder.layers.0.self_attn.out_proj", 4, "q_proj k_proj v_proj",
    ),
    "clip, image": (
        "CLIPVision", PICTURE, image, "encoder.layers.0.self_attn",
        "encoder.layers.0.self_attn.out_proj", 4, "q_proj k_proj v_proj",
    ),
    "deberta": (
        "DebertaV2", WORDS, tokens, "encoder.layer.0.attention.self",
        "encoder.layer.0.attention.output.dense", 4, "query_proj key_proj value_proj",
    ),
    "llama, four heads share two": (
        "Llama", DECODER | {"num_key_value_heads": 2}, tokens, "layers.0.self_attn",
        "layers.0.self_attn.o_proj", 2, "q_proj k_proj v_proj",
    ),
    "gemma, four heads share one": (
        "Gemma", DECODER | {"num_key_value_heads": 1, "head_dim": 8}, tokens, "layers.0.self_attn",
        "layers.0.self_attn.o_proj", 4, "q_proj",
    ),
    "gpt2": ("GPT2", GPT2, tokens, "h.0.attn", "h.0.attn.c_proj", 4, "c_attn"),
    "gpt2, across": (
        "GPT2", GPT2 | {"add_cross_attention": True}, with_context, "h.0.crossattention",
        "h.0.crossattention.c_proj", 4, "c_attn q_attn",
    ),
    "blip": ("BlipVision", PICTURE, image, "encoder.layers.0.self_attn",
             "encoder.layers.0.self_attn.projection", 4, "qkv"),
    "modernbert": ("ModernBert", WORDS | UNTOKENED | {"cls_token_id": None, "sep_token_id": None},
                   tokens, "layers.0.attn", "layers.0.attn.Wo", 4, "Wqkv"),
    "gpt-neox": ("GPTNeoX", DECODER, tokens, "layers.0.attention", "layers.0.attention.dense", 4,
                 "query_key_value"),
    "bloom": (
        "Bloom", {"vocab_size": 30, "hidden_size": 16, "n_layer": 1, "n_head": 4} | UNTOKENED,
        tokens, "h.0.self_attention", "h.0.self_attention.dense", 4, "query_key_value",
    ),
}  # fmt: skip


def built(kind, settings):
    """A model in evaluation mode, with weights large enough to tell heads apart."""
    config_of = kind.removesuffix("Encoder") if kind.startswith("T5") else kind
    config = getattr(transformers, f"{config_of}Config")(**settings)
    config._attn_implementation = "eager"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, f"{kind}Model")(config).eval()
        for parameter in model.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter)
    return model


@torch.no_grad()
def mixed(model, layer, inputs):
    """What comes into the layer that mixes the heads. -> (N, T, width)"""
    seen = []
    hook = model.get_submodule(layer).register_forward_pre_hook(lambda _, args: seen.append(*args))
    try:
        model(**inputs)
    finally:
        hook.remove()
    return seen[0].flatten(0, -2)


@torch.no_grad()
def scaled(units, index, factor):
    for part in units.parts:
        one = torch.ones(units.count)
        one[index] = factor
        part.view(part.parameter).mul_(part.along(one))


@pytest.mark.parametrize("case", CASES)
def test_a_head_changes_its_own_columns_and_no_other(case):
    kind, settings, inputs, attention, output, heads, layers = CASES[case]
    model, inputs = built(kind, settings), inputs()
    (units,) = [u for u in find_units(model) if u.name == attention]
    covered = [f"{attention}.{layer}.weight" for layer in layers.split()]

    assert units.count == heads
    assert [id(p.parameter) for p in units.parts] == [id(model.get_parameter(n)) for n in covered]
    before = mixed(model, output, inputs)
    for index in range(heads):
        scaled(units, index, 2.0)
        changed = ~torch.isclose(mixed(model, output, inputs), before, rtol=1e-3).all(0)
        scaled(units, index, 0.5)
        assert changed.view(heads, -1).any(1).tolist() == [i == index for i in range(heads)]


@pytest.mark.parametrize("case", CASES)
def test_every_weight_of_a_model_is_a_unit_at_most_once_and_matrices_of_layers_always(case):
    kind, settings, *_ = CASES[case]
    model = built(kind, settings)
    parts = [p for u in find_units(model) for p in u.parts]

    listed = [id(p.parameter) for p in parts]
    assert len(listed) == len(set(listed))
    assert all(p.view(p.parameter).shape == p.shape for p in parts)
    layers = [x for x in model.modules() if isinstance(x, nn.Linear)]
    assert {id(x.weight) for x in layers} <= set(listed)


def test_a_residual_network_has_a_unit_for_every_filter():
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
    )
    units = find_units(transformers.ResNetModel(config))

    assert [(u.name.removeprefix("encoder.stages."), u.count) for u in units] == [
        ("embedder.embedder.convolution", 8),
        ("0.layers.0.layer.0.convolution", 8),
        ("0.layers.0.layer.1.convolution", 8),
        ("1.layers.0.shortcut.convolution", 16),
        ("1.layers.0.layer.0.convolution", 16),
        ("1.layers.0.layer.1.convolution", 16),
    ]
    assert all(p.shape == p.parameter.shape and p.axis == 0 for u in units for p in u.parts)


class Unknown(nn.Module):
    """Attention with sizes that fit no known form."""

    def __init__(self, **layers):
        super().__init__()
        self.num_heads, self.head_dim = 4, 4
        for name, layer in layers.items():
            self.add_module(name, layer)


@pytest.mark.parametrize(
    "layers",
    [
        {"qkv": nn.Linear(16, 32)},  # fewer heads of keys and values, packed
        {"query_key_value": nn.Linear(16, 24)},
        {"c_attn": nn.Linear(16, 48)},  # GPTBigCode: another order than GPT-2's
        {"c_attn": Conv1D(16, 40)},
        {"q_proj": nn.Linear(16, 32), "k_proj": nn.Linear(16, 16), "v_proj": nn.Linear(16, 16)},
        {"q_proj": nn.Linear(16, 16), "k_proj": nn.Linear(16, 12), "v_proj": nn.Linear(16, 12)},
        {"q_proj": nn.Linear(16, 16), "k_proj": nn.Linear(16, 16)},
    ],
)
def test_attention_of_other_sizes_is_units_by_row(layers):
    module = Unknown(**layers)

    assert find_heads(module) is None
    assert [(u.name, u.count) for u in find_units(module)] == [
        (n, max(x.weight.shape) if n == "c_attn" else len(x.weight)) for n, x in layers.items()
    ]


def test_queries_and_keys_that_share_a_weight_list_it_once():
    attention = SelfAttention(8, 4)
    attention.key.weight = attention.query.weight
    (units,) = find_units(attention)
    query, value = units.parts

    assert query.parameter is attention.query.weight
    assert value.parameter is attention.value.weight
