"""The gradient stage of AMSS and AMSS+ on models of every kind."""

import math

import pytest
import torch
from torch import nn

from contract.models import Conv1D
from contract.training import assert_same_weights, trained
from equimodal import Balancer, LinearSplit, methods
from equimodal.models import ResNet18

LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


class Net(nn.Module):
    """Two encoders and a linear head of 3 classes over their flattened outputs."""

    def __init__(self, first, second, widths):
        super().__init__()
        self.first, self.second, self.head = first, second, nn.Linear(sum(widths), 3)

    def forward(self, a, b):
        return self.head(torch.cat([self.first(a), self.second(b)], 1))


def after_stage(first, second, given, widths, name="amss", edit=lambda net: None, **settings):
    """The net after one gradient stage, its gradients before it by name, and the records."""
    net = Net(first, second, widths)
    balancer = Balancer(
        net, methods.create(name, **settings), {"a": "first", "b": "second"}, LinearSplit("head")
    )
    balancer.loss(net(*given), LABELS).backward()
    edit(net)
    before = {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None}
    balancer.before_step()
    balancer.epoch_end()
    records = {r["name"]: r["values"] for r in balancer.decisions.drain()}
    return net, before, records


def linears(**options):
    """The same of two linear encoders of 20 units."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(4, 20), nn.LayerNorm(20))
    return after_stage(
        first, nn.Linear(5, 20), (torch.randn(6, 4), torch.randn(6, 5)), (20, 20), **options
    )


def factors(net, before, name):
    """Factor that each row of a weight's gradient was multiplied by."""
    after = dict(net.named_parameters())[name].grad.flatten(1)
    rows = before[name].flatten(1)
    return (after * rows).sum(1) / rows.square().sum(1)


@pytest.mark.parametrize("name", ["amss", "amss+"])
def test_updating_all_units_is_joint_training_bit_for_bit(name):
    everything = trained(name, settings={"fraction": 1.0}, epochs=2)
    assert_same_weights(everything.weights, trained("joint", epochs=2).weights)


@pytest.mark.parametrize(("modalities", "share"), [(2, 1 / 2), (3, 2 / 3), (4, 3 / 4)])
def test_the_control_updates_the_share_of_equal_modalities(modalities, share):
    kinds = ("linear", "gru", "lstm", "convolutional")[:modalities]
    records = trained("amss-fixed", kinds=kinds, epochs=1).balancer.decisions.drain()
    found = [v for r in records if r["name"] == "fraction" for v in r["values"].values()]
    assert found == pytest.approx([share] * modalities * 6)
    assert not any(r["name"] == "significance" for r in records)


def test_biases_and_normalisation_are_never_masked():
    net, before, _ = linears(fraction=0.1)
    masked = {n for n, p in net.named_parameters() if not torch.equal(p.grad, before[n])}
    assert masked == {"first.0.weight", "second.weight"}


def test_embeddings_are_never_masked():
    torch.manual_seed(0)
    words = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(16, 20))
    given = torch.randint(0, 9, (6, 2)), torch.randn(6, 5)
    net, before, _ = after_stage(words, nn.Linear(5, 20), given, (20, 20), fraction=0.1)
    assert torch.equal(net.first[0].weight.grad, before["first.0.weight"])
    assert int(factors(net, before, "first.2.weight").sum()) == 2


def test_the_released_filter_leaves_stem_downsampling_normalisation_and_head_alone():
    torch.manual_seed(0)
    given = torch.randn(6, 1, 16, 16), torch.randn(6, 3, 16, 16)
    net, before, _ = after_stage(
        ResNet18(1), ResNet18(3), given, (512, 512), units="official_av", fraction=0.5
    )
    masked = {n for n, p in net.named_parameters() if not torch.equal(p.grad, before[n])}
    filtered = {n for n in before if "layer" in n and "conv" in n}
    assert masked == filtered
    assert len(masked) == 2 * 16
    for name in masked:
        drawn = factors(net, before, name)
        assert int((drawn > 0.5).sum()) == len(drawn) // 2


def test_units_may_be_chosen_by_a_pattern():
    net, before, _ = linears(fraction=0.5, units=r"first\.0|second")
    assert factors(net, before, "first.0.weight").sum() == 10


def test_layers_by_columns_and_transposed_convolutions_are_masked_along_their_second_axis():
    torch.manual_seed(0)
    columns = Conv1D(4, 20)
    transposed = nn.Sequential(nn.ConvTranspose1d(2, 10, 3), nn.Flatten())
    given = torch.randn(6, 4), torch.randn(6, 2, 4)
    net, before, _ = after_stage(columns, transposed, given, (20, 60), fraction=0.3)
    for name, count in (("first.weight", 6), ("second.0.weight", 3)):
        grad = dict(net.named_parameters())[name].grad.transpose(0, 1).flatten(1)
        kept = before[name].transpose(0, 1).flatten(1)
        moved = [bool(row.any()) for row in grad]
        assert sum(moved) == count
        assert all(torch.equal(g, k) for g, k, m in zip(grad, kept, moved, strict=True) if m)


def test_a_shared_weight_is_masked_once():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    first[2].weight = first[0].weight
    given = torch.randn(6, 6), torch.randn(6, 5)
    net, before, _ = after_stage(
        first, nn.Linear(5, 4), given, (6, 4), fraction=0.99, weighting="scaled", smoothing=1.0
    )
    # All 6 units drawn, each weighing 1 / (n p + 1) = 1/2: twice would be 1/4.
    torch.testing.assert_close(factors(net, before, "first.0.weight"), torch.full((6,), 0.5))


def test_frozen_and_unused_weights_are_skipped():
    first = nn.Sequential(nn.Linear(4, 20), nn.Linear(20, 20))
    first[0].weight.requires_grad_(False)
    second = nn.Linear(5, 20)
    second.never_called = nn.Linear(3, 7)
    given = torch.randn(6, 4), torch.randn(6, 5)
    net, before, records = after_stage(first, second, given, (20, 20), fraction=0.5)
    assert net.first[0].weight.grad is None
    assert net.second.never_called.weight.grad is None
    assert factors(net, before, "first.1.weight").sum() == 10
    assert records["untouched_layers"] == {"a": 0, "b": 0}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["amss", "amss+"])
def test_a_gradient_that_is_not_finite_is_left_untouched_and_counted(name, bad):
    def spoil(net):
        net.first[0].weight.grad[3, 1] = bad

    net, before, records = linears(name=name, edit=spoil)
    found, given = net.first[0].weight.grad, before["first.0.weight"]
    assert torch.equal(found.nan_to_num(7.0), given.nan_to_num(7.0))
    assert records["untouched_layers"] == {"a": 1, "b": 0}
    assert not torch.equal(net.second.weight.grad, before["second.weight"])


@pytest.mark.parametrize("name", ["amss", "amss+"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-12, 1e12])
def test_gradients_of_any_size_are_masked(name, scale):
    def rescale(net):
        net.first[0].weight.grad.mul_(scale)

    net, before, records = linears(name=name, edit=rescale, fraction=0.5, cap=10.0)
    after = net.first[0].weight.grad
    assert bool(after.isfinite().all())
    assert records["untouched_layers"] == {"a": 0, "b": 0}
    moved = int(after.any(1).sum())
    assert moved == (10 if scale else 0)
    assert int((factors(net, before, "second.weight") > 0).sum()) == 10


def test_squares_that_overflow_leave_the_layer_untouched_and_counted():
    def enlarge(net):
        net.first[0].weight.grad.fill_(1e30)

    net, _, records = linears(edit=enlarge)
    assert bool((net.first[0].weight.grad == 1e30).all())
    assert records["untouched_layers"] == {"a": 1, "b": 0}


@pytest.mark.parametrize("name", ["amss", "amss+"])
def test_a_layer_of_one_unit_is_always_updated(name):
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 20))
    given = torch.randn(6, 4), torch.randn(6, 5)
    net, before, _ = after_stage(first, nn.Linear(5, 20), given, (20, 20), name)
    assert torch.equal(net.first[0].weight.grad, before["first.0.weight"])


def test_capped_weights_are_counted_and_no_weight_is_above_the_cap():
    free_net, free_before, free = linears(name="amss+", fraction=0.1, cap=None)
    net, before, records = linears(name="amss+", fraction=0.1, cap=3.0)
    assert "capped_weights" not in free
    for m, weight in (("a", "first.0.weight"), ("b", "second.weight")):
        uncapped = factors(free_net, free_before, weight)
        torch.testing.assert_close(factors(net, before, weight), uncapped.clamp_max(3))
        assert records["capped_weights"][m] == int((uncapped > 3).sum())
    assert sum(records["capped_weights"].values()) > 0


def test_the_other_direction_exchanges_the_fractions_of_two_modalities():
    weak, strong = linears()[2]["fraction"], linears(direction="strong")[2]["fraction"]
    assert strong == pytest.approx({"a": weak["b"], "b": weak["a"]})
    assert weak["a"] != pytest.approx(0.5, abs=1e-4)


def test_a_fixed_fraction_draws_the_right_number_in_double_precision():
    torch.manual_seed(0)
    given = torch.randn(6, 4).double(), torch.randn(6, 5).double()
    wide = nn.Linear(4, 1000).double()
    net = Net(wide, nn.Linear(5, 20).double(), (1000, 20)).double()
    balancer = Balancer(
        net, methods.create("amss", fraction=0.1), {"a": "first", "b": "second"}
    )  # fmt: skip
    balancer.loss(net(*given), LABELS).backward()
    balancer.before_step()
    assert int(wide.weight.grad.any(1).sum()) == 100


def test_label_counts_of_a_half_precision_model_do_not_stall():
    net = Net(nn.Linear(4, 20), nn.Linear(5, 20), (20, 20)).bfloat16()
    balancer = Balancer(
        net, methods.create("amss"), {"a": "first", "b": "second"}, LinearSplit("head")
    )
    given = torch.randn(600, 4).bfloat16(), torch.randn(600, 5).bfloat16()
    for _ in range(2):
        balancer.loss(net(*given), LABELS.repeat(100)).backward()
        balancer.before_step()
    assert balancer.state_dict()["state"]["label_counts"].tolist() == [400.0] * 3


def test_masks_are_drawn_anew_every_step_and_by_the_seed():
    def drawn(seed):
        training = trained("amss-fixed", epochs=0, seed=seed)
        patterns = []
        for _ in range(3):
            inputs, labels = training.data.take(torch.arange(16))
            training.balancer.loss(training.model(inputs), labels).backward()
            training.balancer.before_step()
            weight = training.model.encoders["a"][0].weight
            patterns.append(tuple(weight.grad.any(1).tolist()))
            training.optimizer.zero_grad()
        return patterns

    assert drawn(0) == drawn(0) != drawn(1)
    assert len(set(drawn(0))) > 1


def significant(modalities=3, scales=(0.5, 3.0, 6.0), widths=(20, 20, 20), **settings):
    """A balancer over linear encoders whose heads know different amounts, and its batch."""
    torch.manual_seed(0)
    net = Linears(scales[:modalities], widths[:modalities]).double()
    balancer = Balancer(
        net, methods.create(**settings), {m: f"encoders.{m}" for m in net.encoders},
        LinearSplit("head"),
    )  # fmt: skip
    balancer.watch.clips_first = (
        True  # the same batch at every step has the same norm at every step
    )
    return net, balancer, torch.randn(6, 4).double()


class Linears(nn.Module):
    """Linear encoders of one input, the head's block of each of its own scale."""

    def __init__(self, scales, widths):
        super().__init__()
        self.encoders = nn.ModuleDict(
            {m: nn.Linear(4, w) for m, w in zip("abc", widths, strict=False)}
        )
        self.head = nn.Linear(sum(widths), 3)
        with torch.no_grad():
            for block, scale in zip(self.head.weight.split(list(widths), 1), scales, strict=True):
                block.mul_(scale)

    def forward(self, x):
        return self.head(torch.cat([f(x) for f in self.encoders.values()], 1))


def gradients(net, balancer, x):
    """Gradients before and after the stage of one update, by name."""
    net.zero_grad()
    balancer.loss(net(x), LABELS).backward()
    before = {n: p.grad.clone() for n, p in net.named_parameters()}
    balancer.before_step()
    return before, {n: p.grad for n, p in net.named_parameters()}


def records_of(balancer):
    balancer.epoch_end()
    return {r["name"]: r["values"] for r in balancer.decisions.drain()}


@pytest.mark.parametrize("modalities", [2, 3])
def test_the_control_without_masks_multiplies_gradients_by_the_shares_alone(modalities):
    net, balancer, x = significant(modalities, name="amss-scale", tau=5.0)
    before, after = gradients(net, balancer, x)
    records = records_of(balancer)
    shares = records["fraction"]
    assert len(set(shares.values())) == modalities
    for name, grad in before.items():
        _, m, kind = name.split(".") if "encoders" in name else ("", "", "")
        wanted = grad * shares[m] if kind == "weight" else grad
        torch.testing.assert_close(after[name], wanted, rtol=1e-12, atol=0)
    assert records["passed"] == pytest.approx({m: r**2 for m, r in shares.items()})
    assert "significance" in records


@pytest.mark.parametrize("modalities", [2, 3])
def test_as_many_units_are_drawn_in_each_modality_as_its_own_share_says(modalities):
    net, balancer, x = significant(
        modalities, scales=(1.0, 5.0, 15.0), widths=(200, 200, 200), name="amss", tau=0.5
    )
    _, after = gradients(net, balancer, x)
    shares = records_of(balancer)["fraction"]
    counts = {m: int(after[f"encoders.{m}.weight"].any(1).sum()) for m in shares}
    assert counts == {m: math.ceil(200 * r) for m, r in shares.items()}
    assert len(set(counts.values())) == modalities


def test_the_control_without_masks_leaves_a_gradient_that_is_not_finite_alone():
    def spoil(net):
        net.first[0].weight.grad[3, 1] = math.nan

    net, before, records = linears(name="amss-scale", edit=spoil)
    found, given = net.first[0].weight.grad, before["first.0.weight"]
    assert torch.equal(found.nan_to_num(7.0), given.nan_to_num(7.0))
    assert records["untouched_layers"] == {"a": 1, "b": 0}
    assert records["passed"] == pytest.approx({"a": None, "b": records["fraction"]["b"] ** 2})


@pytest.mark.parametrize(("name", "least"), [("amss-uniform", 0.0), ("amss", 0.6)])
def test_the_control_without_importance_draws_all_units_alike_whatever_their_gradient(name, least):
    net, balancer, x = significant(2, name=name, fraction=0.3, smoothing=0.0)
    steps, drawn = 800, torch.zeros(20)
    for _ in range(steps):
        net.zero_grad()
        balancer.loss(net(x), LABELS).backward()
        grad = net.encoders["a"].weight.grad
        grad.normal_().mul_(torch.arange(1.0, 21.0)[:, None])
        balancer.before_step()
        drawn += grad.any(1)
    far = (drawn / steps - 6 / 20).abs().max()
    # m / n of the steps, within five standard deviations; by Fisher the last is drawn in most.
    if least:
        assert far > 0.3
    else:
        assert far < 5 * math.sqrt(0.3 * 0.7 / steps)


@pytest.mark.parametrize("name", ["amss", "amss+", "amss-uniform"])
def test_what_passed_is_the_share_of_an_epochs_squared_gradients_of_drawn_units(name):
    net, balancer, x = significant(2, name=name)
    passed, total = {"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 0.0}
    for size in (1.0, 3.0):
        before, after = gradients(net, balancer, size * x)
        for m in passed:
            rows, left = before[f"encoders.{m}.weight"], after[f"encoders.{m}.weight"]
            passed[m] += float(rows[left.any(1)].square().sum())
            total[m] += float(rows.square().sum())
    records = records_of(balancer)
    assert records["passed"] == pytest.approx({m: passed[m] / total[m] for m in passed})
    assert 0 < records["passed"]["b"] < 1


def test_what_is_counted_starts_anew_with_every_epoch():
    net, balancer, x = significant(2, name="amss+", fraction=0.1, cap=1.5)
    found = []
    for steps in (3, 1):
        for _ in range(steps):
            net.zero_grad()
            balancer.loss(net(x), LABELS).backward()
            net.encoders["a"].weight.grad[0] = math.nan
            balancer.before_step()
        found.append(records_of(balancer))
    assert [r["untouched_layers"] for r in found] == [{"a": 3, "b": 0}, {"a": 1, "b": 0}]
    # One layer of 20 units, of which two are drawn in a step.
    assert found[1]["capped_weights"]["b"] <= 2


@pytest.mark.parametrize("significance", ["reference", "av", "it", "nv"])
def test_the_share_of_steps_at_the_clamp_is_recorded(significance):
    for tau, expected in ((1e-4, 1.0), (1e4, 0.0)):
        net, balancer, x = significant(
            2, scales=(0.1, 0.3), name="amss", tau=tau, significance=significance
        )
        for _ in range(3):
            gradients(net, balancer, x)
        assert records_of(balancer)["at_clamp"] == {"a": expected, "b": expected}


def test_a_fixed_share_sits_at_no_clamp():
    net, balancer, x = significant(2, name="amss", fraction=0.1)
    for _ in range(12):
        gradients(net, balancer, x)
    assert "at_clamp" not in records_of(balancer)


def twelve_steps(net, balancer, x):
    for _ in range(12):
        gradients(net, balancer, x)
    balancer.epoch_end()


@pytest.mark.parametrize("name", ["amss", "amss+", "amss-scale", "amss-uniform"])
def test_a_tau_that_is_a_hard_switch_is_warned_about_once(name):
    training = significant(2, name=name, tau=1e-4)
    with pytest.warns(UserWarning, match=r"tau=0.0001 is a hard switch.*normalise") as caught:
        twelve_steps(*training)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    twelve_steps(*training)


def test_the_released_image_text_significance_reads_no_features_to_be_normalised():
    training = significant(2, scales=(0.1, 0.3), name="amss", tau=1e-4, significance="it")
    with pytest.warns(UserWarning, match=r"hard switch.*: raise tau\.$"):
        twelve_steps(*training)


def probabilities(grad, smoothing=0.01):
    squares = grad.square().sum(1)
    return (1 - smoothing) * squares / squares.sum() + smoothing / len(squares)


@pytest.mark.parametrize("bias", [0.0, 0.2])
def test_the_released_weight_has_its_bias_and_no_cap(bias):
    net, balancer, x = significant(
        2, widths=(60, 20), name="amss", weighting="official", bias=bias, fraction=0.5
    )  # fmt: skip
    before, after = gradients(net, balancer, x)
    highest = 0.0
    for m, n in (("a", 60), ("b", 20)):
        rows = before[f"encoders.{m}.weight"]
        left = after[f"encoders.{m}.weight"]
        drawn = left.any(1)
        weight = 1 / (probabilities(rows) + 1 / n + bias)
        torch.testing.assert_close(left[drawn], rows[drawn] * weight[drawn, None])
        highest = max(highest, float(weight[drawn].max()))
    assert bias or highest > 10


def test_an_unbiased_mask_draws_two_units_where_one_is_the_share():
    counts = {}
    for name in ("amss", "amss+"):
        net, balancer, x = significant(2, name=name, fraction=0.05)
        _, after = gradients(net, balancer, x)
        counts[name] = int(after["encoders.a.weight"].any(1).sum())
    assert counts == {"amss": 1, "amss+": 2}


def test_the_default_cap_is_ten():
    weights = {}
    for cap in ("default", None):
        given = {} if cap == "default" else {"cap": cap}
        net, balancer, x = significant(
            2, widths=(400, 20), name="amss+", fraction=0.02, **given
        )  # fmt: skip
        before, after = gradients(net, balancer, x)
        rows, left = before["encoders.a.weight"], after["encoders.a.weight"]
        weights[cap] = (left * rows).sum(1) / rows.square().sum(1)
    assert float(weights[None].max()) > 10
    torch.testing.assert_close(weights["default"], weights[None].clamp_max(10.0))


def test_the_cap_takes_the_mean_of_the_mask_below_one_and_without_it_the_mean_is_one():
    means, steps = {}, 300
    for cap in (2.0, None):
        net, balancer, x = significant(2, name="amss+", fraction=0.4, cap=cap, smoothing=1.0)
        total = torch.zeros(20).double()
        for _ in range(steps):
            before, after = gradients(net, balancer, x)
            rows = before["encoders.a.weight"]
            total += (after["encoders.a.weight"] * rows).sum(1) / rows.square().sum(1)
        means[cap] = float(total.mean() / steps)
    assert means[None] == pytest.approx(1.0, abs=0.1)
    assert means[2.0] <= 8 / 20 * 2.0


def test_what_passed_leaves_out_layers_that_are_not_finite():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 20))

    def spoil(net):
        net.first[0].weight.grad[3, 1] = math.inf

    given = torch.randn(6, 4), torch.randn(6, 5)
    _, _, records = after_stage(
        first, nn.Linear(5, 20), given, (20, 20), name="amss-scale", edit=spoil
    )
    assert records["untouched_layers"] == {"a": 1, "b": 0}
    assert records["passed"] == pytest.approx({m: r**2 for m, r in records["fraction"].items()})


def test_a_hard_switch_is_not_told_again_after_a_restart():
    training = significant(2, name="amss", tau=1e-4)
    with pytest.warns(UserWarning, match="hard switch"):
        twelve_steps(*training)
    again = significant(2, name="amss", tau=1e-4)
    again[1].load_state_dict(training[1].state_dict())
    twelve_steps(*again)
