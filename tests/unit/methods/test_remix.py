"""Data remixing: its equations by hand, and its own properties."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract import fusions
from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError, Balancer, LinearSplit, Regression, Remix
from equimodal.functional import hardest_modality, separation
from unit.given_features import near

ENCODERS = {"audio": "audio_net", "video": "video_net"}
A = torch.tensor([[2, 0, 0], [0, 0, 0], [0, 1, 0], [5, 0, 0]], dtype=torch.float64)
V = torch.tensor([[0, 1, 0], [0, 0, 2], [0, 1, 0], [0, 0, 9]], dtype=torch.float64)
T = torch.tensor([[0, 0, 0], [9, 0, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.float64)
D = {
    "a": [0.624744, 0, 0.177862, 1.469735], "v": [0.177862, 0.624744, 0.177862, 1.581402],
    "t": [0, 1.581402, 0.177862, 0],
}  # fmt: skip


@pytest.mark.parametrize(("logits", "expected"), [(A, D["a"]), (V, D["v"]), (T, D["t"])])
def test_separations_by_hand(logits, expected):
    near(separation(logits), expected, 2e-6)


def test_an_even_prediction_is_not_separated_and_a_sure_one_is_by_all_bits():
    near(separation(torch.zeros(1, 3, dtype=torch.float64)), [0.0], 1e-12)
    sure = torch.tensor([[500.0, 0, 0]], dtype=torch.float64)
    near(separation(sure), [math.log2(3)], 1e-6)


@pytest.mark.parametrize(
    ("logits", "expected"), [((A, V), [1, 0, 1, 0]), ((A, V, T), [2, 0, 2, 2])]
)
def test_the_hardest_modality_by_hand_the_later_on_a_tie(logits, expected):
    found = hardest_modality(torch.stack([separation(z) for z in logits], 1))
    assert found.tolist() == expected


def epoch_of(logits):
    recorded = {}
    read = torch.stack([separation(z) for z in logits], 1)
    return type("Start", (), {
        "modalities": type("Map", (), {"names": tuple("avt"[: len(logits)])})(),
        "recorded": recorded, "record": lambda self, name, v: recorded.update({name: v}),
        "generator": lambda self, stream=0: torch.Generator().manual_seed(1),
        "by_row": lambda self, split, f: read,
    })()  # fmt: skip


def test_blocks_by_hand_the_later_modality_first():
    first, second = Remix().on_epoch_start(epoch_of((A, V)))
    assert first.index.tolist() == [0, 2] and second.index.tolist() == [1, 3]
    assert first.kept.tolist() == [[False, True]] * 2
    assert second.kept.tolist() == [[True, False]] * 2
    assert first.shuffle and second.shuffle


def test_a_modality_without_samples_is_skipped_and_told():
    method = Remix()
    (block,) = method.on_epoch_start(epoch_of((A, A)))
    assert block.index.tolist() == [0, 1, 2, 3]
    assert block.kept.tolist() == [[False, True]] * 4
    assert method.note == "no sample trained a in 1 of 1 epochs"


def test_the_controls_lack_one_idea_each():
    (mixed,) = Remix(batches="mixed").on_epoch_start(epoch_of((A, V)))
    assert mixed.index.tolist() == [0, 1, 2, 3]
    assert mixed.kept.tolist() == [[False, True], [True, False]] * 2
    rows = (A.repeat(9, 1), V.repeat(9, 1))
    random = Remix(choice="random").on_epoch_start(epoch_of(rows))
    hardest = Remix().on_epoch_start(epoch_of(rows))
    assert [len(b.index) for b in random] == [len(b.index) for b in hardest]
    assert [b.index.tolist() for b in random] != [b.index.tolist() for b in hardest]


def given_batches(method, **options):
    audio, video, labels = fusions.batch()
    model = fusions.built(fusions.Concatenation)
    balancer = Balancer(
        model, method, ENCODERS, LinearSplit("fc"), loaders={"train": [(audio, video, labels)]},
        **options,
    )  # fmt: skip
    rows = fusions.Rows(audio=audio, video=video, labels=labels)
    return model, balancer, list(balancer.batches(rows, batch_size=4))


def test_a_batch_of_one_modality_trains_neither_the_others_encoder_nor_its_part_of_the_head():
    model, balancer, batches = given_batches(Remix())
    seen = set()
    for inputs, labels in batches:
        loss = balancer.loss(model(**inputs), labels)
        model.zero_grad()
        loss.backward()
        balancer.before_step()
        head = model.fc.weight.grad
        sides = bool(head[:, :6].any()), bool(head[:, 6:].any())
        encoders = [bool(n[0].weight.grad.any()) for n in (model.audio_net, model.video_net)]
        assert tuple(encoders) == sides and sum(sides) == 1
        assert model.fc.bias.grad.any()
        seen.add(sides)
    assert seen == {(True, False), (False, True)}


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.5])
def test_the_loss_of_a_batch(gamma):
    model, balancer, batches = given_batches(Remix(gamma))
    inputs, labels = batches[0]
    loss = balancer.loss(model(**inputs), labels)
    z = model.video_net(inputs["video"].clone()) @ model.fc.weight[:, 6:].T
    fused = torch.nn.functional.cross_entropy(z + model.fc.bias, labels)
    own = torch.nn.functional.cross_entropy(z + model.fc.bias / 2, labels)
    torch.testing.assert_close(loss, fused + gamma * own, rtol=0, atol=1e-12)


def test_a_row_weighs_the_same_in_mixed_batches():
    model, balancer, batches = given_batches(Remix(batches="mixed"))
    found = [(x, y, balancer.loss(model(**x), y)) for x, y in batches]
    for inputs, labels, loss in found:
        with torch.no_grad():
            parts = [
                net(inputs[m].clone()) @ model.fc.weight[:, k : k + 6].T
                for m, net, k in (("audio", model.audio_net, 0), ("video", model.video_net, 6))
            ]
            least = [separation(z + model.fc.bias / 2) for z in parts]
            chosen = torch.where((least[0] < least[1])[:, None], *parts)
            each = [
                torch.nn.functional.cross_entropy(chosen + b, labels, reduction="none")
                for b in (model.fc.bias, model.fc.bias / 2)
            ]
        torch.testing.assert_close(loss.detach(), (each[0] + each[1]).mean(), rtol=0, atol=1e-12)


def test_every_sample_comes_once_an_epoch():
    training = start("remix", settings={"warm_up": 0.0})
    labels = torch.cat([y for _, y in training.balancer.batches(training.data, batch_size=7)])
    assert sorted(labels.tolist()) == sorted(training.data.labels.tolist())


def test_the_warm_up_is_joint_training_with_half_of_every_own_loss():
    remix = trained("remix", epochs=2, settings={"warm_up": 0.9})
    joint = trained("joint+unimodal", epochs=2, settings={"unimodal_weight": 0.5})
    assert_same_weights(remix.weights, joint.weights)
    assert not remix.balancer.setting.method.acted


def test_a_modality_that_is_missing_trains_no_row():
    audio, video, labels = fusions.batch()
    present = torch.ones(24, 2, dtype=torch.bool)
    present[::3, 0], present[1::3, 1] = False, False
    model = fusions.built(fusions.Concatenation)
    balancer = Balancer(
        model, Remix(), ENCODERS, LinearSplit("fc"),
        loaders={"train": [(audio, video, labels, present)]},
        forward=lambda net, b: (net(*b[:2]), *b[2:]),
    )  # fmt: skip
    rows = fusions.Rows(
        audio=audio, video=video, labels=labels, present=present, number=torch.arange(24)
    )
    for inputs, target in balancer.batches(rows, batch_size=24):
        output = model(inputs["audio"], inputs["video"])
        drawn = balancer.setting.modalities.record.drawn
        balancer.loss(output, target, inputs["present"])
        assert drawn["kept"][~inputs["present"]].any().item() is False


@given(st.lists(st.floats(-20, 20), min_size=6, max_size=6), st.floats(-50, 50))
def test_separations_are_bits_and_do_not_move_with_a_constant(values, constant):
    logits = torch.tensor(values, dtype=torch.float64).view(2, 3)
    found = separation(logits)
    assert bool(((found >= -1e-6) & (found <= math.log2(3) + 1e-6)).all())
    assert torch.allclose(separation(logits + constant), found, atol=1e-9)


def test_a_training_records_shares_that_sum_to_one():
    training = run(start("remix", settings={"warm_up": 0.0}), 2)
    shares = [r["values"] for r in training.balancer.decisions.drain() if r["name"] == "share"]
    assert len(shares) == 2
    assert all(sum(s.values()) == pytest.approx(1.0) for s in shares)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"gamma": -1}, "Remix gamma"), ({"choice": "easiest"}, "hardest, random"),
        ({"batches": "both"}, "separate, mixed"), ({"unimodal_weight": 0}, "unimodal_weight"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(BalanceError, match=words):
        Remix(**arguments)


def test_what_has_no_meaning_is_refused():
    with pytest.raises(BalanceError, match="distributions over one class"):
        start("remix", task=Regression())
    with pytest.raises(BalanceError, match="must have a modality"):
        hardest_modality(torch.full((2, 2), math.inf))
