"""OPM: its equations by hand, and its own properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract import fusions
from contract.training import assert_same_weights, start, trained
from equimodal import OPM, BalanceError, Balancer, LinearSplit, Regression
from equimodal.functional import discrepancy_ratios, drop_rates
from unit.given_features import bound, near, rows

W = {"a": [[1.0, 0.0], [0.0, 1.0]], "v": [[0.5, -0.5], [0.0, 1.0]]}
A, V = rows([[1, 2], [0, 1]], [[1, 1], [2, 0]])
Y = torch.tensor([0, 1])
ENCODERS = {"audio": "audio_net", "video": "video_net"}


def rates(scores, base=0.5, lam=0.5):
    return drop_rates(discrepancy_ratios(torch.tensor(scores, dtype=torch.float64)), base, lam)


@pytest.mark.parametrize(
    ("scores", "base", "expected"),
    [
        ([1.5, 1.0], 0.5, [0.615529, 0]),
        ([1.0, 1.0], 0.5, [0, 0]),
        ([0.4, 1.6], 0.5, [0, 0.748764]),
        ([1.5, 1.0], 0.8, [0.984847, 0]),
        ([0.4, 1.6], 0.8, [0, 1]),
        ([2.0, 1.0, 1.0], 0.5, [0.690399, 0, 0]),
        ([1.2, 1.1, 0.5], 0.5, [0.658107, 0.626685, 0]),
        ([0.7, 0.0], 0.5, [0.75, 0]),
        ([0.0, 0.0], 0.5, [0, 0]),
        ([0.7, float("nan")], 0.5, [0, 0]),
    ],
)
def test_rates_by_hand(scores, base, expected):
    near(rates(scores, base), expected)


def test_ratios_by_hand():
    ratios = discrepancy_ratios(torch.tensor([1.2, 1.1, 0.5], dtype=torch.float64))
    near(ratios, [1.745455, 1.558333, 0.435606])


def loss_with(monkeypatch, kept, forced, **options):
    monkeypatch.setattr(OPM, "_kept", lambda *_: torch.tensor(kept))
    if forced is not None:
        forced = torch.tensor(forced, dtype=torch.float64)
        monkeypatch.setattr("equimodal.methods.opm.drop_rates", lambda *_: forced)
    model, balancer = bound(OPM(probability=1.0, **options), W, [0.1, -0.1])
    loss = balancer.loss(model(A, V), Y)
    return loss, balancer


def test_a_loss_by_hand(monkeypatch):
    kept = [[False, True], [True, True]]
    loss, _ = loss_with(monkeypatch, kept, [0.615529, 0.0])
    near(loss, 1.147935)
    expected = torch.tensor([[0.1, 1.344595], [1.544595, 1.344595]], dtype=torch.float64)
    near(loss, torch.nn.functional.cross_entropy(expected, Y))


def test_the_rates_of_these_features_by_hand(monkeypatch):
    _, balancer = loss_with(monkeypatch, [[True, True], [True, True]], None)
    near(next(r.values for r in balancer.decisions.records if r.name == "drop"), [0.673549, 0])


@pytest.mark.parametrize(("rescale", "scale"), [("none", (1, 1)), ("own", (1 / 0.4, 1.0))])
def test_other_scales(monkeypatch, rescale, scale):
    loss, _ = loss_with(monkeypatch, [[False, True], [True, True]], [0.6, 0.0], rescale=rescale)
    w = {m: torch.tensor(x, dtype=torch.float64) for m, x in W.items()}
    kept = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    z = scale[0] * kept * A @ w["a"].T + scale[1] * V @ w["v"].T
    z = z + torch.tensor([0.1, -0.1], dtype=torch.float64)
    near(loss, torch.nn.functional.cross_entropy(z, Y), 1e-9)


def test_equal_modalities_are_joint_training_bit_for_bit():
    same = {"a": W["a"], "v": W["a"]}
    model, balancer = bound(OPM(probability=1.0), same, [0.1, -0.1])
    logits = model(A, A)
    assert torch.equal(balancer.loss(logits, Y), torch.nn.functional.cross_entropy(logits, Y))


@pytest.mark.parametrize("settings", [{"probability": 0}, {"base": 0}])
def test_without_drops_it_is_joint_training_bit_for_bit(settings):
    assert_same_weights(trained("joint").weights, trained("opm", settings=settings).weights)


def kept_share(rate, rows=4000):
    method = start("opm").balancer.setting.method
    step = type("Step", (), {
        "present": lambda self: torch.ones(rows, 2, dtype=torch.bool),
        "generator": lambda self, stream=0: torch.Generator().manual_seed(stream),
    })()  # fmt: skip
    return method._kept(step, torch.tensor([rate, 0.0]))


def test_the_share_of_dropped_rows_is_the_rate():
    kept = kept_share(0.3)
    assert kept[:, 1].all()
    assert float((~kept[:, 0]).double().mean()) == pytest.approx(0.3, abs=0.03)


def test_a_row_that_would_lose_all_it_has_keeps_it():
    audio, video, labels = fusions.batch()
    model = fusions.built(fusions.Concatenation)
    balancer = Balancer(model, OPM(base=1.0, probability=1.0), ENCODERS, LinearSplit("fc"))
    kept = []
    method = balancer.setting.method
    plain = method._kept
    method._kept = lambda step, q: kept.append(plain(step, torch.ones_like(q))) or kept[0]
    present = torch.ones(24, 2, dtype=torch.bool)
    present[::3, 0] = False
    loss = balancer.loss(model(audio, video), labels, present)
    assert torch.isfinite(loss) and kept[0].all()


def test_the_paper_drops_by_the_rates_of_the_batch_before():
    model, balancer = bound(OPM(rates="previous", probability=0), W, [0.1, -0.1])
    for _ in range(2):
        balancer.loss(model(A, V), Y).backward()
        balancer.before_step()
    first, second = (r.values for r in balancer.decisions.records if r.name == "drop")
    near(first, [0, 0])
    near(second, [0.673549, 0])


@given(st.lists(st.floats(0.01, 5), min_size=2, max_size=5), st.floats(0, 1), st.randoms())
def test_the_weakest_is_never_dropped_and_rates_follow_the_modalities(scores, base, shuffle):
    found = rates(scores, base)
    assert found.min() == 0 and (found >= 0).all() and (found <= 1).all()
    order = shuffle.sample(range(len(scores)), len(scores))
    assert torch.allclose(rates([scores[k] for k in order], base), found[order])
    ratios = discrepancy_ratios(torch.tensor(scores, dtype=torch.float64))
    by_ratio = found[ratios.argsort()]
    assert (by_ratio.diff() >= -1e-12).all()


def test_what_has_no_meaning_is_refused():
    with pytest.raises(BalanceError, match="theta, own, none"):
        OPM(rescale="both")
    with pytest.raises(BalanceError, match="asks every modality for the whole number"):
        start("opm", task=Regression())
