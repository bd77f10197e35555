"""DGL: its gradients by hand, and its own properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from contract import fusions
from contract.training import trained
from equimodal import DGL, Ablation, BalanceError, Balancer, LinearSplit
from unit.given_features import bound, feature_gradients, near, rows

W = {"a": [[1.0, 0.0], [0.0, 1.0]], "v": [[0.5, -0.5], [0.0, 1.0]]}
A, V = rows([[1, 2], [0, 1]], [[1, 1], [2, 0]])
Y = torch.tensor([0, 1])
ENCODERS = {"audio": "audio_net", "video": "video_net"}


def gradients(method, weights=W, features=(A, V), **options):
    """Value of the loss, gradients for the features by modality, and of the head."""
    model, balancer = bound(method, weights, [0.1, -0.1], **options)
    seen = feature_gradients(model)
    loss = balancer.loss(model(*features), Y)
    loss.backward()
    return loss.detach(), seen, model.head


@pytest.mark.parametrize("readout", [LinearSplit("head"), Ablation(), None])
def test_the_gradients_by_hand(readout):
    loss, seen, head = gradients(DGL(), readout=readout)
    near(loss, 1.375558 + 4 * (0.771101 + 1.317192), 5e-6)
    near(seen["a"], [[-1.379949, 1.379949], [0.620051, -0.620051]])
    near(seen["v"], [[-0.689974, 2.069923], [0.768525, -2.305574]])
    near(head.weight.grad, [[-0.429074, -0.583232, 0.120760, -0.429074],
                            [0.429074, 0.583232, -0.120760, 0.429074]])  # fmt: skip
    near(head.bias.grad, [-0.154157, 0.154157])


def test_without_weight_encoders_have_a_gradient_of_zero():
    _, seen, head = gradients(DGL(0.0))
    assert all(g is not None and not g.any() for g in seen.values())
    near(head.bias.grad, [-0.154157, 0.154157])


def test_features_of_zero_still_learn():
    weights = W | {"t": [[0.3, 0.1], [-0.2, 0.4]]}
    _, seen, _ = gradients(DGL(), weights, (A, V, torch.zeros_like(A)))
    chance = torch.tensor([0.1, -0.1], dtype=torch.float64).softmax(0)
    wanted = (
        4
        * (chance - nn.functional.one_hot(Y).double())
        @ torch.tensor(weights["t"], dtype=torch.float64)
    )
    near(seen["t"], wanted / 2, 1e-12)


def test_uncut_it_is_joint_training_with_weighted_unimodal_losses():
    _, seen, _ = gradients(DGL(1.0, cut="none"))
    fused = torch.tensor([[-0.429074, 0.429074], [0.274917, -0.274917]])
    own = torch.tensor([[-1.379949, 1.379949], [0.620051, -0.620051]]) / 4
    near(seen["a"], fused.double() + own.double(), 5e-6)


@pytest.mark.parametrize("cut", ["fused", "unimodal"])
def test_one_cut_alone_leaves_the_other_side_as_it_is(cut):
    _, both, plain = gradients(DGL())
    _, one, other = gradients(DGL(cut=cut))
    assert torch.allclose(one["a"], both["a"]) == (cut == "fused")
    assert torch.allclose(other.weight.grad, plain.weight.grad) == (cut == "unimodal")


def test_an_encoders_gradient_does_not_depend_on_other_modalities_features():
    _, one, _ = gradients(DGL())
    _, other, _ = gradients(DGL(), features=(A, 3 * V - 1))
    assert torch.equal(one["a"], other["a"]) and not torch.equal(one["v"], other["v"])


def test_the_head_learns_as_a_probe_on_frozen_features():
    model = fusions.built(fusions.Gated)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, DGL(), ENCODERS)
    balancer.loss(model(audio, video), labels).backward()
    frozen = fusions.built(fusions.Gated)
    with torch.no_grad():
        features = frozen.audio_net(audio), frozen.video_net(video)
    nn.functional.cross_entropy(frozen.fuse(*features), labels).backward()
    for (name, one), other in zip(model.named_parameters(), frozen.parameters(), strict=True):
        if "_net" not in name:
            torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-12)


@given(st.floats(0.1, 10), st.integers(0, 99))
def test_alpha_scales_the_encoders_gradients_and_leaves_the_heads(alpha, seed):
    draw = torch.Generator().manual_seed(seed)
    features = tuple(torch.randn(2, 2, generator=draw, dtype=torch.float64) for _ in "av")
    _, one, head = gradients(DGL(1.0), features=features)
    _, other, scaled = gradients(DGL(alpha), features=features)
    for m in one:
        torch.testing.assert_close(other[m], alpha * one[m])
    assert torch.equal(head.weight.grad, scaled.weight.grad)


def test_rows_that_lack_a_modality_give_it_no_gradient():
    model = fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, DGL(), ENCODERS, LinearSplit("fc"))
    present = torch.ones(24, 2, dtype=torch.bool)
    present[::2, 0] = False
    model.nets = nn.ModuleDict({"audio": model.audio_net})
    seen = feature_gradients(model)
    balancer.loss(model(audio, video), labels, present).backward()
    assert not seen["audio"][::2].any() and seen["audio"][1::2].abs().sum(1).gt(0).all()


def test_what_has_no_meaning_is_refused():
    with pytest.raises(BalanceError, match="both, fused, unimodal, none"):
        DGL(cut="all")
    with pytest.raises(BalanceError, match="alpha"):
        DGL(-1)


def test_two_trainings_are_one(name="dgl"):
    one, two = trained(name), trained(name, parts=2)
    for n, weight in one.weights.items():
        torch.testing.assert_close(weight, two.weights[n], rtol=0, atol=1e-10)
