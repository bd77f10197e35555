import random

import pytest
import torch

from contract.training import run, start, trained
from equimodal import functional
from reference import diagnose_relearn as reference


def test_purity_equals_the_slow_loop():
    draw = random.Random(0)
    for _ in range(50):
        count = draw.randint(1, 40)
        labels = [draw.choice([-3, 0, 7, 1000]) for _ in range(count)]
        clusters = [draw.choice([0, 5, 9]) for _ in range(count)]
        found = functional.cluster_purity(torch.tensor(labels), torch.tensor(clusters))
        assert found == reference.purity(labels, clusters)


def test_strength_equals_the_formula():
    # The figures of the description, at lambda = 3.
    for gap, printed in ((0.05, 0.149), (0.1, 0.291), (0.2, 0.537), (0.3, 0.716)):
        assert round(functional.relearn_strength(0.4, 0.4 + gap), 3) == printed
        assert functional.relearn_strength(0.4 + gap, 0.4, 1.5) == pytest.approx(
            reference.strength(0.4, 0.4 + gap, 1.5)
        )


def test_a_re_learning_equals_the_slow_loops():
    training = start("relearn", kinds=("linear", "gru", "convolutional"), epochs=4, settings={})
    net, balancer = training.model, training.balancer
    initial = training.weights
    splits = balancer.setting.loaders
    run_without_epoch_end(training)
    before = training.weights
    expected = {"train_purity": [], "validation_purity": []}
    for m, encoder in net.encoders.items():
        for split, key in (("train", "train_purity"), ("val", "validation_purity")):
            inputs, labels = splits[split][0]
            features = encoder(inputs[m]).detach().float().numpy()
            expected[key].append(reference.purity_of_features(features, labels.tolist()))

    balancer.epoch_end()

    records = {r["name"]: list(r["values"].values()) for r in balancer.decisions.drain()}
    for key, purities in expected.items():
        assert records[key] == pytest.approx(purities, rel=1e-6)
    pairs = zip(expected["train_purity"], expected["validation_purity"], strict=True)
    strengths = [reference.strength(p, q, 3.0) for p, q in pairs]
    gaps = [abs(p - q) for p, q in zip(*expected.values(), strict=True)]
    assert records["gap"] == pytest.approx(gaps)
    # A gap is a distance, also where the validation set is the purer.
    assert any(p < q for p, q in zip(*expected.values(), strict=True))
    assert records["strength"] == pytest.approx(strengths, rel=1e-6)
    assert max(strengths) > 0.05
    for name, after in training.weights.items():
        alpha = strengths["abc".index(name.split(".")[1])] if name.startswith("encoders") else 0.0
        slow = reference.moved(
            before[name].flatten().tolist(), initial[name].flatten().tolist(), alpha
        )
        assert after.flatten().tolist() == pytest.approx(slow, abs=1e-6)


@pytest.mark.parametrize(
    ("every", "times", "ends"), [(2, 3, [2, 4, 6]), (2, 1, [2]), (3, 3, [3, 6])]
)
def test_a_whole_training_with_the_released_schedule_equals_the_slow_loops(every, times, ends):
    made = trained("relearn", epochs=8, settings={"every": every, "times": times})
    found = [r["epoch"] for r in made.balancer.decisions.drain() if r["name"] == "strength"]

    slow = start("joint", epochs=8)
    initial, moments = slow.weights, []
    for epoch in range(8):
        run(slow, 1)
        if reference.due(epoch, every, times, len(moments)):
            moments.append(epoch)
            relearn_slowly(slow, initial, 3.0)

    assert found == moments == ends
    for name, weight in made.weights.items():
        torch.testing.assert_close(weight, slow.weights[name], rtol=0, atol=1e-12)


def relearn_slowly(training, initial, lam):
    """Move every encoder of a training number by number, from the slow loops' strengths."""
    features = {
        split: {
            m: (encoder(inputs[m]).detach().float().numpy(), labels.tolist())
            for m, encoder in training.model.encoders.items()
        }
        for split, [(inputs, labels)] in training.balancer.setting.loaders.items()
    }
    alphas = reference.strengths(features["train"], features["val"], lam)
    for m, encoder in training.model.encoders.items():
        for name, weight in encoder.named_parameters():
            begun = initial[f"encoders.{m}.{name}"].flatten().tolist()
            moved = reference.moved(weight.flatten().tolist(), begun, alphas[m])
            weight.data.copy_(torch.tensor(moved, dtype=weight.dtype).view_as(weight))


def run_without_epoch_end(training):
    """One epoch of training whose end is left to the test."""
    end, training.balancer.epoch_end = training.balancer.epoch_end, lambda: None
    run(training, 1)
    training.balancer.epoch_end = end
