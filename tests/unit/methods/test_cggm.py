import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity, cross_entropy

from contract.training import assert_same_weights, start, trained
from equimodal import Ablation, AuxiliaryHeads, BalanceError, Balancer, LinearSplit, methods
from equimodal.functional import balancing_coefficients, direction_loss, weight_cosine
from equimodal.methods.cggm import CGGM
from unit.two_encoders import Net

NAMES = {"a": "a", "b": "b"}


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def close(found, expected):
    assert found.tolist() == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("scores", "before", "expected"),
    [
        ((0.5, 0.3, 0.4), (0.4, 0.28, 0.37), (1 / 3, 0.866667, 0.8)),
        ((0.6, 0.4), (0.5, 0.35), (1 / 3, 2 / 3)),
        ((0.5, 0.4, 0.3), (0.4, 0.3, 0.2), (2 / 3, 2 / 3, 2 / 3)),
    ],
)
def test_coefficients_of_the_released_arithmetic(scores, before, expected):
    for clamp in (True, False):
        found = balancing_coefficients(tensor(*scores), tensor(*before), clamp=clamp)
        close(found, expected)
        assert float(found.sum()) == pytest.approx(len(scores) - 1, abs=1e-6)


def test_the_factors_of_the_paper_s_strength():
    found = balancing_coefficients(tensor(0.5, 0.3, 0.4), tensor(0.4, 0.28, 0.37))
    close(1.3 * found, [0.433333, 1.126667, 1.04])


def test_a_modality_that_fell_turns_no_gradient_round():
    given_scores = tensor(0.5, 0.3), tensor(0.45, 0.40)
    close(balancing_coefficients(*given_scores, clamp=False), [2, -1])
    close(balancing_coefficients(*given_scores), [1, 0])


def test_where_nothing_was_gained_in_all_the_mean_is_taken():
    given_scores = tensor(0.5, 0.3), tensor(0.4, 0.4)
    released = balancing_coefficients(*given_scores, clamp=False)
    assert released.tolist() == pytest.approx([-9999999.06, 10000001.06], abs=0.2)
    close(balancing_coefficients(*given_scores), [0.5, 0.5])
    same = balancing_coefficients(tensor(0.2, 0.2, 0.2), tensor(0.2, 0.2, 0.2), clamp=False)
    close(same, [1, 1, 1])


def test_the_direction_is_weighed_by_how_little_was_gained():
    coefficients = tensor(1 / 3, 0.866667, 0.8)
    assert float(direction_loss(coefficients, tensor(0.9, 0.1, -0.2))) == pytest.approx(
        0.591111, abs=5e-7
    )
    assert float(direction_loss(coefficients, tensor(1, 1, 1))) == pytest.approx(0, abs=1e-12)


def test_the_cosine_is_of_whole_matrices():
    one, other = torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[1.0, 1], [0, 1]])
    assert float(weight_cosine(one, other)) == pytest.approx(0.816497, abs=5e-7)


def scores_of(count):
    return st.lists(st.floats(0, 1), min_size=count, max_size=count).map(lambda s: tensor(*s))


@given(st.integers(2, 5).flatmap(lambda n: st.tuples(scores_of(n), scores_of(n))))
def test_coefficients_stay_in_bounds_and_are_the_modalities_own(pair):
    found = balancing_coefficients(*pair)
    assert bool(((found >= 0) & (found <= len(found) - 1)).all())
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0))
    moved = balancing_coefficients(pair[0][order], pair[1][order])
    torch.testing.assert_close(moved, found[order], rtol=1e-6, atol=1e-6)


def made(method, readout=None, **options):
    net = Net().double()
    batch = torch.ones(2, 3).double(), torch.ones(2, 5).double(), torch.zeros(2).long()
    balancer = Balancer(
        net, method, NAMES, readout or LinearSplit("head"), example=batch, **options
    )
    optimizer = torch.optim.SGD([*net.parameters(), *balancer.parameters()], lr=0.1)
    balancer.attach(optimizer)
    return net, balancer, optimizer


def batch(seed=0):
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(8, n, generator=draw, dtype=torch.float64) for n in (3, 5))
    return a, b, (a[:, 0] + b[:, 0] > 0).long()


def test_encoders_get_rho_times_their_coefficient_of_joint_s_gradients():
    plain, joint, _ = made(methods.create("joint"))
    net, balancer, _ = made(CGGM(2.0, lam=0))
    a, b, y = batch()
    joint.loss(plain(a, b), y).backward()
    balancer.loss(net(a, b), y).backward()
    balancer.before_step()
    balancer.epoch_end()
    records = {r["name"]: r["values"] for r in balancer.decisions.drain()}
    features = {"a": net.a(a), "b": net.b(b)}
    probes = list(balancer.parameters())
    accuracies = {
        m: float(((z @ w.T + bias).argmax(1) == y).double().mean())
        for (m, z), w, bias in zip(features.items(), probes[::2], probes[1::2], strict=True)
    }
    assert records["score"] == pytest.approx(accuracies)
    total = sum(accuracies.values())
    for m in "ab":
        factor = 2.0 * (total - accuracies[m]) / total
        assert records["coefficient"][m] == pytest.approx(factor / 2)
        for mine, theirs in zip(net.get_submodule(m).parameters(),
                                plain.get_submodule(m).parameters(), strict=True):  # fmt: skip
            torch.testing.assert_close(mine.grad, factor * theirs.grad)
    for mine, theirs in zip(net.head.parameters(), plain.head.parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad)


def test_the_classifiers_loss_reaches_them_alone():
    net, balancer, _ = made(CGGM(lam=0))
    a, b, y = batch()
    balancer.loss(net(a, b), y).backward()
    found = [p.grad for p in balancer.parameters()]
    weights = [p.detach().clone().requires_grad_() for p in balancer.parameters()]
    for k, z in enumerate((net.a(a), net.b(b))):
        cross_entropy(z.detach() @ weights[2 * k].T + weights[2 * k + 1], y).backward()
    for one, other in zip(found, weights, strict=True):
        torch.testing.assert_close(one, other.grad)


def test_the_direction_turns_the_head_alone_from_the_second_update_on():
    gradients = {}
    for lam in (0.0, 0.5):
        net, balancer, optimizer = made(CGGM(1.0, lam=lam, coefficient="adaptive"))
        for seed in range(2):
            a, b, y = batch(seed)
            balancer.loss(net(a, b), y).backward()
            gradients[lam, seed] = {n: p.grad.clone() for n, p in net.named_parameters()}
            beside = [p.grad.clone() for p in balancer.parameters()]
            gradients[lam, seed] |= {str(k): g for k, g in enumerate(beside)}
            held = [p.detach().clone() for p in (*balancer.parameters(), net.head.weight)]
            balancer.before_step()
            if seed == 0:
                optimizer.step()
                optimizer.zero_grad()
                found = balancer.setting.method.state["coefficients"].clone()
    plain, turned = gradients[0.0, 1], gradients[0.5, 1]
    assert all(torch.equal(gradients[0.0, 0][n], g) for n, g in gradients[0.5, 0].items())
    assert {n for n, g in plain.items() if not torch.equal(g, turned[n])} == {"head.weight"}

    head = held[-1].requires_grad_()
    own = held[0], held[2]
    loss = sum(
        c.abs() - c * cosine_similarity(v.flatten(), w.flatten(), dim=0)
        for c, v, w in zip(found, own, head.split(4, 1), strict=True)
    )
    (0.5 * loss / 2).backward()
    torch.testing.assert_close(turned["head.weight"] - plain["head.weight"], head.grad)


def test_the_control_at_one_over_the_mean_is_joint():
    joint = trained("joint", epochs=2)
    fixed = trained("cggm-fixed", epochs=2, settings={"rho": 2.0, "lam": 0, "coefficient": "fixed"})
    assert not list(fixed.balancer.parameters())
    assert_same_weights(joint.weights, fixed.weights)


def test_a_modality_without_a_row_keeps_its_score():
    net, balancer, optimizer = made(CGGM())
    a, b, y = batch()
    none = torch.stack([torch.ones(8, dtype=torch.bool), torch.zeros(8, dtype=torch.bool)], 1)
    for present in (None, none):
        balancer.loss(net(a, b), y, present).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
    balancer.epoch_end()
    first, second = [r["values"]["b"] for r in balancer.decisions.drain() if r["name"] == "score"]
    assert first == second


def test_scores_of_two_micro_batches_are_those_of_the_update():
    one, two = (trained("cggm", epochs=1, parts=n) for n in (1, 2))
    for first, second in zip(*(t.balancer.decisions.drain() for t in (one, two)), strict=True):
        assert first["values"] == pytest.approx(second["values"])


def test_a_head_without_blocks_is_refused():
    for readout in (Ablation("zero"), AuxiliaryHeads({"a": 4, "b": 4}, 2).double()):
        with pytest.raises(BalanceError, match=r"CGGM reads the part.*LinearSplit"):
            made(CGGM(), readout)
    net, balancer, _ = made(CGGM(lam=0), Ablation("zero"))
    a, b, y = batch()
    balancer.loss(net(a, b), y).backward()
    balancer.before_step()


WRONG = {
    "rho": ({"rho": 0}, "CGGM rho must be a number > 0"),
    "lam": ({"lam": -1}, "CGGM lam"),
    "coefficient": ({"coefficient": "fix"}, "CGGM coefficient must be one of"),
    "clamp": ({"clamp": 1}, "CGGM clamp"),
    "clamp of a fixed one": ({"coefficient": "fixed", "clamp": False}, "clamp has no effect"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_argument_is_refused(mistake):
    arguments, words = WRONG[mistake]
    with pytest.raises(BalanceError, match=words):
        CGGM(**arguments)


def test_the_loss_stays_finite_in_a_training():
    training = trained("cggm", epochs=2)
    assert all(map(math.isfinite, training.losses))
    assert start("cggm").balancer.state_dict()["networks"].keys()
