import torch
from torch import nn

from equimodal.parts.recording.held import Held, first_parameter


def net():
    inner = nn.Sequential(nn.ReLU(), nn.Linear(2, 2))
    return nn.Sequential(nn.Flatten(), inner, nn.Linear(2, 1, bias=False))


def test_the_first_parameter_is_that_of_parameters():
    model = net()
    assert first_parameter(model) is next(model.parameters())
    model.own = nn.Parameter(torch.ones(1))
    assert first_parameter(model) is model.own
    assert first_parameter(nn.Sequential(nn.ReLU())) is None
    model = nn.Linear(2, 2, bias=False)
    model.weight = None
    assert first_parameter(model) is None


def test_it_tells_of_every_parameter_that_comes_goes_or_is_replaced_and_of_nothing_else():
    model = net()
    held = Held(model)
    seen = [held.held()]
    with torch.no_grad():
        model[1][1].weight.add_(1)
    assert held.held() == seen[0]
    model[1][0] = nn.Tanh()  # without parameters
    assert held.held() == seen[0]

    model[1][1].weight = nn.Parameter(torch.ones(2, 2))
    seen.append(held.held())
    model[1][0] = nn.Linear(2, 2)
    seen.append(held.held())
    model[1][0].more = nn.Linear(1, 1)  # inside of what came later
    seen.append(held.held())
    del model[1][0].more
    assert held.held() == seen[2]
    assert len(set(seen)) == 4


def test_a_model_without_modules_or_parameters_has_none():
    assert Held(nn.Module()).held() == ()
