import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.training.optimizers import build_optimizer, changed_settings, set_rate


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


def test_settings_reach_the_optimizer():
    weights = [torch.nn.Parameter(torch.ones(1))]
    settings = {"momentum": 0.0, "weight_decay": 0.5}
    sgd = build_optimizer("sgd", weights, lr=0.3, settings=settings)
    assert (sgd.defaults["momentum"], sgd.defaults["weight_decay"]) == (0.0, 0.5)
    adam = build_optimizer("adam", weights, lr=0.3, settings={"betas": (0.9, 0.99)})
    assert adam.defaults["betas"] == (0.9, 0.99)


def test_what_is_as_always_is_no_change():
    assert changed_settings("sgd", {"momentum": 0.9, "weight_decay": 1e-4}) == {}
    assert changed_settings("adamw", {"betas": (0.9, 0.999)}) == {}
    assert changed_settings("adam", {"betas": (0.9, 0.99)}) == {"betas": [0.9, 0.99]}


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("sgd", {"moment": 0.9}, "sgd has no setting 'moment'; .*mean 'momentum'"),
        ("adam", {"momentum": 0.9}, "adam has no setting 'momentum'; it has betas, weight_decay"),
        ("sgd", {"momentum": 1.0}, "sgd.momentum must be a number from 0 to below 1; found 1.0"),
        (
            "sgd",
            {"weight_decay": -1},
            "sgd.weight_decay must be .* from 0 to below 1e6; found -1",
        ),
        ("sgd", {"weight_decay": True}, "found True"),
        ("adamw", {"betas": (0.9,)}, "adamw.betas must be two numbers from 0 to below 1"),
        ("adamw", {"betas": 0.9}, "adamw.betas must be two numbers"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name, given, message):
    with pytest.raises(BalanceError, match=message):
        changed_settings(name, given)


def test_a_rate_is_set_in_every_group():
    first, second = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [first]}, {"params": [second], "lr": 5.0}], lr=1.0)
    set_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
