import pytest
import torch
from torch import nn

from equimodal.parts.quiet import kept_streams, quiet


def mixed():
    """A training model with one part in evaluation mode."""
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[1].eval()
    return model


@pytest.mark.parametrize("grad", [False, True])
def test_a_quiet_model_evaluates_and_is_then_in_the_modes_it_was_in(grad):
    model = mixed()
    with quiet(model, grad=grad):
        assert not any(part.training for part in model.modules())
        assert model(torch.ones(2, 4)).requires_grad is grad
    assert [part.training for part in model.modules()] == [True, True, False, True]
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("context", [quiet, kept_streams])
def test_draws_inside_leave_no_trace_even_after_an_error(context):
    model = mixed()
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    with pytest.raises(RuntimeError), context(model):
        torch.rand(5)
        raise RuntimeError
    assert torch.equal(torch.rand(2), expected)


def test_kept_streams_leaves_modes_and_gradients_alone():
    model = mixed()
    with kept_streams(model):
        assert model.training and torch.is_grad_enabled()
