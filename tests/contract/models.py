"""Small models and data for the promises: float64, no batch statistics, no dropout.

Every kind of encoder turns a sample of its own shape into ``WIDTH`` features, so that encoders of
all kinds can be combined freely.
"""

from dataclasses import dataclass

import torch
from torch import nn

from equimodal.data import MultimodalDataset

CLASSES = 3
WIDTH = 6
SHAPES = {
    "convolutional": (2, 6, 6),
    "linear": (7,),
    "lstm": (5, 3),
    "gru": (5, 3),
    "multihead": (4, 3),
    "self-attention": (4, 3),
}


class Convolutional(nn.Module):
    """(N, 2, 6, 6) -> (N, WIDTH), with group normalisation."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.out = nn.Linear(8 * 9, WIDTH)

    def forward(self, x):
        return self.out(self.layers(x).flatten(1))


class Recurrent(nn.Module):
    """(N, 5, 3) -> (N, WIDTH): the last state of an LSTM or GRU."""

    def __init__(self, kind):
        super().__init__()
        self.layers = kind(3, WIDTH, batch_first=True)

    def forward(self, x):
        return self.layers(x)[0][:, -1]


class Multihead(nn.Module):
    """(N, 4, 3) -> (N, WIDTH), by PyTorch's attention."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Linear(3, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, WIDTH)

    def forward(self, x):
        tokens = self.embedding(x)
        return self.out(self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1))


class SelfAttention(nn.Module):
    """Attention with separate query, key and value layers, named as Hugging Face names them."""

    def __init__(self, width, heads):
        super().__init__()
        self.num_attention_heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, tokens):
        def split(x):
            return x.unflatten(-1, (self.num_attention_heads, -1)).transpose(1, 2)

        mixed = nn.functional.scaled_dot_product_attention(
            split(self.query(tokens)), split(self.key(tokens)), split(self.value(tokens))
        )
        return mixed.transpose(1, 2).flatten(2)


class Conv1D(nn.Module):
    """Hugging Face's linear layer of GPT-2, whose weight is (in, out)."""

    def __init__(self, width_in, width_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(width_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class Transformer(nn.Module):
    """(N, 4, 3) -> (N, WIDTH), by Hugging Face's form of attention."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Linear(3, 8)
        self.attention = SelfAttention(8, 4)
        self.norm = nn.LayerNorm(8)
        self.out = nn.Linear(8, WIDTH)

    def forward(self, x):
        return self.out(self.norm(self.attention(self.embedding(x))).mean(1))


def encoder(kind):
    """A fresh encoder of one of the kinds in ``SHAPES``."""
    return {
        "convolutional": Convolutional,
        "linear": lambda: nn.Sequential(nn.Linear(7, 10), nn.Tanh(), nn.Linear(10, WIDTH)),
        "lstm": lambda: Recurrent(nn.LSTM),
        "gru": lambda: Recurrent(nn.GRU),
        "multihead": Multihead,
        "self-attention": Transformer,
    }[kind]()


@dataclass
class Output:
    """What :class:`LateFusion` returns: ``logits`` is None where the rows are unequal."""

    logits: torch.Tensor | None
    features: list[torch.Tensor]


class LateFusion(nn.Module):
    """One encoder a modality, concatenation and one linear head."""

    def __init__(self, kinds):
        super().__init__()
        self.encoders = nn.ModuleDict({m: encoder(kind) for m, kind in kinds.items()})
        self.head = nn.Linear(WIDTH * len(kinds), CLASSES)

    def forward(self, inputs):
        features = [net(inputs[m]) for m, net in self.encoders.items()]
        if len({len(f) for f in features}) > 1:
            return Output(None, features)
        return Output(self.head(torch.cat(features, 1)), features)


class Tagger(nn.Module):
    """(N, T, 3), (N, T, 3) -> (N, T, CLASSES), a label a step: concatenated step by step."""

    def __init__(self):
        super().__init__()
        self.encoders = nn.ModuleDict({
            m: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, WIDTH)) for m in "ab"
        })  # fmt: skip
        self.head = nn.Linear(2 * WIDTH, CLASSES)

    def forward(self, a, b):
        return self.head(torch.cat([self.encoders["a"](a), self.encoders["b"](b)], -1))


def named(kinds):
    """Kinds of encoders by modality: ``("linear", "gru")`` -> ``{"a": "linear", "b": "gru"}``."""
    return dict(zip("abcd", kinds, strict=False))


def model(kinds, *, seed=0):
    """A late fusion in float64, the same for the same seed; the global stream is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LateFusion(named(kinds)).double()


def dataset(kinds, samples, *, seed=0):
    """Classes with a pattern each in every modality; a later modality is noisier."""
    draw = torch.Generator().manual_seed(1000 + seed)
    labels = torch.arange(samples) % CLASSES
    inputs = {}
    for noise, (m, kind) in enumerate(named(kinds).items(), start=1):
        patterns = torch.Generator().manual_seed(noise)
        clean = torch.randn(CLASSES, *SHAPES[kind], generator=patterns, dtype=torch.float64)
        rough = torch.randn(samples, *SHAPES[kind], generator=draw, dtype=torch.float64)
        inputs[m] = clean[labels] + 0.8 * noise * rough
    return MultimodalDataset(inputs, labels)


class TwoTasks(nn.Module):
    """(N, 7), (N, 7) -> classes and numbers: two heads over one concatenation."""

    def __init__(self):
        super().__init__()
        self.encoders = nn.ModuleDict({m: encoder("linear") for m in "ab"})
        self.kind, self.size = nn.Linear(2 * WIDTH, CLASSES), nn.Linear(2 * WIDTH, 2)
        self.between = nn.Linear(2 * WIDTH, 2 * WIDTH)

    def forward(self, a, b):
        features = [self.encoders["a"](a), self.encoders["b"](b)]
        if len({len(z) for z in features}) > 1:
            return {"kind": None, "size": None}
        joined = torch.cat(features, 1)
        return {"kind": self.kind(joined), "size": self.size(torch.tanh(self.between(joined)))}
