import math

import pytest
import torch
from torch import nn

from contract.models import dataset
from contract.training import assert_same_weights, run, start, trained, whole
from equimodal import BalanceError, Balancer, Classification, LinearSplit, methods
from equimodal.functional import relearn_strength
from equimodal.numerics.purity import stratified_rows
from reference import diagnose_relearn as reference


def test_strength_is_zero_without_a_gap_and_tends_to_one():
    assert relearn_strength(0.7, 0.7) == 0
    assert relearn_strength(1.0, 0.2, lam=0) == 0
    assert relearn_strength(0.9, 0.4) == relearn_strength(0.4, 0.9) == math.tanh(1.5)
    assert relearn_strength(1.0, 0.5, lam=1e6) == 1


def after_epochs(epochs, **settings):
    """Weights before and after the last of so many epoch ends, and the records of it."""
    training = start("relearn", epochs=settings.pop("planned", 9), settings=settings)
    run(training, epochs - 1)
    end, training.balancer.epoch_end = training.balancer.epoch_end, lambda: None
    run(training, 1)
    before = training.weights
    training.balancer.decisions.drain()
    end()
    records = {r["name"]: r["values"] for r in training.balancer.decisions.drain()}
    return training, before, records


def test_without_a_gap_weights_stay_bit_identical():
    training, before, records = after_epochs(2, lam=0.0)
    assert records["strength"] == {"a": 0, "b": 0}
    assert_same_weights(training.weights, before)
    assert not training.balancer.setting.method.acted


def test_a_huge_lambda_restores_the_start_and_nothing_but_encoders():
    initial = start("relearn").weights
    training, before, records = after_epochs(2, lam=1e9)
    # The features of a are perfectly pure on both sides: a gap of 0 has a strength of 0.
    assert records["strength"] == {"a": 0, "b": 1}
    for name, weight in training.weights.items():
        source = initial if name.startswith("encoders.b") else before
        assert torch.equal(weight, source[name]), name
        assert not torch.equal(before[name], initial[name])
    assert training.balancer.setting.method.acted


def test_it_needs_no_gap_where_the_strength_is_fixed():
    training, before, records = after_epochs(2, strength=0.25)
    initial = start("relearn").weights
    assert records == {"strength": {"a": 0.25, "b": 0.25}}
    for name, weight in training.weights.items():
        alpha = 0.25 if name.startswith("encoders") else 0
        expected = (1 - alpha) * before[name] + alpha * initial[name]
        torch.testing.assert_close(weight, expected, rtol=0, atol=1e-14)


def fires(total, *, ends=None, **settings):
    """0-based epochs at whose end it acts, in a training of so many epochs of no steps."""
    net = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Linear(1, 1)})
    balancer = Balancer(
        net, methods.create("relearn-fixed", **settings), {"a": "a", "b": "b"},
        loaders={"train": [], "val": []}, epochs=total,
    )  # fmt: skip
    for _ in range(ends or total):
        balancer.epoch_end()
    return [r["epoch"] for r in balancer.decisions.drain() if r["name"] == "strength"]


def test_the_released_schedule_fires_at_the_ends_of_epochs_20_40_and_60():
    assert fires(90, every=20) == [20, 40, 60]
    assert fires(90, every=20, times=1) == [20]
    assert fires(50, every=20) == [20, 40]


@pytest.mark.parametrize(
    ("epochs", "ends"), [(90, [19, 39, 59]), (9, [1, 3, 5]), (18, [3, 7, 11]), (4, [0, 1, 2])]
)
def test_the_schedule_in_shares_fires_after_2_4_and_6_ninths(epochs, ends):
    assert fires(epochs) == ends


def test_it_never_fires_after_the_last_epoch():
    assert fires(1) == []
    assert fires(10, at=(0.99,)) == []
    assert fires(5, every=2) == [2]
    assert fires(2, every=1) == []


def test_a_training_of_unknown_length_fires_by_the_released_schedule():
    assert fires(None, every=2, ends=6) == [2, 4]


def test_re_learnings_that_were_done_count_after_a_restart():
    settings = {"every": 1, "times": 1}
    whole_run = trained("relearn", epochs=6, settings=settings)
    first = run(start("relearn", epochs=6, settings=settings), 3)
    second = start("relearn", epochs=6, settings=settings)
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.balancer.load_state_dict(first.balancer.state_dict())
    assert second.balancer.setting.method.acted
    run(second, 3)
    assert "strength" not in {r["name"] for r in second.balancer.decisions.drain()}
    assert_same_weights(second.weights, whole_run.weights)


def test_the_default_is_the_papers_sharpness_and_the_released_comparison_of_sets():
    made = methods.create("relearn")
    assert (made.lam, made.strength, made.match_sizes, made.include_norm) == (
        3.0,
        None,
        False,
        True,
    )
    assert (made.reset_momentum, made.reset_bn_stats) == (False, False)
    assert made.at == pytest.approx([20 / 90, 40 / 90, 60 / 90])


def test_the_control_moves_every_encoder_half_way():
    training = start("relearn-fixed", settings={})
    initial = training.weights
    run(training, 1)  # of 4: 2/9 of them are 1
    records = {r["name"]: r["values"] for r in training.balancer.decisions.drain()}
    assert records == {"strength": {"a": 0.5, "b": 0.5}}
    before = run(start("joint"), 1).weights
    for name, weight in training.weights.items():
        half = (before[name] + initial[name]) / 2 if name.startswith("encoders") else before[name]
        torch.testing.assert_close(weight, half, rtol=0, atol=1e-14)


def test_a_schedule_in_shares_needs_the_number_of_epochs():
    training = start("relearn", epochs=None)
    with pytest.raises(BalanceError, match=r"pass epochs=\.\.\. to Balancer"):
        training.balancer.epoch_end()


@pytest.mark.parametrize("reset", [False, True])
def test_momentum_is_forgotten_where_asked_for_and_of_encoders_only(reset):
    training, _, _ = after_epochs(2, strength=0.5, reset_momentum=reset)
    state = training.optimizer.state
    for name, parameter in training.model.named_parameters():
        assert (parameter in state) == (not reset or name.startswith("head")), name
    run(training, 1)


def test_momentum_is_forgotten_by_every_optimizer():
    torch.manual_seed(0)
    net = nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(3, 2)})
    optimizers = [torch.optim.Adam(net[m].parameters()) for m in "ab"]
    balancer = Balancer(
        net, methods.create("relearn-fixed", reset_momentum=True), {"a": "a", "b": "b"},
        optimizers=optimizers, epochs=4,
    )  # fmt: skip
    (net["a"](torch.ones(1, 3)) + net["b"](torch.ones(1, 3))).sum().backward()
    for optimizer in optimizers:
        optimizer.step()
        assert len(optimizer.state) == 2
    balancer.epoch_end()
    assert [len(optimizer.state) for optimizer in optimizers] == [0, 0]
    for optimizer in optimizers:
        optimizer.step()


def test_resetting_momentum_without_an_optimizer_is_refused():
    training, method = start("relearn"), methods.create("relearn", reset_momentum=True)
    encoders, loaders = {m: f"encoders.{m}" for m in "ab"}, training.balancer.setting.loaders
    training.balancer.detach()
    made = Balancer(training.model, method, encoders, loaders=loaders, epochs=9)
    inputs, targets = training.data.take(torch.arange(4))
    with pytest.raises(BalanceError, match=r"found no optimizer.*optimizers=\[\.\.\.\]"):
        made.loss(training.model(inputs), targets)


def normalised(**settings):
    """An encoder with batch and layer normalisation, trained for one step."""
    torch.manual_seed(0)
    net = nn.ModuleDict({
        "a": nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.LayerNorm(6)),
        "b": nn.Linear(4, 6), "norm": nn.BatchNorm1d(12),
    })  # fmt: skip
    data = [(torch.randn(8, 4), torch.randint(0, 2, (8,)))]

    def forward(model, batch):
        both = torch.cat([model["a"](batch[0]), model["b"](batch[0])], 1)
        return model["norm"](both), batch[1]

    balancer = Balancer(
        net, methods.create("relearn", **{"strength": 1.0, "at": (0.5,)} | settings),
        {"a": "a", "b": "b"}, loaders={"train": data, "val": data}, forward=forward, epochs=2,
    )  # fmt: skip
    start_of = {n: p.clone() for n, p in net.state_dict().items()}
    forward(net, data[0])
    with torch.no_grad():
        for p in net.parameters():
            p.add_(1)
    trained_to = {n: p.clone() for n, p in net.state_dict().items()}
    balancer.epoch_end()
    return net.state_dict(), start_of, trained_to


def test_statistics_of_batch_normalisation_stay_and_its_weights_go_back():
    after, begun, before = normalised()
    for name in after:
        kept = "running" in name or "tracked" in name or name.startswith("norm")
        assert torch.equal(after[name], (before if kept else begun)[name]), name


def test_normalisation_may_be_left_out():
    after, begun, before = normalised(include_norm=False)
    assert torch.equal(after["a.0.weight"], begun["a.0.weight"])
    for layer in ("a.1", "a.2"):
        for name in ("weight", "bias"):
            assert torch.equal(after[f"{layer}.{name}"], before[f"{layer}.{name}"])


class NamedNorm(nn.Module):
    """A normalisation as other libraries have it, known by its name."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6))

    def forward(self, x):
        return self.weight * x / x.norm(dim=-1, keepdim=True)


NORMALISATIONS = {
    "batch": lambda: nn.BatchNorm1d(6), "layer": lambda: nn.LayerNorm(6),
    "group": lambda: nn.GroupNorm(2, 6), "root mean square": lambda: nn.RMSNorm(6),
    "instance": lambda: nn.InstanceNorm1d(6, affine=True), "by name": NamedNorm,
}  # fmt: skip


@pytest.mark.parametrize("kind", NORMALISATIONS)
def test_every_normalisation_may_be_spared(kind):
    torch.manual_seed(0)
    net = nn.ModuleDict({
        m: nn.Sequential(nn.Linear(4, 6), NORMALISATIONS[kind]()) for m in "ab"
    })  # fmt: skip
    method = methods.create("relearn-fixed", include_norm=False, strength=1.0)
    balancer = Balancer(net, method, {"a": "a", "b": "b"}, epochs=4)
    begun = {n: p.clone() for n, p in net.named_parameters()}
    with torch.no_grad():
        for p in net.parameters():
            p.add_(1)
    balancer.epoch_end()
    for name, parameter in net.named_parameters():
        spared = name.startswith(("a.1", "b.1"))
        assert torch.equal(parameter, begun[name] + 1 if spared else begun[name]), name


def test_statistics_of_encoders_may_be_reset():
    after, begun, before = normalised(reset_bn_stats=True)
    assert torch.equal(after["a.1.running_mean"], begun["a.1.running_mean"])
    assert torch.equal(after["norm.running_mean"], before["norm.running_mean"])


def test_statistics_of_a_layer_that_two_encoders_share_stay():
    shared = nn.BatchNorm1d(6)
    net = nn.ModuleDict({m: nn.Sequential(nn.Linear(4, 6), shared) for m in "ab"})
    net["a"].append(nn.BatchNorm1d(6))
    method = methods.create("relearn-fixed", reset_bn_stats=True)
    balancer = Balancer(net, method, {"a": "a", "b": "b"}, epochs=4)
    for m in "ab":
        net[m](torch.randn(8, 4))
    balancer.epoch_end()
    assert shared.num_batches_tracked == 2
    assert net["a"][2].num_batches_tracked == 0


def test_statistics_of_an_encoder_without_a_module_cannot_be_reset():
    net = nn.ModuleDict({"a": nn.BatchNorm1d(2), "b": nn.BatchNorm1d(2)})
    encoders = {"a": "a", "b": r"b\..*"}
    method = methods.create("relearn-fixed", reset_bn_stats=True)
    with pytest.raises(BalanceError) as refused:
        Balancer(net, method, encoders, epochs=4)
    said = str(refused.value)
    for part in ("reset_bn_stats=True", "found 'b'", repr(r"b\..*"), "encoders={'b': 'b_net'}",
                 "reset_bn_stats=False"):  # fmt: skip
        assert part in said
    # As it says; the model is free although the error is still at hand.
    Balancer(net, method, {"a": "a", "b": "b"}, epochs=4).detach()
    Balancer(net, methods.create("relearn-fixed"), encoders, epochs=4)


def noisy(net, encoders, data, **settings):
    """Records of one diagnosis of ``net`` on noise, and the model afterwards."""
    balancer = Balancer(
        net, methods.create("relearn", **settings), {m: m for m in encoders},
        loaders={"train": data["train"], "val": data["val"]}, epochs=4,
        forward=lambda model, batch: (
            torch.stack([model[m](batch[0]) for m in encoders]), batch[1]
        ),
    )  # fmt: skip
    balancer.epoch_end()
    return {r["name"]: r["values"] for r in balancer.decisions.drain()}


def batches_of(features, truth):
    return [(features[k : k + 20], truth[k : k + 20]) for k in range(0, len(truth), 20)]


def test_features_are_read_in_evaluation_mode_and_without_a_trace():
    torch.manual_seed(0)
    net = nn.ModuleDict({
        m: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)) for m in "ab"
    })  # fmt: skip
    x, truth = torch.randn(90, 4), torch.arange(90) % 3
    for m in "ab":
        net[m](3 * x + 1)
    data = {"train": batches_of(x[:60], truth[:60]), "val": batches_of(x[60:], truth[60:])}
    buffers = {n: b.clone() for n, b in net.named_buffers()}
    net.eval()
    wanted = {
        key: [reference.purity_of_features(net[m](x[rows]).detach().numpy(), truth[rows].tolist())
              for m in "ab"]
        for key, rows in (("train_purity", slice(60)), ("validation_purity", slice(60, None)))
    }  # fmt: skip
    net.train()
    net["b"][1].eval()  # frozen, as in fine-tuning
    stream = torch.get_rng_state()

    records = noisy(net, "ab", data, lam=0.0)

    for key, purities in wanted.items():
        assert list(records[key].values()) == pytest.approx(purities)
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(b, buffers[n]) for n, b in net.named_buffers())
    assert [x.training for x in net["b"]] == [True, False, True]


def test_matched_sizes_are_of_every_class_also_where_the_data_are_sorted():
    torch.manual_seed(0)
    net = nn.ModuleDict({m: nn.Linear(3, 3) for m in "ab"})
    x, truth = torch.randn(150, 3), torch.arange(3).repeat_interleave(40)
    few, few_truth = x[120:], torch.arange(30) % 3
    data = {"train": batches_of(x[:120], truth), "val": batches_of(few, few_truth)}
    rows = stratified_rows(truth, 30)
    taken = {m: net[m](x[rows]).detach().numpy() for m in "ab"}
    wanted = [reference.purity_of_features(taken[m], truth[rows].tolist()) for m in "ab"]
    records = noisy(net, "ab", data, match_sizes=True)
    assert list(records["train_purity"].values()) == pytest.approx(wanted)
    # The first rows are of one class, and would be pure.
    assert max(wanted) < 1


def test_matched_sizes_shorten_the_validation_set_where_it_is_the_larger():
    torch.manual_seed(0)
    net = nn.ModuleDict({m: nn.Linear(3, 3) for m in "ab"})
    x, truth = torch.randn(100, 3), torch.arange(100) % 3
    data = {"train": batches_of(x[:40], truth[:40]), "val": batches_of(x, truth)}
    rows = stratified_rows(truth, 40)
    wanted = [
        reference.purity_of_features(net[m](x[rows]).detach().numpy(), truth[rows].tolist())
        for m in "ab"
    ]
    records = noisy(net, "ab", data, match_sizes=True)
    assert list(records["validation_purity"].values()) == pytest.approx(wanted)


def test_a_large_split_is_diagnosed_on_10_000_samples_of_every_class_by_its_share():
    torch.manual_seed(0)
    method, truth = methods.create("relearn"), (torch.arange(10_400) >= 10_300).long()
    features = torch.randn(10_400, 2)
    rows = stratified_rows(truth, 10_000)
    assert 95 <= int(truth[rows].sum()) <= 97  # of 100
    purity = reference.purity_of_features(features[rows].numpy(), truth[rows].tolist())
    assert method._purity(Classification(), features, truth, len(truth)) == purity


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_one_sample_of_a_modality_is_refused_by_name(split):
    net = nn.ModuleDict({m: nn.Linear(4, 4) for m in "ab"})
    whole, without_b = torch.ones(20, 2).bool(), torch.tensor([[True, False]] * 20)
    batch = (torch.randn(20, 4), torch.arange(20) % 3)
    loaders = {s: [(*batch, without_b if s == split else whole)] for s in ("train", "val")}
    balancer = Balancer(
        net, methods.create("relearn", every=1), {"a": "a", "b": "b"}, loaders=loaders,
        forward=lambda model, batch: (model["a"](batch[0]) + model["b"](batch[0]), *batch[1:]),
    )  # fmt: skip
    balancer.epoch_index = 1
    with pytest.raises(BalanceError, match=r"loader .* no sample that holds 'b'"):
        balancer.epoch_end()


def test_collapsed_features_are_left_alone_and_recorded():
    training = start("relearn")
    run(training, 1)
    with torch.no_grad():
        for parameter in training.model.encoders["a"].parameters():
            parameter.zero_()
    before = {n: w for n, w in training.weights.items() if n.startswith("encoders.a")}
    training.balancer.decisions.drain()
    training.balancer.epoch_end()
    records = {r["name"]: r["values"] for r in training.balancer.decisions.drain()}
    assert records["train_purity"]["a"] is None and records["gap"]["a"] is None
    assert records["strength"]["a"] == 0 < records["strength"]["b"]
    after = {n: w for n, w in training.weights.items() if n in before}
    assert_same_weights(after, before)


def test_matched_sizes_take_as_many_training_rows_as_there_are_validation_rows():
    # Pure noise: k-means finds purer clusters in fewer rows, which alone opens a gap.
    training = start("relearn")
    training.balancer.detach()
    few = dataset(("linear", "convolutional"), 12, seed=5)
    gaps = {}
    for matched in (False, True):
        balancer = Balancer(
            training.model, methods.create("relearn", match_sizes=matched, at=(0.5,)),
            {m: f"encoders.{m}" for m in "ab"}, LinearSplit("head"),
            loaders={"train": [whole(few)] * 6, "val": [whole(few)]}, epochs=2,
        )  # fmt: skip
        balancer.epoch_end()
        gaps[matched] = {r["name"]: r["values"] for r in balancer.decisions.drain()}
        balancer.detach()
    # Six copies of the validation set have its purity; a subset of them has another.
    assert gaps[False]["gap"] == pytest.approx({"a": 0, "b": 0})
    assert max(gaps[True]["gap"].values()) > 0


def test_initial_weights_are_kept_on_the_cpu_and_out_of_the_state():
    state = start("relearn").balancer.state_dict()
    constants = [t for group in state["constants"].values() for t in group.values()]
    assert all(t.device.type == "cpu" and not t.requires_grad for t in constants)
    assert state["state"] == {"times": 0, "moved": False}


def test_the_mode_of_the_model_is_restored_after_the_features_were_read():
    training = trained("relearn", epochs=2)
    assert all(module.training for module in training.model.modules())


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": ()}, {"at": (0.5, 1.0)}, {"at": (0.0,)}, {"every": 0}, {"every": 1.5}, {"times": 0},
        {"lam": -1}, {"lam": math.nan}, {"strength": 1.5}, {"strength": -0.1}, {"at": 0.5},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(BalanceError, match=f"DiagnoseRelearn {next(iter(wrong))} must .*found"):
        methods.create("relearn", **wrong)
