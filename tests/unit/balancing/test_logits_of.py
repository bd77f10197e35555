"""Fused logits for other features: `Step.logits_of` and the coalitions of a readout."""

import pytest
import torch
from torch import nn

from contract import fusions
from equimodal import Ablation, Balancer, LinearSplit, Method

ENCODERS = {"audio": "audio_net", "video": "video_net"}
KEPT = torch.tensor([[True, False], [False, True], [True, True], [False, False]] * 6)


def blanked(model, inputs, kept):
    """The model's own fusion of features that were multiplied by the mask."""
    features = [net(x) for net, x in zip((model.audio_net, model.video_net), inputs, strict=True)]
    return model.fuse(*(f * kept[:, k : k + 1] for k, f in enumerate(features)))


def seen(fusion, readout, inspect):
    """What a method makes of a step while it sees it."""

    class Looking(Method):
        def on_loss(self, step):
            self.found = inspect(step)
            return step.fused_loss

    model = fusions.built(fusion)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, Looking(), ENCODERS, readout)
    balancer.loss(model(audio, video), labels).backward()
    return model, balancer.setting.method.found, (audio, video)


CASES = {
    "concatenation": (fusions.Concatenation, LinearSplit("fc")),
    "sum of features": (fusions.FeatureSum, LinearSplit("fc")),
    "sum of logits": (fusions.LogitSum, LinearSplit({"audio": "fc", "video": "fc_v"})),
    "activation between": (lambda: fusions.Between(nn.Softplus()), LinearSplit("fc")),
    "rerun": (fusions.Concatenation, Ablation("zero")),
    "no readout": (fusions.Concatenation, None),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_are_blanked_as_the_models_own_fusion_would(case):
    model, found, inputs = seen(*CASES[case], lambda step: step.logits_of(kept=KEPT))
    torch.testing.assert_close(found, blanked(model, inputs, KEPT), rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_blanked_logits_is_that_of_the_models_own_fusion(case):
    def gradients(step):
        weights = list(step.modalities.model.parameters())
        total = step.logits_of(kept=KEPT).square().sum()
        return torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)

    model, found, inputs = seen(*CASES[case], gradients)
    total = blanked(model, inputs, KEPT).square().sum()
    expected = torch.autograd.grad(total, list(model.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_features_are_replaced_and_the_others_stay(case):
    model, (found, given), (_, video) = seen(
        *CASES[case],
        lambda s: (s.logits_of({"audio": 2 * s.outputs["audio"]}), s.outputs["audio"]),
    )
    expected = model.fuse(2 * given, model.video_net(video))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_training_mode_is_the_models_own_and_the_random_stream_stays():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    dropping = lambda: fusions.Between(nn.Dropout(0.5))  # noqa: E731

    def both(step):
        state = torch.get_rng_state()
        made = step.logits_of(), step.logits_of(training=False)
        assert torch.equal(torch.get_rng_state(), state)
        return made

    model, (trained, evaluated), inputs = seen(dropping, LinearSplit("fc"), both)
    plain = model.eval()(*inputs)
    torch.testing.assert_close(evaluated, plain, rtol=0, atol=1e-12)
    assert not torch.allclose(trained, plain)
    assert model.training is False
    assert not torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("case", CASES)
def test_the_singles_of_an_ablation_are_coalitions_of_one(case):
    def both(step):
        sets = [frozenset({"audio"}), frozenset({"audio", "video"}), frozenset()]
        readout = step.readout or Ablation()
        return readout.coalitions(step.modalities, step.outputs, sets)

    model, found, inputs = seen(*CASES[case], both)
    ones = torch.ones(24, 2)
    for members, kept in {("audio",): [1, 0], ("audio", "video"): [1, 1], (): [0, 0]}.items():
        expected = blanked(model, inputs, ones * torch.tensor(kept))
        torch.testing.assert_close(found[frozenset(members)], expected, rtol=0, atol=1e-12)


def test_a_modality_that_is_blanked_may_hold_no_number():
    def replaced(step):
        odd = torch.full_like(step.outputs["audio"], float("nan"))
        kept = torch.tensor([[False, True]] * 24)
        return step.logits_of({"audio": odd}, kept=kept)

    _, found, _ = seen(fusions.Concatenation, LinearSplit("fc"), replaced)
    assert torch.isfinite(found).all()
