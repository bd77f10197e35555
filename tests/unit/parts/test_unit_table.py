import torch
from torch import nn

from equimodal.parts.unit_table import UnitTable
from equimodal.parts.units import find_units


def table(*layers):
    """A table of one modality a layer."""
    return UnitTable({str(k): find_units(layer) for k, layer in enumerate(layers)})


def test_importances_are_sums_of_squares_by_unit_in_padded_rows():
    first, second = nn.Linear(2, 3), nn.Conv1d(1, 2, 2)
    first.weight.grad = torch.tensor([[1.0, 2.0], [0.0, 3.0], [0.0, 0.0]])
    second.weight.grad = torch.tensor([[[2.0, 0.0]], [[1.0, 1.0]]])

    importance = table(first, second).importance()

    torch.testing.assert_close(importance, torch.tensor([[5.0, 9.0, 0.0], [4.0, 2.0, 0.0]]))


def test_a_layer_without_a_gradient_has_importance_zero():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    first.weight.grad = torch.ones(2, 2)
    importance = table(first, second).importance()
    torch.testing.assert_close(importance, torch.tensor([[2.0, 2.0], [0.0, 0.0]]))


def test_squares_of_half_precision_gradients_do_not_underflow():
    layer = nn.Linear(2, 1).half()
    layer.weight.grad = torch.full((1, 2), 1e-4, dtype=torch.float16)
    importance = table(layer).importance()
    assert importance.dtype == torch.float32
    assert 1.9e-8 < float(importance) < 2.1e-8


def test_masks_go_back_to_the_parameters_that_they_belong_to():
    gru, linear = nn.GRU(3, 4), nn.Linear(4, 2)
    units = table(gru, linear)
    masks = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 0.0, 0.0]])
    found = [(part.parameter, row.flatten().tolist()) for part, row in units.factors(masks)]
    expected = [
        (gru.weight_ih_l0, [1, 2, 3, 4]), (gru.weight_hh_l0, [1, 2, 3, 4]), (linear.weight, [5, 6]),
    ]  # fmt: skip
    assert [(id(p), row) for p, row in found] == [(id(p), row) for p, row in expected]


def test_values_of_layers_are_summed_by_modality():
    units = UnitTable(
        {
            "a": find_units(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))),
            "b": find_units(nn.Linear(2, 5)),
        }
    )
    assert units.by_modality(torch.tensor([1, 2, 4]), 2).tolist() == [3, 4]
