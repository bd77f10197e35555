import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.train.optimizers import build_optimizer, cosine_rate, set_rate


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)],
)
def test_each_optimizer_has_the_same_weight_decay(name, kind):
    optimizer = build_optimizer(name, [torch.nn.Parameter(torch.ones(1))], lr=0.3)
    assert type(optimizer) is kind
    assert optimizer.defaults["lr"] == 0.3
    assert optimizer.defaults["weight_decay"] == 1e-4
    assert optimizer.defaults.get("momentum", 0.9) == 0.9


def test_an_unknown_optimizer_is_answered_with_the_known_ones():
    with pytest.raises(BalanceError, match=r"'adamww'; write sgd, adam, adamw.*mean 'adamw'"):
        build_optimizer("adamww", [], lr=0.1)


def test_the_cosine_starts_at_the_rate_halves_it_in_the_middle_and_ends_at_zero():
    assert cosine_rate(0.2, 0.0) == 0.2
    assert cosine_rate(0.2, 0.5) == pytest.approx(0.1)
    assert cosine_rate(0.2, 1.0) == cosine_rate(0.2, 1.1) == 0.0


def test_a_rate_is_set_in_every_group():
    first, second = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [first]}, {"params": [second], "lr": 5.0}], lr=1.0)
    set_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
