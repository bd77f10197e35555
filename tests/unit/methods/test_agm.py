"""AGM: its equations by hand, and its own properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract import fusions
from contract.training import largest_difference, start, trained
from equimodal import AGM, Ablation, BalanceError, Balancer, Joint, LinearSplit, Regression
from equimodal.functional import mono_modal_responses, response_coefficients
from unit.given_features import bound, feature_gradients, near, rows

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def logits(**coalitions):
    return {frozenset(s): torch.tensor([z], dtype=torch.float64) for s, z in coalitions.items()}


def test_responses_of_two_by_hand():
    found = mono_modal_responses(logits(av=[2, -1, 0.5], a=[1.5, -0.5, 0], v=[0.2, 0.1, 0.3]))
    near(found["a"], [[1.65, -0.8, 0.1]])
    near(found["v"], [[0.35, -0.2, 0.4]])


def test_responses_of_three_by_hand():
    found = mono_modal_responses(logits(
        avt=[3, 0], av=[2, 0.5], at=[2.5, -0.5], vt=[1, 1], a=[1.5, 0], v=[0.5, 0.2], t=[0.4, 0.6],
    ))  # fmt: skip
    near(found["a"], [[1.766667, -0.466667]])
    near(found["v"], [[0.516667, 0.383333]])
    near(found["t"], [[0.716667, 0.083333]])
    near(sum(found.values()), [[3, 0]], 1e-12)


def test_the_logits_of_nobody_are_taken_out_in_equal_parts():
    every = logits(av=[2, -1, 0.5], a=[1.5, -0.5, 0], v=[0.2, 0.1, 0.3])
    (nobody,) = rows([[0.4, 0.0, -0.2]])
    found = mono_modal_responses(every | {frozenset(): nobody})
    near(found["a"], [[1.45, -0.8, 0.2]])
    near(found["v"], [[0.15, -0.2, 0.5]])
    near(sum(found.values()), every[frozenset("av")] - nobody, 1e-12)


@pytest.mark.parametrize(
    ("losses", "reference", "alpha", "cap", "expected"),
    [
        ([0.5, 1.5], [0.75, 1.55], 2, 10, [0.373259, 1.176918]),
        ([0.8, 1.6], [0.0, 0.0], 1, 10, [0.293599, 1.734416]),
        ([0.7, 1.5], [0.8, 1.6], 1, 10, [1, 1]),
        ([0.5, 1.0, 1.5], [0.6, 0.9, 1.2], 1, 10, [0.577707, 1, 1.179702]),
        ([0.9, 0.9], [0.4, 0.4], 3, 10, [1, 1]),
        ([0.5, float("nan"), 1.5], [0.75, float("nan"), 1.55], 2, 10, [0.373259, 1, 1.176918]),
    ],
)
def test_coefficients_by_hand(losses, reference, alpha, cap, expected):
    given_ = (torch.tensor(x, dtype=torch.float64) for x in (losses, reference))
    near(response_coefficients(*given_, alpha, cap), expected)


def test_the_cap_by_hand():
    losses, reference = rows([9, 0.1], [0.1, 5])
    near(response_coefficients(losses, reference, 1, 10), [22026.465795, 0.0])


def test_the_running_mean_by_hand():
    method = AGM(2, cap=10)
    method.state = {"t": torch.full((2,), 2.0).double(), "s_hat": rows([0.75, 1.55])[0]}
    near(method._judged(rows([0.5, 1.5])[0]), [0.373259, 1.176918])
    near(method.state["s_hat"], [0.666667, 1.533333])
    method._judged(rows([float("nan"), 1.0])[0])
    near(method.state["t"], [3, 4])
    near(method.state["s_hat"], [0.666667, 1.4])


W = {"a": [[1.0, 0.0], [0.0, 1.0]], "v": [[0.5, -0.5], [0.0, 1.0]]}
A, V = rows([[1, 2], [0, 1]], [[1, 1], [2, 0]])
Y = torch.tensor([0, 1])


@pytest.mark.parametrize("readout", [LinearSplit("head"), Ablation()])
def test_the_loss_is_joints_and_the_gradients_are_scaled(monkeypatch, readout):
    monkeypatch.setattr(AGM, "_judged", lambda *_: torch.tensor([0.5, 2.0], dtype=torch.float64))
    model, balancer = bound(AGM(), W, [0.1, -0.1], readout=readout)
    seen = feature_gradients(model)
    found = balancer.loss(model(A, V), Y)
    found.backward()
    near(found, 1.375558)
    near(seen["a"], [[0.5 * -0.429074, 0.5 * 0.429074], [0.5 * 0.274917, 0.5 * -0.274917]])
    # The bias has the mean of the coefficients in an additive head.
    near(model.head.bias.grad[0], -0.154157 * 1.25, 5e-6)


@pytest.mark.parametrize("readout", [LinearSplit("head"), None])
def test_without_sharpness_it_is_joint_training(readout):
    joint, idle = trained("joint"), trained("agm", settings={"alpha": 0})
    assert largest_difference(joint.weights, idle.weights) < 1e-12


@pytest.mark.parametrize("apply", ["response", "encoders"])
@pytest.mark.parametrize("empty", ["left_out", "subtract"])
@pytest.mark.parametrize("kind", [fusions.Concatenation, fusions.Gated])
def test_without_sharpness_every_form_of_it_has_joints_gradients(kind, empty, apply):
    found = []
    for method in (AGM(0, empty=empty, apply=apply), Joint()):
        model = fusions.built(kind)
        readout = LinearSplit("fc") if kind is fusions.Concatenation else Ablation()
        balancer = Balancer(model, method, ENCODERS, readout)
        audio, video, labels = fusions.batch()
        balancer.loss(model(audio, video), labels).backward()
        balancer.before_step()
        found.append([p.grad for p in model.parameters()])
    for mine, joints in zip(*found, strict=True):
        torch.testing.assert_close(mine, joints, rtol=0, atol=1e-12)


def test_an_additive_heads_own_bias_is_no_modalitys_response():
    for empty, bias in (("left_out", [0.05, -0.05]), ("subtract", [0.0, 0.0])):
        model, balancer = bound(AGM(empty=empty), W, [0.1, -0.1])
        method, seen = balancer.setting.method, []
        plain = method._responses
        method._responses = lambda step, plain=plain, seen=seen: seen.append(plain(step)) or seen[0]
        balancer.loss(model(A, V), Y)
        expected = A @ torch.tensor(W["a"]).double().T + torch.tensor(bias).double()
        torch.testing.assert_close(seen[0][0]["a"], expected)


def gradients_of(apply, monkeypatch, parts=1):
    """Those of a linear head's model, the batch in so many parts."""
    monkeypatch.setattr(AGM, "_judged", lambda *_: torch.tensor([0.5, 2.0], dtype=torch.float64))
    model = fusions.built(fusions.Concatenation)
    balancer = Balancer(model, AGM(apply=apply), ENCODERS, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    for rows_ in torch.arange(24).chunk(parts):
        loss = balancer.loss(model(audio[rows_], video[rows_]), labels[rows_]) / parts
        loss.backward()
    balancer.before_step()
    return {n: p.grad for n, p in model.named_parameters()}


@pytest.mark.parametrize("parts", [1, 2])
def test_scaled_encoders_are_those_of_scaled_responses_and_the_head_is_joints(monkeypatch, parts):
    mine, response = (gradients_of(a, monkeypatch, parts) for a in ("encoders", "response"))
    model = fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    torch.nn.functional.cross_entropy(model(audio, video), labels).backward()
    joint = {n: p.grad for n, p in model.named_parameters()}
    for name, gradient in mine.items():
        expected = joint[name] if name.startswith("fc") else response[name]
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(mine["audio_net.0.weight"], 0.5 * joint["audio_net.0.weight"])


def test_only_scaled_encoders_have_a_stage_of_gradients():
    assert not AGM().edits_gradients() and AGM(apply="encoders").edits_gradients()


def test_any_fusion_has_responses_that_sum_to_its_logits():
    model = fusions.built(fusions.Gated)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, AGM(), ENCODERS)
    method, seen = balancer.setting.method, []
    plain = method._responses
    method._responses = lambda step: seen.append(plain(step)) or seen[0]
    output = model(audio, video)
    balancer.loss(output, labels).backward()
    responses, nobody = seen[0]
    assert nobody is None
    torch.testing.assert_close(sum(responses.values()), output, rtol=0, atol=1e-12)
    own = model.fuse(model.audio_net(audio), 0 * model.video_net(video))
    other = model.fuse(0 * model.audio_net(audio), model.video_net(video))
    torch.testing.assert_close(responses["audio"], (output - other + own) / 2, rtol=0, atol=1e-12)


def test_the_control_scales_every_modality_by_the_mean():
    adaptive, control = AGM(), AGM(coefficient="mean")
    losses = rows([0.8, 1.6])[0]
    near(control._judged(losses), [float(adaptive._judged(losses).mean())] * 2, 1e-12)


@given(st.lists(st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)), min_size=2, max_size=5),
       st.randoms())  # fmt: skip
def test_coefficients_are_positive_and_follow_the_modalities(pairs, shuffle):
    losses, reference = rows(*map(list, zip(*pairs, strict=True)))
    found = response_coefficients(losses, reference)
    assert (found > 0).all()
    order = shuffle.sample(range(len(pairs)), len(pairs))
    torch.testing.assert_close(response_coefficients(losses[order], reference[order]), found[order])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mono_modal_responses({}), r"found \{\}"),
        (lambda: mono_modal_responses(logits(av=[1.0], a=[1.0])), r"\['v'\].* missing"),
        (lambda: response_coefficients(*rows([1.0], [1.0])), "two or more"),
        (lambda: AGM(coefficient="fixed"), "adaptive, mean"),
        (lambda: AGM(cap=0), "cap"),
        (lambda: AGM(apply="heads"), "response, encoders"),
        (lambda: AGM(empty="zero"), "left_out, subtract"),
        (lambda: start("agm", task=Regression()), "cross-entropy of a label"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
