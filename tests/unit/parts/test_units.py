import pytest
import torch
from torch import nn

from contract.models import Conv1D, SelfAttention
from equimodal.parts.units import find_units


class Distil(nn.Module):
    """Names of DistilBERT's attention."""

    def __init__(self, width, heads):
        super().__init__()
        self.n_heads = heads
        self.q_lin, self.k_lin, self.v_lin = (nn.Linear(width, width) for _ in range(3))
        self.out_lin = nn.Linear(width, width)


class Grouped(nn.Module):
    """Attention with fewer heads of keys and values than the four of queries."""

    def __init__(self, heads):
        super().__init__()
        self.num_heads = 4
        self.q_proj = nn.Linear(8, 8)
        self.k_proj, self.v_proj = nn.Linear(8, 2 * heads), nn.Linear(8, 2 * heads)


def shapes(module):
    """Name, count of units, and (shape of the view, axis of the units) of every part."""
    return [(u.name, u.count, [(p.shape, p.axis) for p in u.parts]) for u in find_units(module)]


CASES = {
    "convolution": (nn.Conv2d(3, 8, 5), [("", 8, [((8, 3, 5, 5), 0)])]),
    "convolution in one dimension": (nn.Conv1d(3, 8, 5), [("", 8, [((8, 3, 5), 0)])]),
    "convolution in groups": (nn.Conv2d(4, 8, 3, groups=2), [("", 8, [((8, 2, 3, 3), 0)])]),
    "transposed convolution": (nn.ConvTranspose2d(3, 8, 5), [("", 8, [((3, 8, 5, 5), 1)])]),
    "linear": (nn.Linear(3, 8), [("", 8, [((8, 3), 0)])]),
    "linear by columns": (Conv1D(3, 8), [("", 8, [((3, 8), 1)])]),
    "multihead attention": (
        nn.MultiheadAttention(8, 2),
        [("", 2, [((3, 2, 4, 8), 1)]), ("out_proj", 8, [((8, 8), 0)])],
    ),
    "multihead attention with separate projections": (
        nn.MultiheadAttention(8, 2, kdim=6, vdim=5),
        [
            ("", 2, [((1, 2, 4, 8), 1), ((1, 2, 4, 6), 1), ((1, 2, 4, 5), 1)]),
            ("out_proj", 8, [((8, 8), 0)]),
        ],
    ),
    "self-attention": (SelfAttention(8, 4), [("", 4, [((1, 4, 2, 8), 1)] * 3)]),
    "self-attention of distilbert": (
        Distil(8, 4), [("", 4, [((1, 4, 2, 8), 1)] * 3), ("out_lin", 8, [((8, 8), 0)])],
    ),
    "grouped attention": (
        Grouped(2), [("", 2, [((1, 2, 4, 8), 1), ((1, 2, 2, 8), 1), ((1, 2, 2, 8), 1)])],
    ),
    "attention with one head of keys and values": (
        Grouped(1),
        [("", 4, [((1, 4, 2, 8), 1)]), ("k_proj", 2, [((2, 8), 0)]), ("v_proj", 2, [((2, 8), 0)])],
    ),
    "lstm": (nn.LSTM(3, 5), [("l0", 5, [((4, 5, 3), 1), ((4, 5, 5), 1)])]),
    "gru of two layers and directions": (
        nn.GRU(3, 5, num_layers=2, bidirectional=True),
        [
            ("l0", 5, [((3, 5, 3), 1), ((3, 5, 5), 1)]),
            ("l0_reverse", 5, [((3, 5, 3), 1), ((3, 5, 5), 1)]),
            ("l1", 5, [((3, 5, 10), 1), ((3, 5, 5), 1)]),
            ("l1_reverse", 5, [((3, 5, 10), 1), ((3, 5, 5), 1)]),
        ],
    ),
    "lstm with a projection": (
        nn.LSTM(3, 5, proj_size=2), [("l0", 5, [((4, 5, 3), 1), ((4, 5, 2), 1)])],
    ),
    "lstm cell": (nn.LSTMCell(3, 5), [("", 5, [((4, 5, 3), 1), ((4, 5, 5), 1)])]),
    "plain recurrent": (nn.RNN(3, 5), [("l0", 5, [((1, 5, 3), 1), ((1, 5, 5), 1)])]),
    "embedding": (nn.Embedding(9, 3), []),
    "layer normalisation": (nn.LayerNorm(3), []),
    "group normalisation": (nn.GroupNorm(1, 3), []),
    "batch normalisation": (nn.BatchNorm2d(3), []),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_units_lie_along_the_axis_that_the_type_of_the_module_says(kind):
    module, expected = CASES[kind]
    assert shapes(module) == expected
    biases = {id(p) for n, p in module.named_parameters() if "bias" in n}
    assert not biases & {id(p.parameter) for u in find_units(module) for p in u.parts}


def test_a_head_is_its_rows_in_query_key_and_value():
    attention = nn.MultiheadAttention(6, 3)
    part = find_units(attention)[0].parts[0]
    factor = torch.tensor([0.0, 1.0, 0.0])
    masked = torch.ones(18, 6)
    part.view(masked).mul_(part.along(factor))
    rows = [copy * 6 + 2 + i for copy in range(3) for i in range(2)]  # head 1 of 3, of size 2
    assert masked.any(1).nonzero().flatten().tolist() == rows


def test_a_hidden_unit_is_its_row_in_every_gate():
    lstm = nn.LSTM(2, 3)
    for part in find_units(lstm)[0].parts:
        masked = torch.ones(part.parameter.shape)
        part.view(masked).mul_(part.along(torch.tensor([0.0, 0.0, 1.0])))
        assert masked.any(1).nonzero().flatten().tolist() == [2, 5, 8, 11]


def test_names_are_those_of_the_modules_in_the_model():
    model = nn.ModuleDict({"a": nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.GRU(2, 2))})
    assert [u.name for u in find_units(model)] == ["a.0", "a.2.l0"]


def test_a_shared_weight_is_listed_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2))
    model[1].weight = model[0].weight
    assert [u.name for u in find_units(model)] == ["0", "2"]
    twice = nn.Sequential(model[0], model[0])
    assert len(find_units(twice)) == 1


def test_a_weight_shared_with_an_embedding_is_an_embedding_and_has_no_units():
    model = nn.ModuleDict({"words": nn.Embedding(9, 3), "out": nn.Linear(3, 9)})
    model["out"].weight = model["words"].weight
    assert find_units(model) == []
