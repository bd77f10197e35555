"""MCR: its terms by hand, and its own properties."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract import fusions
from contract.training import largest_difference, start, trained
from equimodal import MCR, Ablation, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.functional import jensen_shannon, supervised_contrast
from equimodal.methods import mcr_game
from unit.given_features import bound, near, rows

A, V = rows([[2, 0], [0, 1]], [[1, 0], [0, 3]])
BIAS = torch.tensor([0.5, 0.0], dtype=torch.float64)
SWAP = [mcr_game.Draw(torch.tensor([1, 0]))]
ROWS = SWAP[0].rows
ENCODERS = {"audio": "audio_net", "video": "video_net"}


def fuse(parts):
    return sum(parts.values()) + BIAS


def gradients(k, parts=(A, V), released=False):
    """Of the game for every part, as g of [[-g, g], [g, -g]]."""
    brought = {m: x.clone().requires_grad_() for m, x in zip("avt", parts, strict=False)}
    mcr_game.sum_of_players(brought, fuse, SWAP, k, released=released).backward()
    for x in brought.values():
        g = x.grad[0, 1]
        torch.testing.assert_close(x.grad, g * torch.tensor([[-1.0, 1], [1, -1]]).double())
    return [float(x.grad[0, 1]) for x in brought.values()]


def test_effects_by_hand():
    plain = A + V + BIAS
    near(jensen_shannon(plain, A[ROWS] + V + BIAS).mean(), 0.107521)
    near(jensen_shannon(plain, A + V[ROWS] + BIAS).mean(), 0.233631)
    near(jensen_shannon(*rows([[50, 0]], [[0, 50]])), [math.log(2)])
    near(jensen_shannon(plain, plain), [0, 0], 1e-15)


@pytest.mark.parametrize(
    ("k", "expected"),
    [(-1, [0.118360, 0.127439]), (0, [0.066007, 0.091805]), (1, [0.013655, 0.056171])],
)
def test_gradients_of_the_game_by_hand(k, expected):
    near(gradients(k), expected)


def test_the_released_game_by_hand():
    near(gradients(-1, released=True), [0.122899, 0.122899])


@pytest.mark.parametrize("k", [-1, 0, 1])
def test_the_released_game_pushes_the_prediction_that_is_not_permuted(k):
    """Against its terms written out: J of a prediction with graph and one of held parts."""
    parts = {m: x.clone().requires_grad_() for m, x in (("a", A), ("v", V))}
    mcr_game.sum_of_players(parts, fuse, SWAP, k, released=True).backward()
    a, v = (x.clone().requires_grad_() for x in (A, V))
    plain, held = a + v + BIAS, {"a": a.detach(), "v": v.detach()}

    def effect(permuted):
        return jensen_shannon(plain, permuted + BIAS).mean()

    if k == 1:
        goal = -effect(held["a"][ROWS] + held["v"]) - effect(held["a"] + held["v"][ROWS])
    else:
        goal = -effect(a[ROWS] + held["v"]) - effect(held["a"] + v[ROWS])
        others = effect(held["a"][ROWS] + v) + effect(a + held["v"][ROWS])
        goal = goal - k * others
    goal.backward()
    near(parts["a"].grad, a.grad, 1e-12)
    near(parts["v"].grad, v.grad, 1e-12)


def test_any_head_has_the_released_game_of_an_additive_one():
    found = []
    for readout in (LinearSplit("fc"), Ablation()):
        model = fusions.built(fusions.Concatenation)
        audio, video, labels = fusions.batch()
        method = MCR(5.0, contrast=0, unimodal_weight=0.0, variant="released")
        balancer = Balancer(model, method, ENCODERS, readout)
        balancer.loss(model(audio, video), labels).backward()
        found.append([p.grad for net in (model.audio_net, model.video_net)
                      for p in net.parameters()])  # fmt: skip
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("rows_", "counted"), [
    ("all", None), ("moved", [True, True, False, False]), ("other", [True, True, False, False]),
])  # fmt: skip
def test_rows_that_do_not_count_are_left_out(monkeypatch, rows_, counted):
    order = torch.tensor([1, 0, 2, 3]) if rows_ == "moved" else torch.tensor([1, 0, 3, 2])
    monkeypatch.setattr(torch, "randperm", lambda *_, **__: order)
    draw = MCR(rows=rows_)._draw(torch.tensor([0, 1, 2, 2]), torch.Generator())
    assert draw.rows is order
    assert counted is None if draw.counted is None else draw.counted.tolist() == counted
    one, other = torch.cat([A, V]), torch.cat([V, A])
    each = jensen_shannon(one, other)
    expected = each.mean() if counted is None else each[:2].mean()
    near(mcr_game._effect(one, other, draw), expected, 1e-12)
    none = mcr_game.Draw(order, torch.zeros(4).bool())
    assert mcr_game._effect(one, other, none) == 0


def test_three_modalities_by_hand():
    none = torch.zeros_like(A)
    found = gradients(-1, (A, V, none))
    near(found[:2], [0.092183, 0.109622])
    near(gradients(0, (A, V, none))[:2], [0.066007, 0.091805])


def test_a_permutation_that_changes_nothing_has_no_effect_and_no_gradient():
    same = torch.ones_like(A, requires_grad=True)
    brought = {"a": same, "v": V.clone()}
    goal = mcr_game.player(brought, fuse, SWAP, 0, "a")
    goal.backward()
    near(goal, 0, 1e-15)
    assert same.grad.abs().max() < 1e-12


FEATURES = torch.cat(rows([[1, 0], [0, 1], [1, 1]], [[1, 0], [0, 2], [0, 1]]))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([0, 1, 0] * 2, 1.134647), ([0, 1, 2] * 2, 1.110308), ([1] * 6, 0.0)],
)
def test_the_contrast_by_hand(labels, expected):
    near(supervised_contrast(FEATURES, torch.tensor(labels)), expected)


@pytest.mark.parametrize("labels", ["class", "instance"])
def test_the_whole_loss_is_the_sum_of_its_terms(monkeypatch, labels):
    monkeypatch.setattr(torch, "randperm", lambda *_, **__: ROWS)
    eye = [[1.0, 0.0], [0.0, 1.0]]
    target = torch.tensor([0, 1])
    model, balancer = bound(MCR(2.0, labels=labels), {"a": eye, "v": eye}, BIAS.tolist())
    found = balancer.loss(model(A, V), target)
    ce = torch.nn.functional.cross_entropy
    own = ce(A + BIAS / 2, target) + ce(V + BIAS / 2, target)
    contrast = supervised_contrast(torch.cat([A, V]), torch.tensor([0, 1, 0, 1]))
    # For two modalities and k = -1 the game's value is 0.
    near(found, ce(A + V + BIAS, target) + 0.01 * own + contrast, 1e-9)


def test_the_game_pushes_no_bias_and_no_head_that_is_shared():
    for fusion, readout in (
        (fusions.Concatenation, LinearSplit("fc")),
        (fusions.Gated, Ablation()),
    ):
        found = []
        for lam, game in ((0.0, {}), (5.0, {"k": 0})):  # where they would not cancel
            model = fusions.built(fusion)
            audio, video, labels = fusions.batch()
            balancer = Balancer(model, MCR(lam, **game, contrast=0), ENCODERS, readout)
            balancer.loss(model(audio, video), labels).backward()
            found.append({n: p.grad.clone() for n, p in model.named_parameters()})
        plain, game = found
        shared = [n for n in plain if "_net" not in n and (n.endswith("bias") or fusion is
                  fusions.Gated)]  # fmt: skip
        assert shared
        for n in shared:
            torch.testing.assert_close(plain[n], game[n], rtol=0, atol=1e-12)
        assert not torch.allclose(plain["audio_net.0.weight"], game["audio_net.0.weight"])


def test_without_its_terms_it_is_joint_training_with_weighted_unimodal_losses():
    idle = trained("mcr", settings={"lam": 0, "contrast": 0, "unimodal_weight": 0.5})
    plain = trained("joint+unimodal", settings={"unimodal_weight": 0.5})
    assert largest_difference(idle.weights, plain.weights) == 0


@given(st.integers(0, 999), st.integers(2, 4))
def test_effects_lie_between_0_and_ln_2_and_players_do_not_touch_others(seed, classes):
    draw = torch.Generator().manual_seed(seed)
    one, other = (5 * torch.randn(6, classes, generator=draw).double() for _ in "ab")
    effects = jensen_shannon(one, other)
    assert (effects >= -1e-12).all() and (effects <= math.log(2) + 1e-12).all()
    torch.testing.assert_close(effects, jensen_shannon(other, one))
    brought = {"a": one.requires_grad_(), "v": other.requires_grad_()}
    drawn = [mcr_game.Draw(torch.randperm(6, generator=draw))]
    mcr_game.player(brought, lambda parts: sum(parts.values()), drawn, -1, "a").backward()
    assert brought["v"].grad is None


class Unequal(fusions.Concatenation):
    def __init__(self):
        super().__init__()
        self.video_net = torch.nn.Sequential(torch.nn.Linear(7, 4))
        self.fc = torch.nn.Linear(10, 3)


def test_features_of_other_widths_are_refused_unless_nothing_is_contrasted():
    audio, video, labels = fusions.batch()
    model = fusions.built(Unequal)
    balancer = Balancer(model, MCR(), ENCODERS, LinearSplit("fc"))
    with pytest.raises(BalanceError, match=r"equal widths; found .*Write contrast=0"):
        balancer.loss(model(audio, video), labels)
    model = fusions.built(Unequal)
    balancer = Balancer(model, MCR(contrast=0), ENCODERS, LinearSplit("fc"))
    assert torch.isfinite(balancer.loss(model(audio, video), labels))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MCR(k=2), "-1, 0 or 1"),
        (lambda: MCR(0.0, 1), "k has no effect with lam=0"),
        (lambda: MCR(0.0, variant="released"), "variant has no effect with lam=0"),
        (lambda: MCR(variant="code"), "paper, released"),
        (lambda: MCR(rows="some"), "all, moved, other"),
        (lambda: MCR(contrast=0, temperature=1.0), "temperature has no effect with contrast=0"),
        (lambda: jensen_shannon(A, V[:1]), "same samples"),
        (lambda: start("mcr", task=MultiLabel()), "one class"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
