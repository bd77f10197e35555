import pytest
import torch

from contract.models import CLASSES, dataset, model
from contract.training import start
from equimodal import functional
from equimodal.balancing.moment import Moment
from equimodal.methods.amss_released import released_fractions
from reference import amss as reference

# Every layer with units: count of units, weights, and the unit to which a row belongs.
LAYERS = {
    "linear": [(10, ["0"], lambda row: row), (6, ["2"], lambda row: row)],
    "convolutional": [
        (8, ["layers.0"], lambda row: row), (8, ["layers.3"], lambda row: row),
        (6, ["out"], lambda row: row),
    ],
    "multihead": [
        (8, ["embedding"], lambda row: row),
        (2, ["attention.in_proj_weight"], lambda row: row % 8 // 4),
        (8, ["attention.out_proj"], lambda row: row), (6, ["out"], lambda row: row),
    ],
    "self-attention": [
        (8, ["embedding"], lambda row: row),
        (4, ["attention.query", "attention.key", "attention.value"], lambda row: row // 2),
        (6, ["out"], lambda row: row),
    ],
    "lstm": [(6, ["layers.weight_ih_l0", "layers.weight_hh_l0"], lambda row: row % 6)],
    "gru": [(6, ["layers.weight_ih_l0", "layers.weight_hh_l0"], lambda row: row % 6)],
}  # fmt: skip


def weight_name(modality, name):
    suffix = "" if "weight" in name else ".weight"
    return f"encoders.{modality}.{name}{suffix}"


def read_forward(net, inputs):
    """Features and unimodal logits as plain numbers, from the encoders and the head's blocks."""
    features = [encoder(inputs[m]).detach() for m, encoder in net.encoders.items()]
    blocks = net.head.weight.detach().split([f.shape[1] for f in features], 1)
    share = net.head.bias.detach() / len(features)
    logits = [(z @ w.T + share).tolist() for z, w in zip(features, blocks, strict=True)]
    return [z.tolist() for z in features], logits


def expected_gradients(kinds, net, fractions, draws, weighting):
    """Masked gradients by name of weight, by the slow loops."""
    expected, row_of_draws = {}, iter(draws.double().tolist())
    weights = dict(net.named_parameters())
    for m, kind, fraction in zip("abcdef", kinds, fractions, strict=False):
        for count, names, unit_of in LAYERS[kind]:
            grads = [weights[weight_name(m, n)].grad.flatten(1).tolist() for n in names]
            parameters = [(rows, unit_of) for rows in grads]
            p = reference.probabilities(reference.importances(parameters, count), 0.01)
            factors = reference.mask(p, fraction, next(row_of_draws), weighting, cap=10)
            for name, rows in zip(names, reference.masked(parameters, factors), strict=True):
                expected[weight_name(m, name)] = rows
    return expected


@pytest.mark.parametrize("weighting", ["none", "unbiased", "official", "scaled"])
@pytest.mark.parametrize(
    "kinds",
    [
        ("convolutional", "linear"), ("gru", "linear", "convolutional"),
        ("self-attention", "lstm", "multihead", "gru"),
    ],
)  # fmt: skip
def test_one_step_equals_the_slow_loops(kinds, weighting):
    training = start("amss", kinds=kinds, settings={"weighting": weighting}, seed=3)
    inputs, labels = training.data.take(torch.arange(7))
    net = training.model
    training.balancer.loss(net(inputs), labels).backward()
    features, logits = read_forward(net, inputs)
    rho = reference.significance(logits, features, labels.tolist(), labels.tolist())
    fractions = reference.shares(rho, 0.2)
    sizes = [count for kind in kinds for count, *_ in LAYERS[kind]]
    draws = torch.empty(len(sizes), max(sizes))
    draws.exponential_(
        generator=Moment(0, 0, training.balancer.setting.modalities, 3, []).generator()
    )
    expected = expected_gradients(kinds, net, fractions, draws, weighting)
    others = {n: p.grad.clone() for n, p in net.named_parameters() if n not in expected}

    training.balancer.before_step()

    for name, parameter in net.named_parameters():
        if name in others:
            assert torch.equal(parameter.grad, others[name]), name
            continue
        found = parameter.grad.flatten(1)
        wanted = torch.tensor(expected[name], dtype=torch.float64)
        assert torch.equal(found == 0, wanted == 0), name
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=0)
    training.balancer.epoch_end()
    records = {r["name"]: list(r["values"].values()) for r in training.balancer.decisions.drain()}
    assert records["significance"] == pytest.approx(rho, rel=1e-12)
    assert records["fraction"] == pytest.approx(fractions, rel=1e-12)


@pytest.mark.parametrize("restarted", [False, True])
def test_the_label_entropy_is_that_of_all_labels_seen_so_far(restarted):
    training = start("amss")
    seen = []
    for rows in (torch.tensor([0, 3, 6, 9, 1]), torch.tensor([1, 4, 7, 2, 0])):
        if seen and restarted:
            state = training.balancer.state_dict()
            training = start("amss")
            training.balancer.load_state_dict(state)
        inputs, labels = training.data.take(rows)
        seen += labels.tolist()
        training.balancer.loss(training.model(inputs), labels).backward()
        features, logits = read_forward(training.model, inputs)
        training.balancer.before_step()
        rho = reference.significance(logits, features, labels.tolist(), seen)
    training.balancer.epoch_end()
    last = [r for r in training.balancer.decisions.drain() if r["name"] == "significance"][-1]
    assert list(last["values"].values()) == pytest.approx(rho, rel=1e-12)


def random_case(samples, spread, seed, modalities=3):
    draw = torch.Generator().manual_seed(seed)
    given = {"generator": draw, "dtype": torch.float64}
    logits = [spread * torch.randn(samples, CLASSES, **given) for _ in range(modalities)]
    features = [torch.randn(samples, 5, **given) for _ in range(modalities)]
    return logits, features, torch.randint(0, CLASSES, (samples,), generator=draw)


@pytest.mark.parametrize("seed", range(5))
def test_significance_and_fractions_equal_the_slow_loops(seed):
    logits, features, labels = random_case(9, 0.3 * (seed + 1), seed)
    names = "abc"
    rho = functional.modality_significance(
        dict(zip(names, logits, strict=True)), dict(zip(names, features, strict=True)), labels
    )
    slow = reference.significance(
        [x.tolist() for x in logits], [z.tolist() for z in features], labels.tolist(),
        labels.tolist(),
    )  # fmt: skip
    assert rho.tolist() == pytest.approx(slow, rel=1e-12)
    fractions = functional.update_fractions(rho, 0.5, clamp=(0.2, 0.8))
    assert fractions.tolist() == pytest.approx(reference.shares(slow, 0.5, (0.2, 0.8)), rel=1e-12)


@pytest.mark.parametrize("script", ["av", "it", "nv"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_the_released_formulas_equal_the_slow_loops_guards_included(script, scale):
    # The larger the head, the larger the cross-entropy: at 30 every guard acts.
    kinds = ("linear", "convolutional", "gru")[: 3 if script == "nv" else 2]
    training = start("amss", kinds=kinds, settings={"significance": script})
    net = training.model
    with torch.no_grad():
        net.head.weight.mul_(scale)
    inputs, labels = dataset(kinds, 11, seed=4).take(torch.arange(11))
    training.balancer.loss(net(inputs), labels).backward()
    features, logits = read_forward(net, inputs)
    rho, fractions = reference.released(script, logits, features, labels.tolist(), 0.2)
    if scale == 30:
        assert set(fractions) == {0.5}

    training.balancer.before_step()
    training.balancer.epoch_end()

    records = {r["name"]: list(r["values"].values()) for r in training.balancer.decisions.drain()}
    assert records["significance"] == pytest.approx(rho, rel=1e-10)
    assert records["fraction"] == pytest.approx(fractions, rel=1e-10)


# Labels of three classes: all of them, without the last, one between, the first, one alone.
BATCHES = ([0, 1, 2, 2, 1], [0, 1, 1, 0], [0, 2, 2], [1, 2, 1, 1], [0, 0], [2, 2, 2])
# Sizes of the logits by modality: the larger, the larger the cross-entropy, up to the guard.
SPREADS = ([0.5, 1.0], [0.1, 20.0], [0.3, 0.8, 1.2], [20.0, 0.2, 0.1])


@pytest.mark.parametrize("script", ["av", "it", "nv"])
@pytest.mark.parametrize("labels", BATCHES)
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("strong", [False, True])
def test_released_fractions_equal_the_slow_loops_in_batches_without_some_classes(
    script, labels, spread, strong
):
    logits, features, _ = random_case(len(labels), 1.0, 7, len(spread))
    logits = [(size * o).tolist() for size, o in zip(spread, logits, strict=True)]
    features = [z.tolist() for z in features]
    given = {"clamp": (0.2, 0.85), "tau": 0.7, "strong": strong}

    read = [
        [labels.count(c) for c in range(CLASSES)],
        [reference.cross_entropy(o, labels) for o in logits],
        [reference.feature_entropy(z) for z in features],
    ]
    rho, fractions = released_fractions(
        script, *(torch.tensor(values, dtype=torch.float64) for values in read), **given
    )

    slow, shares = reference.released(script, logits, features, labels, **given)
    assert rho.tolist() == pytest.approx(slow, rel=1e-12)
    assert fractions.tolist() == pytest.approx(shares, rel=1e-12)


@pytest.mark.parametrize(("absent", "printed"), [([], 1.04), ([0] * 3, 1.04), ([0] * 9, 1.04)])
def test_classes_above_the_highest_label_are_no_terms_of_the_released_entropy(absent, printed):
    # One sample of class 5 of six: log(5 + e) - 1, whatever the number of classes above.
    counts = torch.tensor([0.0, 0, 0, 0, 0, 1, *absent])
    zero, one = torch.zeros(2), torch.ones(2)
    rho, _ = released_fractions(
        "av", counts, zero, one, tau=0.2, clamp=(0.1, 0.9), strong=False
    )  # fmt: skip
    assert round(float(rho[0]) - 0.5, 2) == printed
    assert reference.confused_entropy([5]) + 0.5 == pytest.approx(float(rho[0]), rel=1e-6)


def test_the_released_label_entropy_is_none():
    # 1.04 for one class of six instead of 0, 1.60 instead of 1.03, where the histogram has six.
    for q, printed, true in (([1, 0, 0, 0, 0, 0], 1.04, 0.0), ([5, 3, 2, 0, 0, 0], 1.60, 1.03)):
        q = [x / sum(q) for x in q]
        confused = -sum(a * b for a, b in zip(q, reference.log_softmax(q), strict=True))
        assert round(confused, 2) == printed
        assert round(reference.entropy(q), 2) == true


def test_the_significance_of_an_update_reads_all_its_micro_batches():
    training = start("amss")
    parts = [training.data.take(rows) for rows in torch.arange(10).split([4, 6])]
    features, logits = [[], []], [[], []]
    for inputs, labels in parts:
        training.balancer.loss(training.model(inputs), labels).backward()
        for found, more in zip((features, logits), read_forward(training.model, inputs),
                               strict=True):  # fmt: skip
            for mine, rows in zip(found, more, strict=True):
                mine += rows
    training.balancer.before_step()
    training.balancer.epoch_end()
    labels = torch.cat([labels for _, labels in parts]).tolist()
    records = {r["name"]: list(r["values"].values()) for r in training.balancer.decisions.drain()}
    rho = reference.significance(logits, features, labels, labels)
    assert records["significance"] == pytest.approx(rho, rel=1e-12)


def test_the_significance_is_that_of_the_samples_of_all_ranks(monkeypatch):
    def significance(rows):
        training = start("amss")
        inputs, labels = training.data.take(rows)
        training.balancer.loss(training.model(inputs), labels).backward()
        training.balancer.before_step()
        training.balancer.epoch_end()
        records = {
            r["name"]: list(r["values"].values()) for r in training.balancer.decisions.drain()
        }
        return records["significance"], *read_forward(training.model, inputs), labels.tolist()

    # Two ranks one after the other, with batches of different sizes: the second adds the first's.
    sums = []
    module = "equimodal.methods.amss_equations.sum_over_ranks"
    monkeypatch.setattr(module, lambda values: (sums.append(values), values)[1])
    _, *first = significance(torch.arange(3))
    monkeypatch.setattr(module, lambda values: values + sums[0])
    rho, *second = significance(torch.arange(3, 10))

    features, logits = ([a + b for a, b in zip(first[k], second[k], strict=True)] for k in (0, 1))
    labels = first[2] + second[2]
    slow = reference.significance(logits, features, labels, labels)
    assert rho == pytest.approx(slow, rel=1e-12)


def test_the_drawn_set_of_the_pure_function_equals_the_slow_loops():
    importance = torch.tensor([4.0, 0.0, 1.0, 9.0, 2.0, 0.5], dtype=torch.float64)
    p = reference.probabilities(importance.tolist(), 0.01)
    for seed in range(20):
        draws = torch.empty(1, 6).exponential_(generator=torch.Generator().manual_seed(seed))
        for weighting in ("none", "unbiased"):
            found = functional.sample_units(
                importance, 0.4, torch.Generator().manual_seed(seed), unbiased=weighting != "none"
            )
            slow = reference.mask(p, 0.4, draws[0].double().tolist(), weighting)
            assert found.tolist() == pytest.approx(slow, rel=1e-9)


def test_models_of_the_reference_name_every_layer_with_units():
    for kind, layers in LAYERS.items():
        names = {weight_name("a", n) for _, group, _ in layers for n in group}
        weights = {n for n, p in model([kind, kind]).named_parameters()
                   if n.startswith("encoders.a") and p.ndim > 1}  # fmt: skip
        assert names == weights, kind
